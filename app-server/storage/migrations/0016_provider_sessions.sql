-- Whose login it follows: a provider that ends its own ends these (OpenID Connect Back-Channel Logout 1.0).
alter table login_sessions
  add column issuer text,
  add column provider_session text;
create index login_sessions_provider on login_sessions (issuer, provider_session) where issuer is not null;
