-- outside a transaction
-- What moved on an account, in the order of time.
DROP INDEX CONCURRENTLY IF EXISTS posting_from_account;
CREATE INDEX CONCURRENTLY posting_from_account ON posting (from_account_id, at, from_number) WHERE from_number IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS posting_to_account;
CREATE INDEX CONCURRENTLY posting_to_account ON posting (to_account_id, at, to_number) WHERE to_number IS NOT NULL;
-- An owner has one account of each kind in a currency.
DROP INDEX CONCURRENTLY IF EXISTS account_of_owner;
CREATE UNIQUE INDEX CONCURRENTLY account_of_owner ON wallet (kind, customer_id, currency);
-- A payment whose hold is open, or was cancelled, has no posting by which its customer's payments could be found.
DROP INDEX CONCURRENTLY IF EXISTS transaction_of_wallet;
CREATE INDEX CONCURRENTLY transaction_of_wallet ON transaction (wallet_id, status)
  WHERE wallet_id IS NOT NULL AND authed_at IS NOT NULL;
