-- What nodes of two versions ago needed of the ledger goes: they name no accounts, and without the triggers their postings
-- would say nothing. So this waits for nobody and refuses. The session on which such a node listens has no level in its name.
DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'plexy-pay listen') THEN
    RAISE EXCEPTION 'nodes of two versions ago run on this database: first replace them by nodes of the version before this one';
  END IF;
END $$;
-- In the order in which payments lock them.
LOCK TABLE event, posting, account IN ACCESS EXCLUSIVE MODE;

DROP TRIGGER balance_currency ON event;
DROP FUNCTION set_balance_currency();

DROP TRIGGER describe ON posting;
DROP FUNCTION describe_posting();
DROP FUNCTION code_of_ends(text, text, uuid);
DROP FUNCTION account_of_end(text, uuid, uuid, text);

DROP VIEW wallet;
DROP VIEW merchant_balance;
DROP TABLE system_account;
DROP FUNCTION move_system_account();

-- Nodes of the version before write the names that accounts had: whoever does not, may. `account.available` is written by
-- both, and read by neither. A version later the four columns go.
ALTER TABLE posting ALTER COLUMN from_account DROP NOT NULL, ALTER COLUMN to_account DROP NOT NULL;
