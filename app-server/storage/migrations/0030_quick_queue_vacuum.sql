-- After an outage millions of rows go out within minutes. Whoever counts a queue passes by each that is not cleared away yet: at the
-- usual pace clearing takes longer than sending.
alter table integration_queue set (autovacuum_vacuum_cost_delay = 0, autovacuum_vacuum_insert_scale_factor = 0.05);
