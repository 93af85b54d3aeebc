-- A list of devices by when they were heard reads a page of this index. Devices that never were are in it too, and first.
create index device_latest_heard on device_latest ((coalesce(heard_at, '-infinity'::timestamptz)), dev_eui collate "C");

create function keep_device_latest() returns trigger language plpgsql as $$
begin
  -- In the order in which the history takes these rows.
  insert into device_latest (dev_eui, tenant_id)
    select d.dev_eui, a.tenant_id from added d join applications a on a.id = d.application_id
      order by d.dev_eui collate "C"
    on conflict do nothing;
  return null;
end;
$$;
create trigger devices_have_latest after insert on devices
  referencing new table as added for each statement execute function keep_device_latest();

insert into device_latest (dev_eui, tenant_id)
  select d.dev_eui, a.tenant_id from devices d join applications a on a.id = d.application_id
  on conflict do nothing;
