-- How merchants are known to acquirers. A row stays as it is: whoever is known otherwise from now on gets another row, since
-- payments go on under the account at the bank that authorized them.
CREATE TABLE bank_credentials (
  id           uuid PRIMARY KEY,
  merchant_id  uuid NOT NULL REFERENCES merchant,
  acquirer_id  uuid NOT NULL REFERENCES acquirer,
  -- Counts the rows of a merchant at an acquirer. 0: what was kept before this table. New payments are asked under the last.
  number       integer NOT NULL,
  -- The first row of the same account at the bank: the account's questions are asked under its last row.
  account_id   uuid NOT NULL,
  names        text[] NOT NULL,
  -- NULL: from here on there are none.
  sealed       text,
  created_at   timestamptz NOT NULL,
  UNIQUE (merchant_id, acquirer_id, number)
);
CREATE INDEX bank_credentials_account ON bank_credentials (account_id, number);

-- What nodes of the version before keep, and take away, follows here. They cannot say whether it is of the same account: it
-- is taken for another one. Nodes of this version write here first, so that nothing is left to follow. The table
-- acquirer_credentials and this function go in a later version.
CREATE FUNCTION follow_acquirer_credentials() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  changed acquirer_credentials := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
  newest bank_credentials;
BEGIN
  SELECT * INTO newest FROM bank_credentials
    WHERE merchant_id = changed.merchant_id AND acquirer_id = changed.acquirer_id ORDER BY number DESC LIMIT 1;
  IF TG_OP = 'DELETE' THEN
    changed.id := gen_random_uuid();
    changed.names := '{}';
    changed.sealed := NULL;
    IF newest.sealed IS NULL THEN
      RETURN NULL;
    END IF;
  END IF;
  INSERT INTO bank_credentials (id, merchant_id, acquirer_id, number, account_id, names, sealed, created_at)
    VALUES (changed.id, changed.merchant_id, changed.acquirer_id, coalesce(newest.number, 0) + 1, changed.id,
      changed.names, changed.sealed, clock_timestamp())
    ON CONFLICT (id) DO NOTHING;
  RETURN NULL;
END $$;
CREATE TRIGGER follow AFTER INSERT OR UPDATE OR DELETE ON acquirer_credentials
  FOR EACH ROW EXECUTE FUNCTION follow_acquirer_credentials();

INSERT INTO bank_credentials (id, merchant_id, acquirer_id, number, account_id, names, sealed, created_at)
SELECT id, merchant_id, acquirer_id, 0, id, names, sealed, updated_at FROM acquirer_credentials;
