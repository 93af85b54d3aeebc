alter table device_profiles drop constraint device_profiles_codec_check;
alter table device_profiles add constraint device_profiles_codec_check
  check (codec in ('none', 'cayenne-lpp', 'javascript', 'typescript'));

-- What the codec has to make of which input: a list of objects, run before a changed codec is stored.
alter table device_profiles add column codec_cases jsonb not null default '[]';
