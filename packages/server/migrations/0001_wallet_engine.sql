-- The wallet engine. Money is in minor units. Transaction amounts fit 2^53-1 (bigint); balances may
-- be larger (numeric). Tables on the hot path have composite keys and no foreign keys: measured, a
-- surrogate key or a foreign key costs 10 to 25 % of the authorizations per second.

CREATE TABLE installation (
  singleton        boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  mode             text NOT NULL CHECK (mode IN ('sandbox', 'production')),
  -- Sandbox only: generated once, so that nodes that share the database share it. NULL in production.
  sandbox_secret   text,
  -- A node whose SECRET_KEY does not reproduce this refuses to start.
  secret_verifier  bytea NOT NULL,
  -- The sandbox's test clock: how far it is ahead of the database's clock. Forward only.
  clock_offset_ms  bigint NOT NULL DEFAULT 0 CHECK (clock_offset_ms >= 0),
  seeded_at        timestamptz,
  created_at       timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE merchant (
  id                   uuid PRIMARY KEY,
  name                 text NOT NULL,
  capture_mode         text NOT NULL DEFAULT 'manual' CHECK (capture_mode IN ('manual', 'automatic')),
  capture_delay_s      integer NOT NULL DEFAULT 0 CHECK (capture_delay_s >= 0),
  authorization_ttl_s  integer NOT NULL DEFAULT 604800 CHECK (authorization_ttl_s > 0),
  created_at           timestamptz NOT NULL
);

-- A key with a merchant is the merchant's; a key without one is an operator's.
CREATE TABLE api_key (
  id           uuid PRIMARY KEY,
  merchant_id  uuid REFERENCES merchant,
  name         text NOT NULL,
  hash         bytea NOT NULL UNIQUE,
  hint         text NOT NULL,
  scopes       text[] NOT NULL CHECK (scopes <@ ARRAY['read', 'write'] AND cardinality(scopes) > 0),
  created_at   timestamptz NOT NULL,
  expires_at   timestamptz,
  revoked_at   timestamptz
);
CREATE INDEX api_key_of_merchant ON api_key (merchant_id, id);

CREATE TABLE customer (
  id          uuid PRIMARY KEY,
  phone       text NOT NULL UNIQUE,
  -- HMAC of the IIN under SECRET_KEY: for look-up only. The IIN itself is never stored.
  iin_hash    text NOT NULL,
  iin_last4   text NOT NULL,
  created_at  timestamptz NOT NULL
);
CREATE INDEX customer_by_iin ON customer (iin_hash);

CREATE TABLE wallet (
  id           uuid PRIMARY KEY,
  customer_id  uuid NOT NULL REFERENCES customer,
  currency     text NOT NULL,
  available    numeric(38, 0) NOT NULL DEFAULT 0 CHECK (available >= 0),
  held         numeric(38, 0) NOT NULL DEFAULT 0 CHECK (held >= 0),
  frozen       boolean NOT NULL DEFAULT false,
  -- Who decides an authorization: at once; after the customer's approval; or, in the sandbox, after
  -- 3 seconds, or never because of a system error.
  approval     text NOT NULL DEFAULT 'none' CHECK (approval IN ('none', 'customer', 'delayed', 'system_error')),
  created_at   timestamptz NOT NULL,
  UNIQUE (customer_id, currency)
) WITH (fillfactor = 70);

CREATE TABLE merchant_balance (
  merchant_id  uuid NOT NULL,
  currency     text NOT NULL,
  balance      numeric(38, 0) NOT NULL DEFAULT 0 CHECK (balance >= 0),
  PRIMARY KEY (merchant_id, currency)
) WITH (fillfactor = 50);

-- funding: the outside world that wallets are filled from. acquirer: the bank that cards are paid by.
CREATE TABLE system_account (
  kind      text NOT NULL CHECK (kind IN ('funding', 'acquirer')),
  currency  text NOT NULL,
  balance   numeric(38, 0) NOT NULL DEFAULT 0,
  PRIMARY KEY (kind, currency)
) WITH (fillfactor = 50);

CREATE TABLE transaction (
  id                     uuid PRIMARY KEY,
  merchant_id            uuid NOT NULL,
  type                   text NOT NULL CHECK (type IN ('payment', 'refund')),
  payment_method         text NOT NULL CHECK (payment_method IN ('wallet', 'card')),
  status                 text NOT NULL CHECK (status IN ('created', '3d', 'authorized', 'rejected',
                           'transaction.failed', 'charged', 'cancelled', 'refunded')),
  status_reason          text,
  -- While 'created': what the decision waits for.
  awaiting               text CHECK (awaiting IN ('confirmation', 'delay')),
  amount                 bigint NOT NULL CHECK (amount BETWEEN 1 AND 9007199254740991),
  currency               text NOT NULL,
  captured               bigint NOT NULL DEFAULT 0 CHECK (captured >= 0),
  released               bigint NOT NULL DEFAULT 0 CHECK (released >= 0),
  refunded               bigint NOT NULL DEFAULT 0 CHECK (refunded >= 0),
  reserved               bigint NOT NULL DEFAULT 0 CHECK (reserved >= 0),
  order_reference        text NOT NULL,
  wallet_id              uuid,
  customer_id            uuid,
  parent_transaction_id  uuid,
  capture_mode           text NOT NULL CHECK (capture_mode IN ('manual', 'automatic')),
  created_at             timestamptz NOT NULL,
  updated_at             timestamptz NOT NULL,
  authed_at              timestamptz,
  confirmed_at           timestamptz,
  processed_at           timestamptz,
  -- When an outstanding decision or a hold lapses, and when an automatic capture falls due.
  expires_at             timestamptz,
  capture_at             timestamptz,
  -- The next moment at which the engine itself must act on this row; NULL once it never must.
  due_at                 timestamptz,
  event_count            integer NOT NULL,
  posting_count          integer NOT NULL,
  CHECK (captured + released <= amount),
  CHECK (refunded + reserved <= captured OR type = 'refund')
) WITH (fillfactor = 85);
CREATE INDEX transaction_of_merchant ON transaction (merchant_id, id);
CREATE INDEX transaction_by_order_reference ON transaction (merchant_id, order_reference, id);
CREATE INDEX transaction_due ON transaction (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX transaction_of_parent ON transaction (parent_transaction_id) WHERE parent_transaction_id IS NOT NULL;

-- Append-only: the history of every transaction, and later the outbox of everything that reports it.
-- The amounts are the transaction's after the event; `amount` is what the event itself moved.
CREATE TABLE event (
  transaction_id  uuid NOT NULL,
  seq             integer NOT NULL,
  merchant_id     uuid NOT NULL,
  name            text NOT NULL,
  status          text NOT NULL,
  amount          bigint NOT NULL,
  captured        bigint NOT NULL,
  released        bigint NOT NULL,
  refunded        bigint NOT NULL,
  -- The merchant's balance after the event, for events that post to it.
  balance         numeric(38, 0),
  actor           text NOT NULL,
  reason          text,
  at              timestamptz NOT NULL,
  PRIMARY KEY (transaction_id, seq)
);

-- A posting moves one amount from one account to another, so it balances by construction. An account
-- is named by its kind and what the kind belongs to: available and held to wallet_id, balance to
-- merchant_id, funding and acquirer to the currency. operation_id is a transaction or a wallet_transfer.
CREATE TABLE posting (
  operation_id  uuid NOT NULL,
  seq           integer NOT NULL,
  from_account  text NOT NULL,
  to_account    text NOT NULL,
  wallet_id     uuid,
  merchant_id   uuid,
  currency      text NOT NULL,
  amount        bigint NOT NULL CHECK (amount > 0),
  at            timestamptz NOT NULL,
  PRIMARY KEY (operation_id, seq),
  CHECK (from_account <> to_account)
);
CREATE INDEX posting_of_wallet ON posting (wallet_id, at) WHERE wallet_id IS NOT NULL;
CREATE INDEX posting_of_merchant ON posting (merchant_id, at) WHERE merchant_id IS NOT NULL;

-- Money that enters a wallet from outside or leaves it.
CREATE TABLE wallet_transfer (
  id          uuid PRIMARY KEY,
  wallet_id   uuid NOT NULL,
  kind        text NOT NULL CHECK (kind IN ('deposit', 'withdrawal')),
  amount      bigint NOT NULL CHECK (amount BETWEEN 1 AND 9007199254740991),
  currency    text NOT NULL,
  reference   text,
  actor       text NOT NULL,
  created_at  timestamptz NOT NULL
);

-- One row per command that was decided. key is the merchant's Idempotency-Key (printable ASCII) or,
-- for a command without one, an internal id behind a character that no header can hold.
-- effect_id, effect_seq name what the command did: a transaction's event, or a transfer or another
-- object with effect_seq 0; NULL when it did nothing (a refusal).
CREATE TABLE idempotency_key (
  scope_id      uuid NOT NULL,
  key           text NOT NULL,
  fingerprint   text NOT NULL,
  effect_id     uuid,
  effect_seq    integer,
  status_code   smallint,
  response      text,
  created_at    timestamptz NOT NULL,
  PRIMARY KEY (scope_id, key)
) WITH (fillfactor = 85);
CREATE INDEX idempotency_key_by_age ON idempotency_key USING brin (created_at);
