-- What a tenant may have at most; null, or no row: as much as it likes. Whoever adds something holds the row, so that two who
-- add at once are counted one after the other.
create table tenant_limits (
  tenant_id uuid primary key references tenants on delete cascade,
  max_devices integer check (max_devices >= 0),
  max_gateways integer check (max_gateways >= 0),
  max_applications integer check (max_applications >= 0),
  max_integrations integer check (max_integrations >= 0),
  requests_per_minute integer check (requests_per_minute > 0)
);
