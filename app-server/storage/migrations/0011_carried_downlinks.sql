-- Downlinks that were brought from another server with their device: none is brought twice, wherever it has gone since.
create table carried_downlinks (
  dev_eui text not null,
  id text not null,
  primary key (dev_eui, id)
);
