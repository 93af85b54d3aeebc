-- As of the event log: whose it is to look after. Null: written before anybody told.
alter table device_pulses add column partition smallint;

-- When the installation was back from a time in which nobody looked: devices have their time from then on.
alter table alert_watch add column began_at timestamptz;
