-- Who a user is at the operator's identity provider (OpenID Connect). Rows of deleted users stay: what a mapping has
-- created once does not come back by the next sign-in.
CREATE TABLE oidc_link (
  user_id       uuid PRIMARY KEY REFERENCES dashboard_user,
  -- As the ID token has them: the pair never changes and is never given to somebody else, an e-mail address may be.
  issuer        text NOT NULL,
  subject       text NOT NULL,
  linked_at     timestamptz NOT NULL,
  last_used_at  timestamptz
);
CREATE INDEX oidc_link_by_identity ON oidc_link (issuer, subject);

-- A sign-in that is under way: first at the provider, then back here with what the provider has told. Each of the two steps
-- is a row of its own, which is deleted with its use. In real time.
CREATE TABLE oidc_sign_in (
  id             uuid PRIMARY KEY,
  -- SHA-256 of what the browser's cookie holds.
  browser_hash   bytea NOT NULL UNIQUE,
  -- Who links an identity to their account; NULL: somebody who signs in.
  user_id        uuid REFERENCES dashboard_user,
  -- Where the browser is to come back to: merchants and operators have two listeners.
  redirect_uri   text NOT NULL,
  next           text NOT NULL,
  -- The first step's; NULL in the second.
  state          text,
  nonce          text,
  code_verifier  text,
  max_age        integer,
  -- The second step's; NULL in the first. The token is sealed with SECRET_KEY.
  identity       jsonb,
  id_token       text,
  expires_at     timestamptz NOT NULL,
  CHECK ((state IS NULL) = (identity IS NOT NULL))
);
CREATE INDEX oidc_sign_in_by_end ON oidc_sign_in (expires_at);

-- What a session that began at the provider needs when it ends there, too. It goes with the session, however that ends.
CREATE TABLE oidc_session (
  id                uuid PRIMARY KEY REFERENCES api_key ON DELETE CASCADE,
  -- Sealed with SECRET_KEY.
  id_token          text NOT NULL,
  -- When the user has proved who they are to the provider; NULL: it does not say.
  authenticated_at  timestamptz
);
