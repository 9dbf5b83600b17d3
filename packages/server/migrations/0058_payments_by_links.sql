-- Of a payment by a link: how long after its authorization it is captured by itself, as it was when it began. NULL: as the
-- merchant's settings have it.
ALTER TABLE transaction ADD COLUMN capture_delay_s integer;
