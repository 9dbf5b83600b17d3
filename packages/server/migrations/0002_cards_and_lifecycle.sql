-- Cards join wallets in the one lifecycle; events become readable in the order of their commits.

ALTER TABLE merchant
  -- Where a payer may be sent back to after 3-D Secure, as URL origins; enforced in production.
  ADD COLUMN return_origins text[] NOT NULL DEFAULT '{}';

CREATE TABLE store (
  id           uuid PRIMARY KEY,
  merchant_id  uuid NOT NULL REFERENCES merchant,
  name         text NOT NULL,
  created_at   timestamptz NOT NULL
);
CREATE INDEX store_of_merchant ON store (merchant_id, id);

CREATE TABLE terminal (
  id           uuid PRIMARY KEY,
  merchant_id  uuid NOT NULL REFERENCES merchant,
  store_id     uuid NOT NULL REFERENCES store,
  name         text NOT NULL,
  created_at   timestamptz NOT NULL
);
CREATE INDEX terminal_of_merchant ON terminal (merchant_id, id);

-- What is left of a card: never its number. The fingerprint is keyed, and the bank knows the card by its
-- own token, once it has seen it.
CREATE TABLE card_token (
  id            text PRIMARY KEY,
  merchant_id   uuid NOT NULL,
  fingerprint   text NOT NULL,
  brand         text NOT NULL,
  last4         text NOT NULL,
  expiry_month  smallint NOT NULL,
  expiry_year   smallint NOT NULL,
  bank_token    text,
  created_at    timestamptz NOT NULL,
  UNIQUE (merchant_id, fingerprint, expiry_month, expiry_year)
);

ALTER TABLE transaction
  ADD COLUMN description                 text,
  ADD COLUMN payer_ip                    text,
  ADD COLUMN store_id                    uuid,
  ADD COLUMN terminal_id                 uuid,
  ADD COLUMN secure_3d                   boolean NOT NULL DEFAULT false,
  ADD COLUMN recurring_type              text,
  ADD COLUMN retrieval_reference_number  text,
  ADD COLUMN payment_link_id             text,
  ADD COLUMN payment_session_id          uuid,
  ADD COLUMN card_token_id               text,
  ADD COLUMN card_brand                  text,
  ADD COLUMN card_last4                  text,
  ADD COLUMN return_url                  text,
  -- Where the payer authenticates while the status is '3d'.
  ADD COLUMN redirect_url                text,
  -- The bank operation that is outstanding; at most one.
  ADD COLUMN operation_id                uuid,
  DROP CONSTRAINT transaction_awaiting_check,
  ADD CONSTRAINT transaction_awaiting_check CHECK (awaiting IN ('confirmation', 'delay', 'bank'));
CREATE INDEX transaction_by_status ON transaction (merchant_id, status, id);

-- What was asked of the bank: the intent commits before the call, the answer after it. id is the bank's
-- idempotency key; for an authorization it is the transaction's.
CREATE TABLE bank_operation (
  id               uuid PRIMARY KEY,
  transaction_id   uuid NOT NULL,
  -- Of a refund: the payment. The bank knows the payment only.
  payment_id       uuid NOT NULL,
  merchant_id      uuid NOT NULL,
  kind             text NOT NULL CHECK (kind IN ('authorize', 'complete', 'capture', 'cancel', 'refund', 'reverse')),
  amount           bigint NOT NULL,
  currency         text NOT NULL,
  actor            text NOT NULL,
  reason           text,
  status           text NOT NULL CHECK (status IN ('pending', 'done', 'declined', 'failed')),
  attempts         integer NOT NULL DEFAULT 0,
  requested_at     timestamptz NOT NULL,
  settled_at       timestamptz,
  -- Real time: when another node may take a pending operation over. NULL once it is settled.
  next_attempt_at  timestamptz,
  -- The idempotency key whose response waits for this operation, and until when.
  scope_id         uuid,
  key              text,
  answer_due_at    timestamptz
);
CREATE INDEX bank_operation_due ON bank_operation (next_attempt_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX bank_operation_unanswered ON bank_operation (answer_due_at) WHERE answer_due_at IS NOT NULL;
CREATE INDEX bank_operation_of_transaction ON bank_operation (transaction_id);

-- Transactions commit in another order than they start in. Rows of transactions below
-- pg_snapshot_xmin(pg_current_snapshot()) are complete for good; (xid, position) orders them.
ALTER TABLE event
  ADD COLUMN xid       xid8 NOT NULL DEFAULT pg_current_xact_id(),
  ADD COLUMN position  integer NOT NULL DEFAULT 0;
CREATE INDEX event_feed ON event (xid, position);
