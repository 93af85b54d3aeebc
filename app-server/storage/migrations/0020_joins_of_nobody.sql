-- Join-Requests of devices that nobody has, by their DevEUI as it is on the air: a device whose EUI was mistyped is found so.
create index frame_history_join_of_nobody on frame_history (substring(phy_payload from 10 for 8), at)
  where dev_eui is null and dev_addr is null and length(phy_payload) = 23;
