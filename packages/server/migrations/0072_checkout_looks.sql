-- How a merchant's checkout looks, and where it may be shown.
ALTER TABLE merchant
  -- '#rrggbb', as the merchant has it; the page makes it readable.
  ADD COLUMN checkout_color text CHECK (checkout_color ~ '^#[0-9a-f]{6}$'),
  -- Origins whose pages may show the checkout in a frame or a popup.
  ADD COLUMN checkout_origins text[] NOT NULL DEFAULT '{}';

-- In a table of its own: merchants' rows are read with every batch.
CREATE TABLE merchant_logo (
  merchant_id  uuid PRIMARY KEY REFERENCES merchant,
  -- Of the image: its address, which never shows another one.
  hash         text NOT NULL,
  png          bytea NOT NULL,
  width        integer NOT NULL,
  height       integer NOT NULL
);
CREATE INDEX merchant_logo_by_hash ON merchant_logo (hash);
