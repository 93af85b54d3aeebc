-- The configuration of a region that a gateway is set up for; null: any.
alter table gateways add column region_config_id text;
