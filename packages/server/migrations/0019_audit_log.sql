-- Who did what: written in the transaction of what it tells, and never changed.
CREATE TABLE audit_log (
  -- UUIDv7: in the order of time.
  id             uuid PRIMARY KEY,
  -- In real time, whatever the sandbox's clock says.
  at             timestamptz NOT NULL,
  -- Whose admins may read it; NULL: operators alone.
  merchant_id    uuid,
  actor_kind     text NOT NULL CHECK (actor_kind IN ('api_key', 'user', 'customer', 'system', 'command_line', 'unknown')),
  -- The API key or the user, and how it was called at the time.
  actor_id       uuid,
  actor_name     text,
  by_operator    boolean NOT NULL,
  -- The API key or the session.
  credential_id  uuid,
  address        text,
  request_id     text,
  action         text NOT NULL,
  object_kind    text NOT NULL,
  object_id      text,
  -- What was changed, without secrets.
  before         json,
  after          json
);
CREATE INDEX audit_log_of_merchant ON audit_log (merchant_id, id) WHERE merchant_id IS NOT NULL;
CREATE INDEX audit_log_of_actor ON audit_log (actor_id, id) WHERE actor_id IS NOT NULL;
CREATE INDEX audit_log_of_object ON audit_log (object_id, id) WHERE object_id IS NOT NULL;

-- What tells the past is only ever added to. Retention runs as the role plexy_retention (docs/audit-log.md);
-- the sandbox's reset empties whole tables, which no installation in production can.
CREATE FUNCTION refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS $$
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

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON event
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON posting
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON wallet_transfer
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
