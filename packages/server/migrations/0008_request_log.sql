-- What merchants' requests were and how they ended, for a week. Written in the background; no bodies.
CREATE TABLE request_log (
  merchant_id      uuid NOT NULL,
  id               uuid NOT NULL,
  at               timestamptz NOT NULL,
  method           text NOT NULL,
  -- As the API's documents have it, and as it was sent: without the query, long numbers masked.
  route            text NOT NULL,
  path             text NOT NULL,
  status           smallint NOT NULL,
  latency_us       integer NOT NULL,
  request_id       text NOT NULL,
  idempotency_key  text,
  reason           text,
  -- The API key or the session.
  credential_id    uuid NOT NULL,
  PRIMARY KEY (merchant_id, id)
);
