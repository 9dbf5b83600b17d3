-- People who sign in to the dashboard: of a merchant, or operators (without a merchant).
CREATE TABLE dashboard_user (
  id               uuid PRIMARY KEY,
  merchant_id      uuid REFERENCES merchant,
  email            text NOT NULL CHECK (email = lower(email)),
  name             text NOT NULL,
  role             text NOT NULL CHECK (role IN ('viewer', 'manager', 'admin', 'operator')),
  -- The scrypt hash with its parameters and salt.
  password_hash    text NOT NULL,
  created_at       timestamptz NOT NULL,
  last_sign_in_at  timestamptz,
  disabled_at      timestamptz,
  -- Kept, because histories name them; the e-mail address is free again.
  deleted_at       timestamptz,
  CHECK ((role = 'operator') = (merchant_id IS NULL))
);
CREATE UNIQUE INDEX dashboard_user_by_email ON dashboard_user (email) WHERE deleted_at IS NULL;
CREATE INDEX dashboard_user_of_merchant ON dashboard_user (merchant_id, id);

-- A session is a credential like an API key, in the same table: whatever reads a key again before it writes
-- (each batch of the engine), or to end a stream, so does it with a session, at no further cost. Its scopes
-- follow from its user's role and change with it. `hash` is that of the cookie's random token.
ALTER TABLE api_key ADD COLUMN user_id uuid REFERENCES dashboard_user;
DROP INDEX api_key_of_merchant;
CREATE INDEX api_key_of_merchant ON api_key (merchant_id, id) WHERE user_id IS NULL;
CREATE INDEX session_of_user ON api_key (user_id) WHERE user_id IS NOT NULL;

-- Attempts to sign in since the last one that succeeded, by account and by address. `subject` is a hash: people
-- type passwords into the field for the e-mail address.
CREATE TABLE sign_in_attempt (
  subject       text PRIMARY KEY,
  attempts      integer NOT NULL,
  last_at       timestamptz NOT NULL,
  locked_until  timestamptz
);
CREATE INDEX sign_in_attempt_by_age ON sign_in_attempt (last_at);
