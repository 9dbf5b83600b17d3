-- outside a transaction
-- A wallet's open holds, and payments whose hold was released: the others have a posting on the wallet. So a capture, which
-- changes every other entry of its payment, leaves one here only while the hold goes on.
DROP INDEX CONCURRENTLY IF EXISTS transaction_without_posting;
CREATE INDEX CONCURRENTLY transaction_without_posting ON transaction (wallet_id)
  WHERE wallet_id IS NOT NULL AND authed_at IS NOT NULL AND (status = 'authorized' OR captured = 0);
-- Nodes of the version before look it up: until they are replaced, a search by customer may say that it is too broad.
DROP INDEX CONCURRENTLY IF EXISTS transaction_of_wallet;
