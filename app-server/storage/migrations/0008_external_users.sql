-- Users as identity providers know them: an email may change hands, a subject does not.
create table user_identities (
  issuer text not null,
  subject text not null,
  user_id uuid not null references users on delete cascade,
  primary key (issuer, subject)
);
create index user_identities_user on user_identities (user_id);

-- Whose groups a right comes from; null: it was given here.
alter table users add column admin_issuer text;
alter table tenant_users add column issuer text;
