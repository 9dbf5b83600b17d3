-- Attempts to pay at the checkout, each once, for as long as they limit further ones: by link, by the address that they
-- come from, by card. What became of one is with its payment, which its idempotency key names.
CREATE TABLE checkout_attempt (
  link_id      uuid NOT NULL,
  attempt_id   uuid NOT NULL,
  merchant_id  uuid NOT NULL,
  -- The address, of IPv6 its network.
  network      text NOT NULL,
  -- Keyed hash of the card's number; NULL: by wallet.
  card         text,
  at           timestamptz NOT NULL,
  PRIMARY KEY (link_id, attempt_id)
);
CREATE INDEX checkout_attempt_by_link ON checkout_attempt (link_id, at);
CREATE INDEX checkout_attempt_by_network ON checkout_attempt (network, at);
CREATE INDEX checkout_attempt_by_card ON checkout_attempt (card, at) WHERE card IS NOT NULL;
CREATE INDEX checkout_attempt_by_merchant ON checkout_attempt (merchant_id, at);
CREATE INDEX checkout_attempt_by_age ON checkout_attempt (at);
