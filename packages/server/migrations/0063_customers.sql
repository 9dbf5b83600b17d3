-- A merchant's customers: the merchant's own, never shared. Who holds wallets is another thing (0064).
CREATE TABLE merchant_customer (
  id           uuid PRIMARY KEY,
  merchant_id  uuid NOT NULL REFERENCES merchant,
  -- The merchant's own id for them.
  reference    text,
  name         text,
  email        text,
  phone        text,
  locale       text,
  -- What the merchant gave with it: kept as it came.
  metadata     json NOT NULL DEFAULT '{}',
  -- By which they are searched: the application's folding of upper and lower case, whatever the database's locale.
  name_key     text,
  email_key    text,
  created_at   timestamptz NOT NULL,
  updated_at   timestamptz NOT NULL,
  -- Idempotency keys whose stored answers show the customer: erased with it.
  answer_keys  text[] NOT NULL DEFAULT '{}',
  -- When the personal data was erased. The id stays, since payments point at it.
  erased_at    timestamptz,
  UNIQUE (merchant_id, id),
  CHECK (erased_at IS NULL OR (reference IS NULL AND name IS NULL AND email IS NULL AND phone IS NULL AND locale IS NULL
    AND name_key IS NULL AND email_key IS NULL AND metadata::text = '{}'))
);
-- Unique among those that are there: an erased customer gives the reference back.
CREATE UNIQUE INDEX merchant_customer_by_reference
  ON merchant_customer (merchant_id, reference text_pattern_ops) WHERE reference IS NOT NULL;
CREATE INDEX merchant_customer_by_name ON merchant_customer (merchant_id, name_key text_pattern_ops, id)
  WHERE name_key IS NOT NULL;
CREATE INDEX merchant_customer_by_email ON merchant_customer (merchant_id, email_key text_pattern_ops, id)
  WHERE email_key IS NOT NULL;
CREATE INDEX merchant_customer_by_phone ON merchant_customer (merchant_id, phone text_pattern_ops, id)
  WHERE phone IS NOT NULL;

-- The customer of a wallet payment. `customer_id`, which says so of card payments, was the holder of the wallet there, whom no
-- merchant is shown.
ALTER TABLE transaction ADD COLUMN merchant_customer_id uuid;
