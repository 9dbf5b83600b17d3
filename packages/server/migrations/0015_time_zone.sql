-- The name, in IANA's database, of the time zone in which a merchant's days begin and end.
ALTER TABLE merchant ADD COLUMN time_zone text CHECK (length(time_zone) BETWEEN 1 AND 64);
