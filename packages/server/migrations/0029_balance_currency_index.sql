-- outside a transaction
-- A merchant's balance as it was at any event. Only captures, refunds and what comes back of them are in it, and an
-- authorization never is.
DROP INDEX CONCURRENTLY IF EXISTS event_balance;
CREATE INDEX CONCURRENTLY event_balance ON event (merchant_id, balance_currency, round, position)
  WHERE balance_currency IS NOT NULL;
