-- Lists stay fast whatever they filter by and however few rows match. An index in any other order than time
-- is dear on the hot path: one by amount or by customer costs 7 us of PostgreSQL's time and, after a checkpoint,
-- 1.5 KB of WAL per authorization (of 28 us in all), so there is none.

-- The four filters of few values are one index: a list walks the kinds of transactions that the merchant
-- has (a look-up each) and takes the newest of every kind that is wanted. It stands in for the one on
-- status alone. The amount is in both indexes that end with the time, to be compared without the row.
DROP INDEX transaction_by_status;
CREATE INDEX transaction_by_kind
  ON transaction (merchant_id, currency COLLATE "C", payment_method COLLATE "C", type COLLATE "C", status COLLATE "C", id)
  INCLUDE (amount);
DROP INDEX transaction_of_merchant;
CREATE INDEX transaction_of_merchant ON transaction (merchant_id, id) INCLUDE (amount);

-- Prefixes of an order reference too, and compared byte by byte, which is cheaper than by the collation.
DROP INDEX transaction_by_order_reference;
CREATE INDEX transaction_by_order_reference ON transaction (merchant_id, order_reference text_pattern_ops, id);

-- Wallet payments that are authorized at once are in none of these, so they pay nothing for them. Those of
-- a customer are found by the postings on the wallet.
CREATE INDEX transaction_by_customer ON transaction (merchant_id, customer_id, id)
  WHERE customer_id IS NOT NULL AND (payment_method = 'card' OR authed_at IS NULL);
CREATE INDEX transaction_by_store ON transaction (merchant_id, store_id, id) WHERE store_id IS NOT NULL;
CREATE INDEX transaction_by_terminal ON transaction (merchant_id, terminal_id, id) WHERE terminal_id IS NOT NULL;
CREATE INDEX transaction_by_last4 ON transaction (merchant_id, card_last4, id) WHERE card_last4 IS NOT NULL;
-- The beginning is what is searched; a whole description may be longer than an index entry.
CREATE INDEX transaction_by_description
  ON transaction (merchant_id, lower(left(description, 100)) text_pattern_ops, id) WHERE description IS NOT NULL;
CREATE INDEX transaction_by_payment_link
  ON transaction (merchant_id, payment_link_id, id) WHERE payment_link_id IS NOT NULL;
