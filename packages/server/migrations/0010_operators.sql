-- What operators look things up by, and the audits they asked for.
CREATE INDEX customer_by_iin_last4 ON customer (iin_last4, id);

CREATE TABLE audit_run (
  id           uuid PRIMARY KEY,
  started_at   timestamptz NOT NULL,
  -- NULL while it runs, and for ever when its node ended under it.
  finished_at  timestamptz,
  -- What was broken, as the audit names it; NULL until it has finished, or when it could not be done.
  violations   jsonb
);
