-- The row of bank_credentials that a card payment was authorized under, and is asked about under later; the UUID of zeros:
-- under none. NULL: a node of the version before recorded it, or nobody has asked a bank.
ALTER TABLE transaction ADD COLUMN credentials_id uuid;
ALTER TABLE bank_operation ADD COLUMN credentials_id uuid;
