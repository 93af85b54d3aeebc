-- Imports under way and done. A batch of rows, and how far the import has come by it, are written in one transaction, so that
-- an import that was cut off goes on behind the last row that is there.
create table imports (
  id uuid primary key default gen_random_uuid(),
  tenant_id uuid not null references tenants on delete cascade,
  application_id uuid references applications on delete cascade,
  kind text not null check (kind in ('devices', 'gateways', 'device-profiles', 'applications')),
  -- By which the one who sends the file knows it again.
  key text not null,
  on_existing text not null check (on_existing in ('skip', 'update', 'fail')),
  is_dry_run boolean not null,
  started_by text not null,
  state text not null default 'running' check (state in ('running', 'interrupted', 'finished')),
  -- Records that are dealt with.
  position integer not null default 0,
  -- Of everything that was read so far: what goes on must begin with the same.
  digest text not null default '',
  bytes_read bigint not null default 0,
  total_bytes bigint,
  created integer not null default 0,
  updated integer not null default 0,
  unchanged integer not null default 0,
  skipped integer not null default 0,
  failed integer not null default 0,
  faults integer not null default 0,
  started_at timestamptz not null default now(),
  changed_at timestamptz not null default now(),
  finished_at timestamptz
);
create index imports_tenant on imports (tenant_id, started_at);
-- One import of a file at a time.
create unique index imports_running on imports (tenant_id, key) where state <> 'finished';

-- Devices of the last batch, whose sessions are started after it: the state store is no part of its transaction.
create table import_sessions (
  import_id uuid not null references imports on delete cascade,
  dev_eui text not null,
  primary key (import_id, dev_eui)
);

create table import_faults (
  import_id uuid not null references imports on delete cascade,
  number integer not null,
  line integer not null,
  column_name text,
  message text not null,
  primary key (import_id, number)
);
