-- The order in which events are read: by round, then by position.
--
-- The transaction id alone is not that order. A transaction takes its id before it waits for a payment's
-- lock, so the one with the smaller id may write the payment's later event. The round is taken when the
-- events are written, with every lock held: one more than the greatest transaction id that is finished or
-- the writer's own. It never falls along the events of one payment; the sequence orders those of one round.
--
-- A writer in progress has, or will have, a round above its own id. So every round up to
-- pg_snapshot_xmin(pg_current_snapshot()) is complete for good, and a reader that stops there skips nothing.
ALTER TABLE installation
  -- Added to transaction ids, which begin anew when a dump is restored into another cluster.
  ADD COLUMN event_round_offset bigint NOT NULL DEFAULT 0;

CREATE SEQUENCE event_position;
DROP INDEX event_feed;
ALTER TABLE event
  ADD COLUMN round     bigint,
  -- Of the payment, refunds that are not decided yet: after the event, like the other amounts.
  ADD COLUMN reserved  bigint NOT NULL DEFAULT 0,
  ALTER COLUMN position DROP DEFAULT,
  ALTER COLUMN position TYPE bigint;
-- Until now events had the order of their transaction ids; those of one payment stay in theirs.
UPDATE event e SET round = o.round, position = o.position
  FROM (SELECT transaction_id, seq, round, row_number() OVER (ORDER BY round, seq, transaction_id) AS position
        FROM (SELECT transaction_id, seq, max(xid::text::bigint + 1) OVER (PARTITION BY transaction_id ORDER BY seq) AS round
              FROM event) r) o
  WHERE o.transaction_id = e.transaction_id AND o.seq = e.seq;
SELECT setval('event_position', count(*) + 1, false) FROM event;
ALTER TABLE event
  DROP COLUMN xid,
  ALTER COLUMN round SET NOT NULL,
  ALTER COLUMN position SET DEFAULT nextval('event_position');
ALTER SEQUENCE event_position OWNED BY event.position;
CREATE INDEX event_feed ON event (round, position);
