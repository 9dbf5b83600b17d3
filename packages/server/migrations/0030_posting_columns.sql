-- A posting says what it is and names both of its accounts, with the balances after it. An account numbers its postings,
-- so that two of one millisecond have an order. Those of before 0033 have numbers up to 0, the newest of them 0.
-- In the order in which payments lock them.
LOCK TABLE wallet, posting IN ACCESS EXCLUSIVE MODE;

ALTER TABLE posting
  ADD COLUMN code             text,
  ADD COLUMN from_account_id  uuid,
  ADD COLUMN to_account_id    uuid,
  -- Of accounts that are locked; null of those that are moved by a sum, such as `funding`.
  ADD COLUMN from_number      bigint,
  ADD COLUMN from_balance     numeric(38, 0),
  ADD COLUMN to_number        bigint,
  ADD COLUMN to_balance       numeric(38, 0);

-- A wallet's row becomes its account (0032). Null: the balance is what is available and what is held.
ALTER TABLE wallet
  ADD COLUMN kind             text NOT NULL DEFAULT 'wallet',
  ADD COLUMN balance          numeric(38, 0),
  ADD COLUMN posting_count    bigint NOT NULL DEFAULT 0,
  ADD COLUMN may_be_negative  boolean NOT NULL DEFAULT false;
