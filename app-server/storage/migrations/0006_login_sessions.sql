-- What people need to know their own logins by, and to end one.
alter table login_sessions
  add column id uuid not null default gen_random_uuid() unique,
  add column address text not null default '',
  add column user_agent text not null default '',
  add column last_used_at timestamptz not null default now();
create index login_sessions_user on login_sessions (user_id);
