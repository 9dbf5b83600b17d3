-- Webhooks. A fan-out follows the event feed and writes a delivery per event and subscribed endpoint; nodes
-- claim lanes, deliver what is in them in order, and record how it went. Authorizations write nothing of this.

CREATE TABLE webhook_endpoint (
  id                uuid PRIMARY KEY,
  merchant_id       uuid NOT NULL REFERENCES merchant,
  url               text NOT NULL,
  description       text,
  -- Names of events; none: all of them.
  events            text[] NOT NULL,
  -- Encrypted with SECRET_KEY, as are the next two. Shown once, when it is made.
  secret            text NOT NULL,
  -- The secret before the last rotation, and until when (in real time) it signs as well.
  old_secret        text,
  old_secret_until  timestamptz,
  bearer_token      text,
  -- One more with every change of what is sent where, so that nodes know when to read it again.
  version           integer NOT NULL DEFAULT 1,
  -- Events up to this round of the feed were committed before the endpoint was there, or was enabled again.
  after_round       bigint NOT NULL,
  -- On the engine's clock, as what the endpoint's merchant reads. The first failure since the last success.
  failing_since     timestamptz,
  disabled_at       timestamptz,
  disabled_reason   text CHECK (disabled_reason IN ('requested', 'gone', 'failing')),
  deleted_at        timestamptz,
  created_at        timestamptz NOT NULL,
  updated_at        timestamptz NOT NULL,
  CHECK ((disabled_at IS NULL) = (disabled_reason IS NULL))
);
CREATE INDEX webhook_endpoint_of_merchant ON webhook_endpoint (merchant_id, id) WHERE deleted_at IS NULL;

-- How far the fan-out has read the feed.
CREATE TABLE webhook_feed (
  singleton  boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  round      bigint NOT NULL,
  position   bigint NOT NULL
);

-- What is sent: the same bytes to every endpoint and at every attempt. A test's message has seq 0, and an id
-- of its own in place of a transaction's.
CREATE TABLE webhook_message (
  transaction_id  uuid NOT NULL,
  seq             integer NOT NULL,
  body            text NOT NULL,
  created_at      timestamptz NOT NULL,
  PRIMARY KEY (transaction_id, seq)
);

-- A message for an endpoint. A family is a payment and its refunds; id is the order in which their deliveries
-- are made.
CREATE TABLE webhook_delivery (
  family_id       uuid NOT NULL,
  endpoint_id     uuid NOT NULL,
  transaction_id  uuid NOT NULL,
  seq             integer NOT NULL,
  id              bigint GENERATED ALWAYS AS IDENTITY,
  name            text NOT NULL,
  -- When the event happened.
  event_at        timestamptz NOT NULL,
  status          text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'delivered', 'failed')),
  attempts        integer NOT NULL DEFAULT 0,
  -- Asked for by a resend or a replay.
  replay          boolean NOT NULL DEFAULT false,
  created_at      timestamptz NOT NULL,
  finished_at     timestamptz,
  PRIMARY KEY (family_id, endpoint_id, transaction_id, seq)
) WITH (fillfactor = 70);
CREATE INDEX webhook_delivery_of_endpoint ON webhook_delivery (endpoint_id, id);
CREATE INDEX webhook_delivery_failed ON webhook_delivery (endpoint_id, id) WHERE status = 'failed';

-- A family that has pending deliveries to an endpoint: what a node claims, so that they stay in their order.
-- The row is there only as long as any are pending, and is locked by whoever adds or finishes one.
CREATE TABLE webhook_lane (
  family_id     uuid NOT NULL,
  endpoint_id   uuid NOT NULL,
  pending       integer NOT NULL CHECK (pending >= 0),
  -- Failed attempts of the first delivery, since it was made or asked for again.
  failures      integer NOT NULL DEFAULT 0,
  -- On the engine's clock.
  due_at        timestamptz NOT NULL,
  -- In real time: who has claimed it, and until when nobody else may.
  lease         uuid,
  leased_until  timestamptz,
  PRIMARY KEY (family_id, endpoint_id)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
CREATE INDEX webhook_lane_due ON webhook_lane (endpoint_id, due_at);

CREATE TABLE webhook_attempt (
  family_id       uuid NOT NULL,
  endpoint_id     uuid NOT NULL,
  transaction_id  uuid NOT NULL,
  seq             integer NOT NULL,
  number          integer NOT NULL,
  at              timestamptz NOT NULL,
  latency_ms      integer NOT NULL,
  -- Of the answer; NULL when there was none, for the reason in error.
  status_code     smallint,
  error           text,
  -- The beginning of the answer.
  response        text,
  PRIMARY KEY (family_id, endpoint_id, transaction_id, seq, number)
);

-- A time range that is being delivered again, step by step. id is the replay's, round and position where it is.
CREATE TABLE webhook_replay (
  id           uuid PRIMARY KEY,
  endpoint_id  uuid NOT NULL,
  merchant_id  uuid NOT NULL,
  from_at      timestamptz NOT NULL,
  to_at        timestamptz NOT NULL,
  round        bigint NOT NULL,
  position     bigint NOT NULL
);
