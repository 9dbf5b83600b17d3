-- The banks that cards are paid by. One without a URL is where the environment, or the sandbox, says it is.
CREATE TABLE acquirer (
  id             uuid PRIMARY KEY,
  name           text NOT NULL UNIQUE,
  connector      text NOT NULL,
  url            text,
  -- Sealed.
  secret         text,
  capabilities   text[] NOT NULL,
  -- False: no new payment goes there. Those that it has are finished there.
  takes_payments boolean NOT NULL DEFAULT true,
  created_at     timestamptz NOT NULL
);

-- The one that there was before there were several. Its account in the ledger is the one that there was, too.
INSERT INTO acquirer (id, name, connector, capabilities, created_at)
VALUES ('00000000-0000-0000-0000-000000000001', 'default', 'http',
  '{partial_capture,several_captures,partial_reversal,tokens,merchant_initiated}', clock_timestamp());

-- Which acquirer a new payment goes to: the first one of these that is for it, else the default. NULL: whatever it is.
CREATE TABLE acquirer_route (
  position        integer PRIMARY KEY,
  merchant_id     uuid REFERENCES merchant,
  payment_method  text CHECK (payment_method IN ('card')),
  currency        text,
  card_brand      text,
  acquirer_id     uuid NOT NULL REFERENCES acquirer
);

-- How a merchant is known to an acquirer: names and secrets that its connector asks for, sealed as a whole.
CREATE TABLE acquirer_credentials (
  id           uuid PRIMARY KEY,
  merchant_id  uuid NOT NULL REFERENCES merchant,
  acquirer_id  uuid NOT NULL REFERENCES acquirer,
  names        text[] NOT NULL,
  sealed       text NOT NULL,
  updated_at   timestamptz NOT NULL,
  UNIQUE (merchant_id, acquirer_id)
);

-- An acquirer's token of a card, sealed. The default acquirer's are in card_token, where nodes of the version before
-- read and write them.
CREATE TABLE bank_token (
  id             uuid PRIMARY KEY,
  card_token_id  text NOT NULL REFERENCES card_token,
  acquirer_id    uuid NOT NULL REFERENCES acquirer,
  sealed         text NOT NULL,
  UNIQUE (card_token_id, acquirer_id)
);

-- Constants, so that no row is written: what there is, and what nodes of the version before add, is the default
-- acquirer's. Of wallet payments the column says nothing.
ALTER TABLE transaction ADD COLUMN acquirer_id uuid DEFAULT '00000000-0000-0000-0000-000000000001';
ALTER TABLE bank_operation ADD COLUMN acquirer_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000001';
