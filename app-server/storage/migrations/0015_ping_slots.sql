-- What class B devices are built with; null where they say it themselves, or use what their region has.
alter table device_profiles
  add column class_b_ping_slot_periodicity integer check (class_b_ping_slot_periodicity between 0 and 7),
  add column class_b_ping_slot_data_rate integer check (class_b_ping_slot_data_rate between 0 and 15),
  -- Above 2^31 in the 2.4 GHz band.
  add column class_b_ping_slot_frequency_hz bigint check (class_b_ping_slot_frequency_hz >= 0);
