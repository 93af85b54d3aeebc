-- Requests that are carried out once, however often they are sent: who sent which key, for what, and the answer.
create table idempotency_keys (
  owner text not null,
  key_hash bytea not null,
  -- Of method, path and body: a key is for one request.
  request_hash bytea not null,
  -- Null until it is done, and for good after a crash in the middle.
  status integer,
  -- Null where the answer holds a secret.
  answer text,
  created_at timestamptz not null default now(),
  primary key (owner, key_hash)
);
create index idempotency_keys_age on idempotency_keys (created_at);
