-- False: a run was about to put it into the queue, and may have been ended before it did or after.
alter table carried_downlinks add column is_done boolean not null default true;
