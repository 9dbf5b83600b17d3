-- outside a transaction
-- By default a table is vacuumed when a fifth of it is new or has changed: with 50,000,000 payments, every 10,000,000. Until
-- then lists that read an index alone fetch each row that has come since, and everything is frozen in one go one day.
-- docs/decisions/0120-growth.md has the figures. Neither reads nor writes wait for these settings, which wait for a vacuum
-- of the table that is under way; that gives way after deadlock_timeout.

-- Each payment leaves dead rows. Below 2 % of a table's pages PostgreSQL leaves them in the indexes.
ALTER TABLE transaction SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02);
ALTER TABLE bank_operation SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02);

-- What is only ever added to is visited soon after, and frozen then for good.
ALTER TABLE event SET (autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 200000,
  autovacuum_freeze_min_age = 0);
ALTER TABLE posting SET (autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 200000,
  autovacuum_freeze_min_age = 0);
ALTER TABLE audit_log SET (autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 200000,
  autovacuum_freeze_min_age = 0);
ALTER TABLE wallet_transfer SET (autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 200000,
  autovacuum_freeze_min_age = 0);
