-- Payment links and sessions. A session is a link for one payer now: the same row of another kind.
CREATE TABLE payment_link (
  id               uuid PRIMARY KEY,
  kind             text NOT NULL CHECK (kind IN ('link', 'session')),
  merchant_id      uuid NOT NULL,
  status           text NOT NULL CHECK (status IN ('active', 'paid', 'expired', 'cancelled')),
  amount           bigint NOT NULL CHECK (amount > 0),
  currency         text NOT NULL,
  order_reference  text NOT NULL,
  description      text,
  -- What the merchant gave with it: JSON text, kept as it came.
  metadata         text NOT NULL,
  customer_id      text,
  auto_clearing    boolean NOT NULL,
  validation       boolean NOT NULL,
  reusable         boolean NOT NULL,
  payment_methods  text[] NOT NULL,
  locale           text,
  url              text NOT NULL,
  created_by       text NOT NULL,
  created_at       timestamptz NOT NULL,
  updated_at       timestamptz NOT NULL,
  expires_at       timestamptz NOT NULL,
  -- When the engine looks at it by itself; NULL once it has ended.
  due_at           timestamptz,
  -- The last payment that somebody began by it, where one alone may be under way.
  attempt_id       uuid,
  -- The payment that paid it.
  transaction_id   uuid,
  event_count      integer NOT NULL,
  CHECK ((status = 'paid') = (transaction_id IS NOT NULL)),
  CHECK ((status = 'active') = (due_at IS NOT NULL)),
  CHECK (NOT reusable OR (attempt_id IS NULL AND kind = 'link'))
);
CREATE INDEX payment_link_due ON payment_link (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX payment_link_of_merchant ON payment_link (merchant_id, kind, id);
CREATE INDEX payment_link_by_status ON payment_link (merchant_id, kind, status, id);
CREATE INDEX payment_link_by_reference ON payment_link (merchant_id, order_reference, id);

ALTER TABLE merchant
  -- How long after its authorization a payment by a link is captured by itself: of a link that clears by itself, and of
  -- one whose payments the merchant captures.
  ADD COLUMN link_capture_delay_s integer NOT NULL DEFAULT 3600 CHECK (link_capture_delay_s BETWEEN 0 AND 31622400),
  ADD COLUMN link_hold_s integer NOT NULL DEFAULT 432000 CHECK (link_hold_s BETWEEN 0 AND 31622400);
