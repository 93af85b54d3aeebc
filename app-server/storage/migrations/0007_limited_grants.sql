-- Null: everything in the tenant. A list and no rows of another table, so that a limit never becomes none when an
-- application is deleted; ids are never used again.
alter table tenant_users
  add column application_ids uuid[],
  add check (application_ids is null or role in ('device-manager', 'viewer'));

alter table api_keys
  add column is_read_only boolean not null default false,
  add column application_ids uuid[],
  -- Null: what the configuration says.
  add column requests_per_minute integer check (requests_per_minute > 0),
  add check (application_ids is null or role in ('device-manager', 'viewer'));
