-- Passkeys (WebAuthn) of users: what a browser proves with a device, in place of the password and a code.
CREATE TABLE passkey (
  id             uuid PRIMARY KEY,
  user_id        uuid NOT NULL REFERENCES dashboard_user,
  -- The name of the host that it is good for: merchants and operators may have two.
  rp_id          text NOT NULL,
  credential_id  bytea NOT NULL UNIQUE,
  public_key     bytea NOT NULL,
  -- How often the device has signed, as it says; those that are kept in a cloud say 0.
  counter        bigint NOT NULL,
  transports     text[] NOT NULL,
  name           text NOT NULL,
  created_at     timestamptz NOT NULL,
  last_used_at   timestamptz
);
CREATE INDEX passkey_of_user ON passkey (user_id, id);

-- What was given to a browser to be signed. Each is deleted with its first use.
CREATE TABLE passkey_challenge (
  challenge   text PRIMARY KEY,
  -- Who makes a passkey; NULL: somebody who signs in.
  user_id     uuid REFERENCES dashboard_user,
  expires_at  timestamptz NOT NULL
);
CREATE INDEX passkey_challenge_by_end ON passkey_challenge (expires_at);
