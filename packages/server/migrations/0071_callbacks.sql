-- Callbacks: what becomes of a payment link is sent to the address that the link itself names, by the machinery of webhooks.
-- Those of one merchant to one origin are an endpoint of their own kind, which makes itself with the first such link.
ALTER TABLE webhook_endpoint
  ADD COLUMN kind text NOT NULL DEFAULT 'registered' CHECK (kind IN ('registered', 'callback')),
  -- How an event is told: `webhooks/formats.ts`. A node that does not know the word leaves what is due for those that do.
  ADD COLUMN format text NOT NULL DEFAULT 'standard',
  -- What a format signs with where that is not the merchant's callback secret: the API key whose text is in `secret`.
  ADD COLUMN api_key_id uuid,
  -- NULL: of callbacks, the merchant's callback secret signs.
  ALTER COLUMN secret DROP NOT NULL,
  ADD CONSTRAINT webhook_endpoint_secret CHECK (kind = 'callback' OR secret IS NOT NULL);
-- `url` of a callback is its origin. Nodes of the version before, which know no kinds, find no event that it asks for.
CREATE UNIQUE INDEX webhook_endpoint_of_callbacks ON webhook_endpoint
  (merchant_id, url, format, coalesce(api_key_id, '00000000-0000-0000-0000-000000000000')) WHERE kind = 'callback' AND deleted_at IS NULL;

-- What proves to a merchant that a callback comes from here. `id` is the merchant's.
CREATE TABLE callback_secret (
  id             uuid PRIMARY KEY REFERENCES merchant,
  -- Encrypted with SECRET_KEY.
  secret         text NOT NULL,
  -- Those before it that sign as well, each until its 24 hours (in real time) are over: [{"secret": …, "until": …}, …]
  older_secrets  jsonb NOT NULL DEFAULT '[]',
  -- When somebody was shown it; NULL: nobody knows it, since it was made with the first link.
  shown_at       timestamptz
);

-- Where a link's events, and those of its payments, are sent besides; NULL: nowhere.
ALTER TABLE payment_link ADD COLUMN callback_id uuid, ADD COLUMN callback_url text,
  ADD CONSTRAINT payment_link_callback CHECK ((callback_id IS NULL) = (callback_url IS NULL)) NOT VALID;
-- Where this one is sent; NULL: to its endpoint's address.
ALTER TABLE webhook_delivery ADD COLUMN callback_url text;
