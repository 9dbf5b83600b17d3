-- outside a transaction
ALTER TABLE posting VALIDATE CONSTRAINT posting_described;
ALTER TABLE posting VALIDATE CONSTRAINT posting_of_merchant;
ALTER TABLE account VALIDATE CONSTRAINT account_balance;
ALTER TABLE account VALIDATE CONSTRAINT account_available_check;
