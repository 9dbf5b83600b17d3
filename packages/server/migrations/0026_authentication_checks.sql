-- When the bank is next asked how a payer's 3-D Secure went, who may never come back; null: not before its end.
ALTER TABLE transaction ADD COLUMN inquire_at timestamptz;
