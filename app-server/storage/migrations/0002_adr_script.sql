-- Source of the profile's own ADR algorithm, for adr_algorithm 'script'.
alter table device_profiles add column adr_script text not null default '';
