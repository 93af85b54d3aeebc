-- Where users have events sent: those of one application, or of every application of the tenant.
create table integrations (
  id uuid primary key default gen_random_uuid(),
  tenant_id uuid not null references tenants on delete cascade,
  application_id uuid references applications on delete cascade,
  name text not null check (length(name) between 1 and 200),
  description text not null default '',
  kind text not null,
  mode text not null default 'active' check (mode in ('active', 'paused', 'off')),
  filter jsonb not null default '{}',
  format text not null default 'chirpstack',
  mapping text not null default '',
  settings jsonb not null default '{}',
  -- A JSON object, AES-256-GCM under a key of the installation: key id, nonce, ciphertext, tag.
  secrets bytea,
  secret_names text[] not null default '{}',
  limits jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index integrations_tenant on integrations (tenant_id);
create index integrations_application on integrations (application_id);
create trigger integrations_changed after insert or update or delete on integrations
  for each row execute function notify_catalog('id');

-- What waits to be sent, in the order of `seq` for each device. Neither this table nor the next refers to `integrations`: the
-- check would cost a lock for each row, and rows of an integration that is gone are removed all the same.
create table integration_queue (
  integration_id uuid not null,
  seq bigint generated always as identity,
  partition smallint not null,
  dev_eui text not null,
  application_id uuid not null,
  tenant_id uuid not null,
  kind text not null,
  event text not null,
  size integer not null,
  enqueued_at timestamptz not null default now(),
  primary key (integration_id, seq) include (size, enqueued_at)
) with (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 2000, toast_tuple_target = 8160);

-- What could not be sent, with the reason, until somebody sends it again or drops it.
create table integration_dead_letters (
  integration_id uuid not null,
  seq bigint not null,
  partition smallint not null,
  dev_eui text not null,
  application_id uuid not null,
  tenant_id uuid not null,
  kind text not null,
  event text not null,
  size integer not null,
  enqueued_at timestamptz not null,
  died_at timestamptz not null default now(),
  reason text not null,
  message text not null,
  attempts integer not null,
  primary key (integration_id, seq)
);

create table integration_states (
  integration_id uuid primary key,
  circuit text not null default 'closed',
  delivered bigint not null default 0,
  dropped bigint not null default 0,
  last_delivered_at timestamptz,
  last_error_at timestamptz,
  last_error text not null default ''
);
