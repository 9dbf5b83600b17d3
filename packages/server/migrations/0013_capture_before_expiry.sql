-- A hold is captured by itself before it lapses, also where a payment asks for what its merchant does not do by default.
UPDATE merchant SET capture_delay_s = authorization_ttl_s / 2 WHERE capture_delay_s >= authorization_ttl_s;
ALTER TABLE merchant ADD CONSTRAINT merchant_capture_before_expiry CHECK (capture_delay_s < authorization_ttl_s);
