-- Events are numbered in the order in which they are kept, so that a live stream goes on after a number in any process.

-- Null: kept before there were numbers.
alter table event_history add column number bigint;
create index event_history_number on event_history (number) where number is not null;

-- One row. Whoever keeps events holds it until they are committed, so that no number shows before a smaller one.
create table event_journal (
  is_only boolean primary key default true check (is_only),
  -- What numbers of this database are told from those of another by.
  id text not null default substr(md5(gen_random_uuid()::text), 1, 8),
  last bigint not null default 0
);
insert into event_journal default values;

-- Up to which number events of a tenant may be gone by now; of any tenant where it is all zeros.
create table event_journal_floors (
  tenant_id uuid primary key,
  number bigint not null
);
