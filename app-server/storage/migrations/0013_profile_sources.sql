-- Where a profile was imported from: by this it is found when it is imported again.
alter table device_profiles
  add column source_id text check (length(source_id) between 1 and 400),
  -- As labels of devices have them (TR005).
  add column vendor_id integer check (vendor_id between 0 and 65535),
  add column vendor_profile_id integer check (vendor_profile_id between 0 and 65535);
create unique index device_profiles_source on device_profiles (tenant_id, source_id);
create index device_profiles_label on device_profiles (tenant_id, vendor_id, vendor_profile_id);
