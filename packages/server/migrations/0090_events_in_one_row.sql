-- A payment that is decided at once has `created` and what was decided in one row of `event`: engine/eventRows.ts says how.
-- docs/decisions/0125-created-in-the-row-of-its-decision.md says why, and from when on nodes write such rows.
-- In the order in which payments lock them: a batch reads the clock in the one, and writes to the other afterwards.
LOCK TABLE installation, event IN ACCESS EXCLUSIVE MODE;

ALTER TABLE event
  -- Whether the row is also the event right before it, the transaction's `created`.
  ADD COLUMN with_created boolean NOT NULL DEFAULT false;

-- That event's position is one less than the row's. Positions begin at 1: the first of all is nobody's.
ALTER SEQUENCE event_position INCREMENT BY 2;
SELECT nextval('event_position');

ALTER TABLE installation
  -- Whether nodes may write such rows: none of before runs, and none of those starts on this schema.
  ADD COLUMN shares_event_rows boolean NOT NULL DEFAULT false;
