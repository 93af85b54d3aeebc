-- What a device did and measured is a row for each day, to which an event adds a line; sums of a day are those of its hours.

create table device_days (
  dev_eui text not null,
  -- In the key: what a device did as another tenant's is not this one's.
  tenant_id uuid not null,
  start timestamptz not null,
  -- Tally and measurements of each hour of UTC that has some, under its number.
  hours json not null default '{}',
  -- Events that are not in `hours` yet: a comma and a list of time, what it counts and what it measured, for each.
  pending text not null default '',
  primary key (dev_eui, tenant_id, start)
) partition by range (start);

do $$
declare
  month record;
  name text;
begin
  for month in
    select relname, pg_get_expr(relpartbound, pg_class.oid) as bound
      from pg_inherits join pg_class on pg_class.oid = inhrelid where inhparent = 'device_sums'::regclass
  loop
    name := replace(month.relname, 'device_sums_', 'device_days_');
    execute format('create table %I partition of device_days %s', name, month.bound);
  end loop;
end;
$$;

insert into device_days (dev_eui, tenant_id, start, hours)
  select dev_eui, tenant_id, date_trunc('day', start, 'UTC'),
      json_object_agg(extract(hour from start at time zone 'UTC')::integer, json_build_object('tally', tally, 'measured', measured))
    from device_sums where every = 'hour' group by 1, 2, 3;

drop table device_sums;
-- Nothing looks for what a tenant's devices told by the tenant alone, and each uplink had to keep it.
drop index device_latest_tenant;
