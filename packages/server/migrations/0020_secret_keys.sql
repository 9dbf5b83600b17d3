-- The keys that were SECRET_KEY once, in their order. The first one is that of installation.secret_verifier.
CREATE TABLE secret_key (
  -- What was sealed with it begins with this.
  id                 text PRIMARY KEY,
  number             integer NOT NULL UNIQUE,
  -- Proves that a node has the key without revealing it.
  verifier           bytea NOT NULL,
  -- Hashes of IINs and cards are made with every key in turn: of the earlier ones what is needed for that stays
  -- here, sealed with the newest. NULL: of the newest.
  look_up_keys       text,
  became_current_at  timestamptz NOT NULL,
  -- When nothing was left that is sealed with it: nodes do not need it any longer.
  retired_at         timestamptz
);
