-- What happened: events and frames, and what is counted of them. Tables of what happened are partitioned by day (of UTC), and
-- those of sums by month: the server makes the partitions ahead of time and drops them when nobody keeps them any more.

create table event_history (
  at timestamptz not null,
  -- Of the event, the same however often it is delivered.
  id uuid not null,
  kind text not null,
  tenant_id uuid not null,
  application_id uuid not null,
  dev_eui text not null,
  -- Of log events.
  code text,
  dev_addr text,
  -- What integrations were given.
  body text not null,
  primary key (at, id, kind)
) partition by range (at);
create index event_history_device on event_history (dev_eui, at, id, kind);
create index event_history_application on event_history (application_id, at, id, kind);
create index event_history_tenant on event_history (tenant_id, at, id, kind);
-- Most are uplinks, which are found along the time.
create index event_history_kind on event_history (kind, at, id) where kind <> 'up';
create index event_history_code on event_history (code, at, id, kind) where code is not null;
create index event_history_dev_addr on event_history (dev_addr, at, id, kind) where dev_addr is not null;

-- Who heard or sent it.
create table event_history_gateways (
  gateway_id text not null,
  at timestamptz not null,
  id uuid not null,
  kind text not null,
  primary key (gateway_id, at, id, kind)
) partition by range (at);

create table frame_history (
  at timestamptz not null,
  id uuid not null,
  direction text not null,
  -- Null where the device is not known, or not proven.
  tenant_id uuid,
  application_id uuid,
  dev_eui text,
  dev_addr text,
  -- Verdict or outcome.
  result text not null,
  phy_payload bytea not null,
  -- The rest of the record.
  details text not null,
  primary key (at, id)
) partition by range (at);
create index frame_history_device on frame_history (dev_eui, at, id) where dev_eui is not null;
create index frame_history_tenant on frame_history (tenant_id, at, id);
create index frame_history_dev_addr on frame_history (dev_addr, at, id) where dev_addr is not null;

create table frame_history_gateways (
  gateway_id text not null,
  at timestamptz not null,
  id uuid not null,
  primary key (gateway_id, at, id)
) partition by range (at);

-- What each tenant keeps, day by day; the tenant of what is nobody's is all zeros.
create table history_usage (
  tenant_id uuid not null,
  what text not null check (what in ('events', 'frames')),
  day date not null,
  rows bigint not null,
  bytes bigint not null,
  primary key (tenant_id, what, day)
);

-- Null: what the configuration says.
create table history_settings (
  tenant_id uuid primary key references tenants on delete cascade,
  event_days integer check (event_days between 1 and 3650),
  frame_days integer check (frame_days between 0 and 3650),
  measurement_days integer check (measurement_days between 1 and 3650),
  max_megabytes integer check (max_megabytes >= 1)
);
