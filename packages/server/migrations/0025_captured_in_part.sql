-- outside a transaction
-- What statistics need of payments of which a part was captured: the other ones' captured amount is their amount, which
-- an index has already. Few payments are in it, and an authorization never is.
DROP INDEX CONCURRENTLY IF EXISTS transaction_captured_in_part;
CREATE INDEX CONCURRENTLY transaction_captured_in_part ON transaction (merchant_id, id)
  INCLUDE (currency, status, amount, captured) WHERE captured > 0 AND captured < amount;
