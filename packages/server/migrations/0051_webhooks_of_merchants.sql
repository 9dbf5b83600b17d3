-- Every row of webhooks names its merchant. Columns that may be null, a check of what is written from now on, and triggers by
-- which nodes of the version before, which do not know the columns, pass it: a version later the triggers go.
-- In the order in which nodes lock them.
LOCK TABLE webhook_lane, webhook_delivery, webhook_attempt, webhook_message IN ACCESS EXCLUSIVE MODE;

ALTER TABLE webhook_lane
  ADD COLUMN merchant_id uuid,
  ADD CONSTRAINT webhook_lane_of_merchant CHECK (merchant_id IS NOT NULL) NOT VALID;
ALTER TABLE webhook_delivery
  ADD COLUMN merchant_id uuid,
  ADD CONSTRAINT webhook_delivery_of_merchant CHECK (merchant_id IS NOT NULL) NOT VALID;
ALTER TABLE webhook_attempt
  ADD COLUMN merchant_id uuid,
  ADD CONSTRAINT webhook_attempt_of_merchant CHECK (merchant_id IS NOT NULL) NOT VALID;
ALTER TABLE webhook_message
  ADD COLUMN merchant_id uuid,
  ADD CONSTRAINT webhook_message_of_merchant CHECK (merchant_id IS NOT NULL) NOT VALID;

CREATE FUNCTION merchant_of_endpoint(endpoint_id uuid) RETURNS uuid LANGUAGE sql STABLE AS $$
  SELECT w.merchant_id FROM webhook_endpoint w WHERE w.id = merchant_of_endpoint.endpoint_id
$$;
-- That of its transaction. A test's message is of none; it is written behind its lane, and before its delivery.
CREATE FUNCTION merchant_of_message(transaction_id uuid) RETURNS uuid LANGUAGE sql STABLE AS $$
  SELECT coalesce(
    (SELECT t.merchant_id FROM transaction t WHERE t.id = merchant_of_message.transaction_id),
    (SELECT merchant_of_endpoint(l.endpoint_id) FROM webhook_lane l
      WHERE l.family_id = merchant_of_message.transaction_id LIMIT 1),
    (SELECT merchant_of_endpoint(d.endpoint_id) FROM webhook_delivery d
      WHERE d.family_id = merchant_of_message.transaction_id LIMIT 1))
$$;

-- Also of rows of before that change, which the check would refuse.
CREATE FUNCTION set_merchant_of_endpoint() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.merchant_id := merchant_of_endpoint(NEW.endpoint_id);
  RETURN NEW;
END $$;
CREATE FUNCTION set_merchant_of_message() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.merchant_id := merchant_of_message(NEW.transaction_id);
  RETURN NEW;
END $$;
CREATE TRIGGER set_merchant BEFORE INSERT OR UPDATE ON webhook_lane
  FOR EACH ROW WHEN (NEW.merchant_id IS NULL) EXECUTE FUNCTION set_merchant_of_endpoint();
CREATE TRIGGER set_merchant BEFORE INSERT OR UPDATE ON webhook_delivery
  FOR EACH ROW WHEN (NEW.merchant_id IS NULL) EXECUTE FUNCTION set_merchant_of_endpoint();
CREATE TRIGGER set_merchant BEFORE INSERT OR UPDATE ON webhook_attempt
  FOR EACH ROW WHEN (NEW.merchant_id IS NULL) EXECUTE FUNCTION set_merchant_of_endpoint();
CREATE TRIGGER set_merchant BEFORE INSERT OR UPDATE ON webhook_message
  FOR EACH ROW WHEN (NEW.merchant_id IS NULL) EXECUTE FUNCTION set_merchant_of_message();

-- Of one step, which is a transaction: it finds by index, whatever the tables looked like when its plans were made.
CREATE FUNCTION begin_filling_webhooks() RETURNS void LANGUAGE sql AS $$
  SELECT set_config(name, value, true) FROM (VALUES ('plan_cache_mode', 'force_generic_plan'), ('enable_seqscan', 'off'),
    ('enable_hashjoin', 'off'), ('enable_mergejoin', 'off'), ('jit', 'off')) s(name, value)
$$;

-- Fills in the rows of before, 128 pages (1 MB) at a time, each in a transaction of some 50 ms. What somebody has locked is
-- left for the next pass, so that nobody is waited for and nobody waits; there are passes until one finds nothing. What is
-- nobody's (a test's message whose delivery was purged before it, after 30 days) is purged with it.
CREATE PROCEDURE fill_webhook_merchants() LANGUAGE plpgsql AS $$
DECLARE
  t record;
  page bigint;
  pages bigint;
  found_rows bigint;
  left_rows boolean;
BEGIN
  FOR t IN SELECT * FROM (VALUES
      (1, 'webhook_lane', 'merchant_of_endpoint(o.endpoint_id)'),
      (2, 'webhook_delivery', 'merchant_of_endpoint(o.endpoint_id)'),
      (3, 'webhook_attempt', 'merchant_of_endpoint(o.endpoint_id)'),
      (4, 'webhook_message', 'merchant_of_message(o.transaction_id)')) v(n, name, merchant) ORDER BY n
  LOOP
    LOOP
      left_rows := false;
      page := 0;
      LOOP
        PERFORM begin_filling_webhooks();
        EXECUTE format(
          'WITH unfilled AS MATERIALIZED (SELECT ctid AS row, %2$s AS merchant FROM (
               SELECT ctid, * FROM %1$I WHERE ctid >= format(''(%%s,0)'', $1)::tid AND ctid < format(''(%%s,0)'', $2)::tid
                 AND merchant_id IS NULL FOR UPDATE SKIP LOCKED) o),
             filled AS (UPDATE %1$I r SET merchant_id = u.merchant FROM unfilled u WHERE r.ctid = u.row AND u.merchant IS NOT NULL),
             purged AS (DELETE FROM %1$I r USING unfilled u WHERE r.ctid = u.row AND u.merchant IS NULL)
           SELECT count(*), pg_relation_size(%1$L) / current_setting(''block_size'')::int FROM unfilled',
          t.name, t.merchant) INTO found_rows, pages USING page, page + 128;
        left_rows := left_rows OR found_rows > 0;
        COMMIT;
        page := page + 128;
        EXIT WHEN page >= pages;
      END LOOP;
      IF NOT left_rows THEN
        EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE merchant_id IS NULL)', t.name) INTO left_rows;
        COMMIT;
      END IF;
      EXIT WHEN NOT left_rows;
    END LOOP;
  END LOOP;
END $$;
