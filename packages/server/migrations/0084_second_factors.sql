-- What proves a user besides the password: codes of an authenticator app (TOTP), and recovery codes in its place.
CREATE TABLE totp (
  -- The user's.
  id              uuid PRIMARY KEY REFERENCES dashboard_user,
  -- Sealed with SECRET_KEY; NULL: no code of it was given yet.
  secret          text,
  set_up_at       timestamptz,
  -- Shown, and to take the place of `secret` with the first code of it. Sealed, too.
  pending_secret  text,
  pending_at      timestamptz,
  -- The latest step of 30 s of which a code was accepted: no code is accepted twice, and none that is older.
  last_step       integer,
  CHECK ((secret IS NULL) = (set_up_at IS NULL)),
  CHECK ((pending_secret IS NULL) = (pending_at IS NULL))
);

-- Each of them works once: it is deleted with its use. 80 random bits, of which the SHA-256 is kept.
CREATE TABLE recovery_code (
  user_id  uuid NOT NULL REFERENCES dashboard_user,
  hash     bytea NOT NULL,
  PRIMARY KEY (user_id, hash)
);

-- Of a session: how it began, whether more than the password was proved, and in which browser. Nodes of the version before
-- begin sessions without it: of a user with a second factor they are none to nodes of this version.
ALTER TABLE api_key
  ADD COLUMN second_factor boolean NOT NULL DEFAULT false,
  ADD COLUMN signed_in_by text,
  ADD COLUMN address text,
  ADD COLUMN user_agent text,
  -- Of a key, too: when it was used last, and from where.
  ADD COLUMN last_used_at timestamptz,
  ADD COLUMN last_used_address text;

-- Whether the merchant's users must have a second factor.
ALTER TABLE merchant ADD COLUMN require_second_factor boolean NOT NULL DEFAULT false;
