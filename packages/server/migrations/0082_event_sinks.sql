-- How far events have been published to a broker of the operator's, by the kind of broker and the topic.
CREATE TABLE event_sink (
  name          text PRIMARY KEY,
  -- The last event that the broker has confirmed, with all before it.
  round         bigint NOT NULL,
  position      bigint NOT NULL,
  -- In real time: which node publishes, and until when no other may.
  lease         uuid,
  leased_until  timestamptz
);
