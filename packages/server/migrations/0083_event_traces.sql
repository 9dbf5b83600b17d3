-- Which trace an event is of, where its request was traced: what is done with it later, on whichever node, joins that trace.
-- Without tracing nothing is written here.
CREATE TABLE event_trace (
  transaction_id  uuid NOT NULL,
  seq             integer NOT NULL,
  -- As in the header of W3C Trace Context.
  traceparent     text NOT NULL,
  created_at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (transaction_id, seq)
);
