-- Accounts are rows of one table, whatever their kind (core/accounts.ts): wallets become accounts where they are, so that
-- nodes of the version before lock the same rows, and merchants' balances and system accounts, of which there are few, join
-- them. Views and triggers under the old names serve those nodes; a version later they go, and so do `account.available`,
-- `posting.from_account` and `to_account`, which are for them alone.
-- In the order in which payments lock them; `customer`, to which the foreign key leads.
LOCK TABLE customer, wallet, merchant_balance, posting, system_account IN ACCESS EXCLUSIVE MODE;

-- Of accounts that are nobody's wallet: whoever moves one by a sum knows its id without having read it.
CREATE FUNCTION account_id(kind text, owner_id uuid, currency text) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
  SELECT overlay(overlay(left(encode(sha256(convert_to(kind || ' ' || owner_id || ' ' || currency, 'UTF8')), 'hex'), 32)
    PLACING '8' FROM 13) PLACING '8' FROM 17)::uuid
$$;

ALTER TABLE wallet RENAME TO account;
ALTER TABLE account RENAME COLUMN customer_id TO owner_id;
ALTER TABLE account RENAME CONSTRAINT wallet_pkey TO account_pkey;
ALTER TABLE account
  DROP CONSTRAINT wallet_customer_id_fkey,
  DROP CONSTRAINT wallet_available_check,
  ADD CONSTRAINT account_available_check CHECK (available >= 0 OR may_be_negative) NOT VALID,
  ALTER COLUMN kind DROP DEFAULT,
  ALTER COLUMN balance SET DEFAULT 0,
  ALTER COLUMN created_at SET DEFAULT clock_timestamp();

INSERT INTO account (id, kind, owner_id, currency, balance, available)
  SELECT account_id('merchant', merchant_id, currency), 'merchant', merchant_id, currency, balance, balance
  FROM merchant_balance;
-- Nobody's: the outside world. The one acquirer there was: the default one.
INSERT INTO account (id, kind, owner_id, currency, balance, may_be_negative)
  SELECT account_id(kind, owner_id, currency), kind, owner_id, currency, balance, true FROM (
    SELECT *, CASE kind WHEN 'acquirer' THEN '00000000-0000-0000-0000-000000000001'
      ELSE '00000000-0000-0000-0000-000000000000' END::uuid AS owner_id FROM system_account) s;

ALTER TABLE merchant_balance RENAME TO merchant_balance_before;
CREATE VIEW merchant_balance AS
  SELECT owner_id AS merchant_id, currency, available AS balance, kind FROM account WHERE kind = 'merchant';
ALTER VIEW merchant_balance ALTER COLUMN kind SET DEFAULT 'merchant';
CREATE VIEW wallet AS
  SELECT id, owner_id AS customer_id, currency, available, held, frozen, approval, created_at, kind
  FROM account WHERE kind = 'wallet';
ALTER VIEW wallet ALTER COLUMN kind SET DEFAULT 'wallet';

-- Whoever may use the tables may use the views.
DO $$
DECLARE g record;
BEGIN
  FOR g IN
    SELECT v.name, a.grantee::regrole AS grantee, string_agg(a.privilege_type, ', ') AS rights
    FROM (VALUES ('merchant_balance', 'merchant_balance_before'), ('wallet', 'account')) v(name, source)
    JOIN pg_class c ON c.oid = v.source::regclass
    CROSS JOIN LATERAL aclexplode(c.relacl) a
    WHERE a.grantee <> 0 AND a.grantee <> c.relowner AND a.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
    GROUP BY 1, 2
  LOOP
    EXECUTE format('GRANT %s ON %I TO %s', g.rights, g.name, g.grantee);
  END LOOP;
END $$;
DROP TABLE merchant_balance_before;

CREATE FUNCTION set_account_id() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.id := account_id(NEW.kind, NEW.owner_id, NEW.currency);
  RETURN NEW;
END $$;
CREATE TRIGGER set_id BEFORE INSERT ON account FOR EACH ROW WHEN (NEW.id IS NULL) EXECUTE FUNCTION set_account_id();

-- What the version before adds to a system account is added to the account.
CREATE FUNCTION move_system_account() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  before numeric := CASE TG_OP WHEN 'UPDATE' THEN OLD.balance ELSE 0 END;
  owner uuid := CASE NEW.kind WHEN 'acquirer' THEN '00000000-0000-0000-0000-000000000001'
    ELSE '00000000-0000-0000-0000-000000000000' END;
BEGIN
  INSERT INTO account (id, kind, owner_id, currency, may_be_negative)
    VALUES (account_id(NEW.kind, owner, NEW.currency), NEW.kind, owner, NEW.currency, true) ON CONFLICT DO NOTHING;
  UPDATE account SET balance = balance + NEW.balance - before WHERE id = account_id(NEW.kind, owner, NEW.currency);
  RETURN NULL;
END $$;
CREATE TRIGGER move_account AFTER INSERT OR UPDATE ON system_account
  FOR EACH ROW EXECUTE FUNCTION move_system_account();

-- What a posting of the version before was follows from its two ends. Holds and releases stay what happened, and move
-- nothing: both of their ends are the wallet.
CREATE FUNCTION code_of_ends(from_account text, to_account text, operation_id uuid) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT CASE
    WHEN from_account = 'balance' THEN CASE to_account WHEN 'funding' THEN 'payout' ELSE 'refund' END
    WHEN to_account = 'balance' THEN CASE WHEN EXISTS (SELECT FROM transaction t
      WHERE t.id = code_of_ends.operation_id AND t.type = 'refund') THEN 'refund_returned' ELSE 'capture' END
    WHEN from_account = 'funding' THEN 'deposit'
    WHEN to_account = 'funding' THEN 'withdrawal'
    WHEN to_account = 'held' THEN 'hold'
    ELSE 'release' END
$$;
CREATE FUNCTION account_of_end(kind text, wallet_id uuid, merchant_id uuid, currency text)
  RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE kind
    WHEN 'balance' THEN account_id('merchant', merchant_id, currency)
    WHEN 'acquirer' THEN account_id('acquirer', '00000000-0000-0000-0000-000000000001', currency)
    WHEN 'funding' THEN account_id('funding', '00000000-0000-0000-0000-000000000000', currency)
    ELSE wallet_id END
$$;

-- The version before writes postings before balances, so what is available and held is that of before.
CREATE FUNCTION describe_posting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.code := code_of_ends(NEW.from_account, NEW.to_account, NEW.operation_id);
  NEW.from_account_id := account_of_end(NEW.from_account, NEW.wallet_id, NEW.merchant_id, NEW.currency);
  NEW.to_account_id := account_of_end(NEW.to_account, NEW.wallet_id, NEW.merchant_id, NEW.currency);
  IF NEW.from_account_id <> NEW.to_account_id THEN
    UPDATE account SET posting_count = posting_count + 1, balance = coalesce(balance, available + held) - NEW.amount
      WHERE id = NEW.from_account_id AND kind IN ('wallet', 'merchant')
      RETURNING posting_count, balance INTO NEW.from_number, NEW.from_balance;
    UPDATE account SET posting_count = posting_count + 1, balance = coalesce(balance, available + held) + NEW.amount
      WHERE id = NEW.to_account_id AND kind IN ('wallet', 'merchant')
      RETURNING posting_count, balance INTO NEW.to_number, NEW.to_balance;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER describe BEFORE INSERT ON posting FOR EACH ROW WHEN (NEW.code IS NULL) EXECUTE FUNCTION describe_posting();

-- Until 0034, and by whoever may act as the tables' owner alone: what 0033 fills in.
CREATE OR REPLACE FUNCTION refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF current_user = 'plexy_retention' THEN
    RETURN NULL;
  END IF;
  IF TG_OP = 'TRUNCATE' AND NOT EXISTS (SELECT FROM installation WHERE mode = 'production') THEN
    RETURN NULL;
  END IF;
  IF TG_TABLE_NAME = 'posting' AND TG_OP = 'UPDATE' AND current_setting('plexy.fill', true) = 'postings'
    AND pg_has_role(current_user, (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'USAGE') THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP
    USING ERRCODE = 'insufficient_privilege', HINT = 'Retention runs as the role plexy_retention.';
END $$;

-- Of one step, which is a transaction: it may describe postings, and finds them by index. A plan that is made for each
-- account anew would take four times as long as the rest; and one that collects all postings of a busy merchant to sort
-- them, for 2,000 of them at a time, hours for a million.
CREATE FUNCTION begin_filling() RETURNS void LANGUAGE sql AS $$
  SELECT set_config(name, value, true) FROM (VALUES ('plexy.fill', 'postings'), ('plan_cache_mode', 'force_generic_plan'),
    ('enable_seqscan', 'off'), ('enable_hashjoin', 'off'), ('enable_mergejoin', 'off'), ('enable_bitmapscan', 'off'),
    ('enable_sort', 'off'), ('max_parallel_workers_per_gather', '0'), ('jit', 'off')) s(name, value)
$$;

-- Describes the postings of before, account by account from the newest to the oldest, counting balances back from those
-- that are known. It commits after every 2,000, or 100 accounts, so that payments and readers of events wait for 100 ms at
-- most, and goes on where it was when it is begun again.
CREATE PROCEDURE fill_postings() LANGUAGE plpgsql AS $$
DECLARE
  a record;
  last_id uuid := '00000000-0000-0000-0000-000000000000';
  last_seq integer := 0;
  next_number bigint;
  next_balance numeric;
  until timestamptz;
  found_rows integer;
  written integer := 0;
BEGIN
  PERFORM begin_filling();
  LOOP
    SELECT id, CASE kind WHEN 'wallet' THEN id END AS wallet_id, CASE kind WHEN 'merchant' THEN owner_id END AS merchant_id,
      CASE kind WHEN 'wallet' THEN '{available,held}'::text[] ELSE '{balance}'::text[] END AS ends, currency INTO a
      FROM account WHERE id > last_id AND kind IN ('wallet', 'merchant') ORDER BY id LIMIT 1;
    EXIT WHEN NOT FOUND;
    last_id := a.id;
    -- To find the postings of a merchant may take long: no wallet is locked meanwhile.
    IF a.merchant_id IS NOT NULL AND written > 0 THEN
      COMMIT;
      PERFORM begin_filling();
      written := 0;
    END IF;
    UPDATE account SET balance = available + held WHERE id = a.id AND balance IS NULL;
    -- The row is locked until the step ends: a hundred of them make a step, too.
    written := written + 20;
    -- In one statement: the balance before the oldest posting that is described, or else the balance.
    SELECT o.number, coalesce(o.balance, c.balance) INTO next_number, next_balance
      FROM account c LEFT JOIN LATERAL (
        (SELECT from_number AS number, from_balance + amount AS balance FROM posting
          WHERE from_account_id = c.id AND from_number IS NOT NULL ORDER BY at, from_number LIMIT 1)
        UNION ALL
        (SELECT to_number, to_balance - amount FROM posting
          WHERE to_account_id = c.id AND to_number IS NOT NULL ORDER BY at, to_number LIMIT 1)
        ORDER BY 1 LIMIT 1) o ON true
      WHERE c.id = a.id;
    next_number := coalesce(next_number, 1);
    until := 'infinity';
    LOOP
      WITH page AS (
        (SELECT * FROM posting WHERE wallet_id = a.wallet_id AND at <= until
          AND (from_account = ANY (a.ends)) <> (to_account = ANY (a.ends))
          AND CASE WHEN from_account = ANY (a.ends) THEN from_number ELSE to_number END IS NULL
          ORDER BY at DESC, operation_id DESC, seq DESC LIMIT 2000)
        UNION ALL
        (SELECT * FROM posting WHERE merchant_id = a.merchant_id AND currency = a.currency AND at <= until
          AND (from_account = ANY (a.ends)) <> (to_account = ANY (a.ends))
          AND CASE WHEN from_account = ANY (a.ends) THEN from_number ELSE to_number END IS NULL
          ORDER BY at DESC, operation_id DESC, seq DESC LIMIT 2000)
      ), moves AS (
        SELECT *, from_account = ANY (a.ends) AS is_from, CASE WHEN from_account = ANY (a.ends) THEN -amount ELSE amount END AS delta
        FROM page
      ), numbered AS (
        SELECT *, next_number - row_number() OVER w AS number,
          next_balance - coalesce(sum(delta) OVER (w ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS balance
        FROM moves WINDOW w AS (ORDER BY at DESC, operation_id DESC, seq DESC)
      ), filled AS (
        UPDATE posting p SET
          code = code_of_ends(n.from_account, n.to_account, n.operation_id),
          from_account_id = account_of_end(n.from_account, n.wallet_id, n.merchant_id, n.currency),
          to_account_id = account_of_end(n.to_account, n.wallet_id, n.merchant_id, n.currency),
          from_number = CASE WHEN n.is_from THEN n.number ELSE p.from_number END,
          from_balance = CASE WHEN n.is_from THEN n.balance ELSE p.from_balance END,
          to_number = CASE WHEN n.is_from THEN p.to_number ELSE n.number END,
          to_balance = CASE WHEN n.is_from THEN p.to_balance ELSE n.balance END
        FROM numbered n WHERE p.operation_id = n.operation_id AND p.seq = n.seq
        RETURNING n.number, n.balance - n.delta AS balance_before, p.at
      )
      SELECT count(*), coalesce(min(number), next_number), coalesce((array_agg(balance_before ORDER BY number))[1], next_balance),
        coalesce(min(at), until) INTO found_rows, next_number, next_balance, until FROM filled;
      written := written + found_rows;
      IF written >= 2000 THEN
        COMMIT;
        PERFORM begin_filling();
        written := 0;
      END IF;
      EXIT WHEN found_rows < 2000;
    END LOOP;
  END LOOP;

  -- What is left moved nothing, or between accounts that nobody locks.
  last_id := '00000000-0000-0000-0000-000000000000';
  LOOP
    WITH page AS (
      SELECT operation_id, seq FROM posting WHERE (operation_id, seq) > (last_id, last_seq)
      ORDER BY operation_id, seq LIMIT 2000
    ), filled AS (
      UPDATE posting p SET
        code = code_of_ends(p.from_account, p.to_account, p.operation_id),
        from_account_id = account_of_end(p.from_account, p.wallet_id, p.merchant_id, p.currency),
        to_account_id = account_of_end(p.to_account, p.wallet_id, p.merchant_id, p.currency)
      FROM page WHERE p.operation_id = page.operation_id AND p.seq = page.seq AND p.code IS NULL
    )
    SELECT count(*), (array_agg(operation_id ORDER BY operation_id DESC, seq DESC))[1],
      (array_agg(seq ORDER BY operation_id DESC, seq DESC))[1] INTO found_rows, last_id, last_seq FROM page;
    COMMIT;
    PERFORM begin_filling();
    EXIT WHEN found_rows < 2000;
  END LOOP;
END $$;
