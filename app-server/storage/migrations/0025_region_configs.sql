-- Configurations of regions, of the whole installation, beside those of the configuration file. No foreign keys to it:
-- profiles and gateways may name one of the file as well.
create table region_configs (
  id text primary key check (length(id) between 1 and 100),
  region text not null,
  description text not null default '',
  -- For devices for which nobody names one.
  is_default boolean not null default false,
  settings jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create unique index region_configs_default on region_configs (region) where is_default;
create index device_profiles_region_config on device_profiles (region_config_id) where region_config_id is not null;
create index gateways_region_config on gateways (region_config_id) where region_config_id is not null;

create trigger region_configs_changed after insert or update or delete on region_configs
  for each row execute function notify_catalog('id');
