-- Whether a merchant's captures, cancels and refunds need an Idempotency-Key, as its authorizations always do.
-- A constant default: no row is rewritten, and the lock is held for an instant.
ALTER TABLE merchant ADD COLUMN require_idempotency_key boolean NOT NULL DEFAULT false;
