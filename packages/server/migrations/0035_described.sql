-- outside a transaction
-- Not those of `posting`, which hold for what is written from now on: to look at every posting there is takes a transaction
-- for as long, and readers of events would wait for it. The audit looks at them.
ALTER TABLE account VALIDATE CONSTRAINT account_balance;
ALTER TABLE account VALIDATE CONSTRAINT account_available_check;
