-- What a tenant has changed of the rules that the program has; null: as it is there.
create table alert_rules (
  tenant_id uuid not null references tenants on delete cascade,
  kind text not null,
  change jsonb not null,
  primary key (tenant_id, kind)
);

-- What is being watched because it is not as it should be, or was not lately.
create table alert_conditions (
  tenant_id uuid not null references tenants on delete cascade,
  kind text not null,
  subject text not null,
  subject_type text not null check (subject_type in ('device', 'gateway', 'integration')),
  application_id uuid,
  condition jsonb not null,
  -- When it may be another one without anything having happened.
  check_at timestamptz,
  alert_id uuid,
  primary key (tenant_id, kind, subject)
);
create index alert_conditions_check on alert_conditions (check_at) where check_at is not null;

create table alerts (
  id uuid primary key default gen_random_uuid(),
  tenant_id uuid not null references tenants on delete cascade,
  application_id uuid,
  kind text not null,
  severity text not null check (severity in ('info', 'warning', 'critical')),
  state text not null check (state in ('raised', 'acknowledged', 'cleared')),
  subject_type text not null,
  subject text not null,
  subject_name text not null default '',
  value double precision not null,
  threshold double precision not null,
  details jsonb not null default '{}',
  raised_at timestamptz not null,
  acknowledged_at timestamptz,
  acknowledged_by text,
  note text not null default '',
  cleared_at timestamptz,
  -- As of the event log: whose it is to tell.
  partition smallint not null,
  raise_told_at timestamptz,
  clear_told_at timestamptz,
  -- It was told together with others.
  is_grouped boolean not null default false
);
-- One at a time, whoever finds it.
create unique index alerts_open on alerts (tenant_id, kind, subject) where state <> 'cleared';
create index alerts_tenant on alerts (tenant_id, raised_at, id);
create index alerts_subject on alerts (subject, raised_at, id);
create index alerts_cleared on alerts (cleared_at) where cleared_at is not null;
create index alerts_untold on alerts (partition) where raise_told_at is null or (state = 'cleared' and clear_told_at is null);
create index alerts_told on alerts (tenant_id, kind, raise_told_at);

-- When each device was heard last, and how often that is.
create table device_pulses (
  dev_eui text primary key references devices on delete cascade,
  tenant_id uuid not null,
  application_id uuid not null,
  heard_at timestamptz not null,
  interval_ms bigint not null,
  samples integer not null default 0,
  gateways text[] not null default '{}',
  dev_addr text not null default '',
  due_at timestamptz,
  is_silent boolean not null default false
) with (fillfactor = 80);
create index device_pulses_due on device_pulses (due_at) where due_at is not null;

-- Devices whose root key anybody can guess; never the key.
create table weak_root_keys (
  dev_eui text primary key references devices on delete cascade,
  reason text not null
);

-- When somebody last looked; one row.
create table alert_watch (
  id boolean primary key default true check (id),
  looked_at timestamptz not null
);
