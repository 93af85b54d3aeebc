-- Sums over many tenants look for a time, and for each tenant in it.
create index tenant_sums_start on tenant_sums (every, start);
