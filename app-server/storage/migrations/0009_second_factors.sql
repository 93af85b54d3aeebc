-- Secrets are AES-256-GCM under a key of the installation: key id, nonce, ciphertext, tag.
create table second_factors (
  user_id uuid primary key references users on delete cascade,
  secret bytea not null,
  confirmed_at timestamptz,
  -- Of the last code that was taken: none is taken twice.
  last_step bigint
);

create table recovery_codes (
  user_id uuid not null references users on delete cascade,
  code_hash bytea not null,
  primary key (user_id, code_hash)
);
