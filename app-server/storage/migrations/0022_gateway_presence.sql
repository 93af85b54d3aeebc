-- When a gateway came and went: one row for each change. What is between two rows is as the first of them says.
create table gateway_presence (
  gateway_id text not null references gateways on delete cascade,
  at timestamptz not null,
  is_online boolean not null,
  primary key (gateway_id, at)
);
