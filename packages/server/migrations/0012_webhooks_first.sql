-- Webhooks are attempted before they are written: most need no other attempt, and are then written once, as delivered,
-- with that attempt. What fails, takes long or has to wait is written as pending, and goes on as before.

-- Until when nobody else reads on, in real time: the node that has read further than position. token is new with
-- every write, so that a node sees whether the last one was its own.
ALTER TABLE webhook_feed ADD COLUMN token uuid, ADD COLUMN held_until timestamptz;

-- The attempt of a delivery that was written when it was delivered; the others are in webhook_attempt.
ALTER TABLE webhook_delivery
  ADD COLUMN first_at timestamptz,
  ADD COLUMN first_latency_ms integer,
  ADD COLUMN first_status_code smallint,
  ADD COLUMN first_response text;
