-- outside a transaction
-- A wallet's open holds. A payment has an entry as long as it holds something, so that the capture or cancel that ends it,
-- which changes every other entry, leaves none here.
DROP INDEX CONCURRENTLY IF EXISTS open_hold;
CREATE INDEX CONCURRENTLY open_hold ON transaction (wallet_id) WHERE wallet_id IS NOT NULL AND status = 'authorized';
-- Nodes of the version before look payments of a customer up in it: until they are replaced, such a search may be refused
-- as too broad.
DROP INDEX CONCURRENTLY IF EXISTS transaction_of_wallet;
