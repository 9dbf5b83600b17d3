-- The person behind a wallet is a wallet holder; `customer` is the word for a merchant's (0063). A view under the old name
-- serves nodes of the version before, whose statements it takes as the table did; a version later it goes.
ALTER TABLE customer RENAME TO wallet_holder;
ALTER TABLE wallet_holder RENAME CONSTRAINT customer_pkey TO wallet_holder_pkey;
ALTER TABLE wallet_holder RENAME CONSTRAINT customer_phone_key TO wallet_holder_phone_key;
ALTER INDEX customer_by_iin RENAME TO wallet_holder_by_iin;
ALTER INDEX customer_by_iin_last4 RENAME TO wallet_holder_by_iin_last4;
CREATE VIEW customer AS SELECT id, phone, iin_hash, iin_last4, created_at FROM wallet_holder;

-- Whoever may use the table may use the view.
DO $$
DECLARE g record;
BEGIN
  FOR g IN
    SELECT a.grantee::regrole AS grantee, string_agg(a.privilege_type, ', ') AS rights
    FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a
    WHERE c.oid = 'wallet_holder'::regclass AND a.grantee <> 0 AND a.grantee <> c.relowner
      AND a.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
    GROUP BY 1
  LOOP
    EXECUTE format('GRANT %s ON customer TO %s', g.rights, g.grantee);
  END LOOP;
END $$;
