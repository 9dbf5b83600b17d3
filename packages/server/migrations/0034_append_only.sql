-- Every posting is described. From here on nobody changes one, as in 0019.
CREATE OR REPLACE FUNCTION refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF current_user = 'plexy_retention' THEN
    RETURN NULL;
  END IF;
  IF TG_OP = 'TRUNCATE' AND NOT EXISTS (SELECT FROM installation WHERE mode = 'production') THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP
    USING ERRCODE = 'insufficient_privilege', HINT = 'Retention runs as the role plexy_retention.';
END $$;
-- In the order in which payments lock them.
LOCK TABLE account, posting IN ACCESS EXCLUSIVE MODE;
DROP PROCEDURE fill_postings();
DROP FUNCTION begin_filling();

ALTER TABLE posting
  ADD CONSTRAINT posting_described
    CHECK (code IS NOT NULL AND from_account_id IS NOT NULL AND to_account_id IS NOT NULL) NOT VALID,
  -- What is a merchant's names the merchant.
  ADD CONSTRAINT posting_of_merchant
    CHECK (merchant_id IS NOT NULL OR code IN ('deposit', 'withdrawal', 'hold', 'release')) NOT VALID;
ALTER TABLE account ADD CONSTRAINT account_balance CHECK (balance IS NOT NULL) NOT VALID;
