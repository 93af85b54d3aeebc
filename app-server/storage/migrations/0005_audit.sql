-- Who changed what, and who logged in. `entry` is the text that is signed, each with the signature before it, so that an
-- entry that was changed, removed or put in between shows; the other columns are copies of what is in it, to search by.
create table audit_log (
  number bigint primary key,
  -- The entry that this one tells the outcome of.
  outcome_of bigint unique,
  at timestamptz not null,
  tenant_id uuid,
  actor_name text not null,
  action text not null,
  entry text not null,
  key_id text not null,
  signature bytea not null
);
create index audit_log_tenant on audit_log (tenant_id, number);

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'the audit log is only ever added to';
end $$;
create trigger audit_log_kept before update or delete or truncate on audit_log
  for each statement execute function refuse_change();
