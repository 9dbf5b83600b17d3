-- Wrong pairs of a phone number and an IIN, by what they are counted for: the phone number (whether somebody has it or
-- not, so that nobody is told apart by the time that it takes), the merchant that asked, and the address it called from.
CREATE TABLE wrong_iin (
  kind          text NOT NULL CHECK (kind IN ('phone', 'merchant', 'address')),
  subject       text NOT NULL,
  wrong         integer NOT NULL,
  -- Of merchants and addresses: all their authorizations of the time in which the wrong ones were counted.
  asked         bigint NOT NULL DEFAULT 0,
  since         timestamptz NOT NULL,
  last_at       timestamptz NOT NULL,
  -- Until then every pair is taken for a wrong one.
  locked_until  timestamptz,
  PRIMARY KEY (kind, subject)
);
CREATE INDEX wrong_iin_by_age ON wrong_iin (last_at);
