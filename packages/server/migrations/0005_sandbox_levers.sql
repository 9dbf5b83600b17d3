ALTER TABLE installation
  -- Sandbox only: how long every batch sleeps with its locks held, to show what a slow database does.
  ADD COLUMN database_delay_ms integer NOT NULL DEFAULT 0 CHECK (database_delay_ms BETWEEN 0 AND 5000);

-- Old keys are purged page by page. A BRIN index by age would not help for long: its ranges never shrink when
-- new keys take the room of purged ones.
DROP INDEX idempotency_key_by_age;
