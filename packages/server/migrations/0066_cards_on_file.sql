-- Cards on file: which customer of a merchant has had which card kept, and what they have agreed to. Charging again asks for
-- it. A row stays when its card is deleted: it says when a consent was given and when it ended, and nothing of the card.
CREATE TABLE card_on_file (
  customer_id          uuid NOT NULL,
  card_token_id        text NOT NULL REFERENCES card_token,
  merchant_id          uuid NOT NULL,
  created_at           timestamptz NOT NULL,
  -- The card that was made so last is the customer's default; without one, the first that was kept.
  default_at           timestamptz,
  consent_at           timestamptz NOT NULL,
  consent_by           text NOT NULL CHECK (consent_by IN ('checkout', 'api')),
  -- The payment that the consent was given with.
  consent_transaction_id  uuid NOT NULL,
  -- Whether the merchant may charge it without the customer, and until when. NULL: until that is withdrawn.
  merchant_may_charge  boolean NOT NULL,
  consent_until        timestamptz,
  withdrawn_at         timestamptz,
  deleted_at           timestamptz,
  PRIMARY KEY (customer_id, card_token_id),
  CHECK (deleted_at IS NULL OR withdrawn_at IS NOT NULL)
);
CREATE INDEX card_on_file_of_token ON card_on_file (card_token_id);

-- Nothing that began before this keeps an acquirer's token of the card.
ALTER TABLE card_token ADD COLUMN removed_at timestamptz;

ALTER TABLE transaction
  -- What a payment keeps its card for ('keep', 'cof_initial'), or who charged one that was kept ('payer', 'merchant').
  ADD COLUMN card_use                       text,
  ADD COLUMN consent_until                  timestamptz,
  -- Of a payment that its merchant made: the one by which the customer agreed. Nodes of the version before take
  -- parent_transaction_id for what a refund belongs to.
  ADD COLUMN first_transaction_id           uuid,
  ADD COLUMN network_transaction_reference  text;

-- Of a link whose payment is the first of several: JSON, {"frequencyDays", "until"}.
ALTER TABLE payment_link ADD COLUMN recurring text;
