-- outside a transaction
-- Wallet payments of a merchant's customer. Those by card are found by `transaction_by_customer`.
DROP INDEX CONCURRENTLY IF EXISTS transaction_of_wallet_customer;
CREATE INDEX CONCURRENTLY transaction_of_wallet_customer ON transaction (merchant_id, merchant_customer_id, id)
  WHERE merchant_customer_id IS NOT NULL AND payment_method = 'wallet';
DROP INDEX CONCURRENTLY IF EXISTS payment_link_of_customer;
CREATE INDEX CONCURRENTLY payment_link_of_customer ON payment_link (merchant_id, customer_id, id)
  WHERE customer_id IS NOT NULL;
