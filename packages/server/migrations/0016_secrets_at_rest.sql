-- Secrets that were rotated more than once in 24 hours: each signs until its own 24 hours are over. `old_secret` stays
-- the newest of them, so that nodes of the version before go on beside this one. [{"secret": …, "until": …}, …]
ALTER TABLE webhook_endpoint ADD COLUMN older_secrets jsonb NOT NULL DEFAULT '[]';

-- The bank's token of a card, encrypted. `bank_token` is what was written before, in clear: each node seals what it
-- finds there when it starts, in small transactions, and reads both until nothing is left.
ALTER TABLE card_token ADD COLUMN sealed_bank_token text;
