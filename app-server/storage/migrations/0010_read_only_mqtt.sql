alter table mqtt_credentials add column is_read_only boolean not null default false;
