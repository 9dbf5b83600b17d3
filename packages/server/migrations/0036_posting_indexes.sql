-- outside a transaction
-- Statements are read by account. Nodes of the version before, whose statements and look-ups by customer have used these two,
-- read whole tables instead, or answer search_too_broad, until they are replaced.
DROP INDEX CONCURRENTLY IF EXISTS posting_of_wallet;
DROP INDEX CONCURRENTLY IF EXISTS posting_of_merchant;
