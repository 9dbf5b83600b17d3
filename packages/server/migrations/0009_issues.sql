-- Issues are found by rules whenever somebody looks; only what somebody does not want to see is kept.
CREATE TABLE issue_mute (
  merchant_id  uuid NOT NULL,
  issue_id     text NOT NULL,
  until        timestamptz NOT NULL,
  PRIMARY KEY (merchant_id, issue_id)
);
