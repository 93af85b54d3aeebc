-- What a device shall be like and what it says it is like; see docs/twin.md.
create table device_twins (
  dev_eui text primary key references devices on delete cascade,
  -- As of the event log.
  partition smallint not null,
  desired jsonb not null default '{}',
  reported jsonb not null default '{}',
  desired_times jsonb not null default '{}',
  reported_times jsonb not null default '{}',
  desired_version bigint not null default 0,
  reported_version bigint not null default 0,
  -- How far the desired state is on its way.
  delivery jsonb not null,
  due_at timestamptz,
  -- Uplinks that were merged last.
  seen text[] not null default '{}',
  report_fault text,
  -- What of it subscribers know.
  told text not null default '',
  is_untold boolean not null default false,
  revision bigint not null default 1
) with (fillfactor = 80);
create index device_twins_due on device_twins (due_at) where due_at is not null;
create index device_twins_untold on device_twins (partition) where is_untold;
