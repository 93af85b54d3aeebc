-- Sums of hours and days: of what devices measured and did, and of what gateways and tenants did.

create table device_sums (
  dev_eui text not null,
  -- In the key: what a device did as another tenant's is not this one's.
  tenant_id uuid not null,
  every text not null check (every in ('hour', 'day')),
  start timestamptz not null,
  tally jsonb not null default '{}',
  measured jsonb not null default '{}',
  primary key (dev_eui, tenant_id, every, start)
) partition by range (start);

create table gateway_sums (
  gateway_id text not null,
  every text not null check (every in ('hour', 'day')),
  start timestamptz not null,
  tally jsonb not null default '{}',
  primary key (gateway_id, every, start)
) partition by range (start);

create table tenant_sums (
  tenant_id uuid not null,
  every text not null check (every in ('hour', 'day')),
  start timestamptz not null,
  tally jsonb not null default '{}',
  primary key (tenant_id, every, start)
) partition by range (start);

-- When a device was heard last, and each of its measurements then.
create table device_latest (
  dev_eui text not null,
  tenant_id uuid not null,
  heard_at timestamptz,
  measured jsonb not null default '{}',
  primary key (dev_eui, tenant_id)
);
create index device_latest_tenant on device_latest (tenant_id);

-- What people call what devices of a profile measure.
create table profile_measurements (
  device_profile_id uuid not null references device_profiles on delete cascade,
  key text not null check (length(key) between 1 and 100),
  name text not null,
  unit text not null,
  kind text not null check (kind in ('gauge', 'counter', 'state')),
  primary key (device_profile_id, key)
);
