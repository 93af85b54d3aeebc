-- What people configure. Identifiers of radio things are lower-case hex as printed on the device.

create table tenants (
  id uuid primary key default gen_random_uuid(),
  name text not null check (length(name) between 1 and 200),
  description text not null default '',
  tags jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create table users (
  id uuid primary key default gen_random_uuid(),
  email text not null,
  password_hash text,
  is_admin boolean not null default false,
  is_active boolean not null default true,
  note text not null default '',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create unique index users_email on users (lower(email));

create table tenant_users (
  tenant_id uuid not null references tenants on delete cascade,
  user_id uuid not null references users on delete cascade,
  role text not null check (role in ('admin', 'device-manager', 'gateway-manager', 'viewer')),
  primary key (tenant_id, user_id)
);

create table login_sessions (
  token_hash bytea primary key,
  user_id uuid not null references users on delete cascade,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null
);

create table api_keys (
  id uuid primary key default gen_random_uuid(),
  tenant_id uuid references tenants on delete cascade,
  name text not null check (length(name) between 1 and 200),
  token_hash bytea not null unique,
  role text not null check (role in ('administrator', 'admin', 'device-manager', 'gateway-manager', 'viewer')),
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  last_used_at timestamptz,
  check ((role = 'administrator') = (tenant_id is null))
);

create table applications (
  id uuid primary key default gen_random_uuid(),
  tenant_id uuid not null references tenants on delete cascade,
  name text not null check (length(name) between 1 and 200),
  description text not null default '',
  tags jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index applications_tenant on applications (tenant_id);

create table mqtt_credentials (
  -- Short, because a NOTIFY that carries it must fit in 8000 bytes.
  username text primary key check (length(username) between 1 and 200),
  application_id uuid not null references applications on delete cascade,
  password_hash text not null,
  created_at timestamptz not null default now()
);

create table device_profiles (
  id uuid primary key default gen_random_uuid(),
  tenant_id uuid not null references tenants on delete cascade,
  name text not null check (length(name) between 1 and 200),
  description text not null default '',
  region text not null,
  region_config_id text,
  mac_version text not null,
  regional_parameters text not null,
  supports_otaa boolean not null default true,
  supports_class_b boolean not null default false,
  supports_class_c boolean not null default false,
  class_b_timeout_s integer not null default 8 check (class_b_timeout_s > 0),
  class_c_timeout_s integer not null default 8 check (class_c_timeout_s > 0),
  adr_algorithm text not null default 'default',
  adr_min_data_rate integer check (adr_min_data_rate between 0 and 15),
  adr_max_data_rate integer check (adr_max_data_rate between 0 and 15),
  -- What its devices shall use instead of what the region's configuration says.
  mac jsonb not null default '{}',
  expected_uplink_interval_s integer not null default 3600 check (expected_uplink_interval_s > 0),
  device_status_interval_s integer not null default 86400 check (device_status_interval_s >= 0),
  flush_queue_on_activate boolean not null default true,
  confirmed_downlink_retries integer not null default 3 check (confirmed_downlink_retries between 0 and 15),
  abp_rx1_delay_s integer not null default 1 check (abp_rx1_delay_s between 1 and 15),
  abp_rx1_dr_offset integer not null default 0 check (abp_rx1_dr_offset between 0 and 7),
  abp_rx2_data_rate integer,
  abp_rx2_frequency_hz integer,
  codec text not null default 'none' check (codec in ('none', 'cayenne-lpp', 'javascript')),
  codec_script text not null default '',
  tags jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  check (adr_min_data_rate <= adr_max_data_rate)
);
create index device_profiles_tenant on device_profiles (tenant_id);

create table devices (
  dev_eui text primary key check (dev_eui ~ '^[0-9a-f]{16}$'),
  -- No cascade: a device has a session and a queue outside this database, so it is deleted knowingly or not at all.
  application_id uuid not null references applications,
  device_profile_id uuid not null references device_profiles,
  join_eui text not null default '0000000000000000' check (join_eui ~ '^[0-9a-f]{16}$'),
  name text not null check (length(name) between 1 and 200),
  description text not null default '',
  is_disabled boolean not null default false,
  resets_f_cnt boolean not null default false,
  -- Goes before the profile's.
  mac jsonb not null default '{}',
  variables jsonb not null default '{}',
  tags jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index devices_application on devices (application_id, name collate "C", dev_eui collate "C");
create index devices_profile on devices (device_profile_id);

-- The Join Server's. Keys are AES-256-GCM under the installation's key-encryption key: key id, nonce, ciphertext, tag.
create table device_root_keys (
  dev_eui text primary key references devices on delete cascade,
  nwk_key bytea not null,
  app_key bytea,
  updated_at timestamptz not null default now()
);

-- Nonces are counted per JoinEUI (TS001-1.0.4 6.2.2) and outlive a change of keys. No foreign key: a JoinNonce that was used
-- under a root key stays used when the device is deleted and added again.
create table join_nonces (
  dev_eui text not null,
  join_eui text not null,
  join_nonce integer not null default 0,
  last_dev_nonce integer,
  -- Of Rejoin-Requests of type 1, which the Join Server alone counts (TS001-1.1 6.2.4.2).
  last_rj_count1 integer,
  -- Bit n is set when DevNonce n was used: bounded, and nothing is ever forgotten (LoRaWAN up to 1.0.3).
  used_dev_nonces bytea not null default '',
  primary key (dev_eui, join_eui)
);

create table gateways (
  gateway_id text primary key check (gateway_id ~ '^[0-9a-f]{16}$'),
  tenant_id uuid not null references tenants,
  name text not null check (length(name) between 1 and 200),
  description text not null default '',
  is_disabled boolean not null default false,
  latitude double precision,
  longitude double precision,
  altitude double precision,
  antenna_gain_db real not null default 0,
  source_rule jsonb not null default '{"kind": "any"}',
  rate_limit integer not null default 2000 check (rate_limit > 0),
  tags jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index gateways_tenant on gateways (tenant_id);

-- Every process keeps what it needs of the catalog in memory; this tells it what to forget. Payload: table, space, key.
create function notify_catalog() returns trigger language plpgsql as $$
declare
  record_key text;
begin
  record_key := to_jsonb(coalesce(new, old)) ->> tg_argv[0];
  perform pg_notify('catalog', tg_table_name || ' ' || record_key);
  return null;
end $$;

create trigger tenants_changed after insert or update or delete on tenants
  for each row execute function notify_catalog('id');
create trigger applications_changed after insert or update or delete on applications
  for each row execute function notify_catalog('id');
create trigger device_profiles_changed after insert or update or delete on device_profiles
  for each row execute function notify_catalog('id');
create trigger devices_changed after insert or update or delete on devices
  for each row execute function notify_catalog('dev_eui');
create trigger gateways_changed after insert or update or delete on gateways
  for each row execute function notify_catalog('gateway_id');
create trigger mqtt_credentials_changed after insert or update or delete on mqtt_credentials
  for each row execute function notify_catalog('username');
