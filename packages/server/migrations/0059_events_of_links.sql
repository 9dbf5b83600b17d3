-- Of a link's event, whose subject (`transaction_id`) is the link: when the link was to end, as it was then. NULL: a
-- transaction's event. What else of a link changes, the event's name and time tell.
ALTER TABLE event ADD COLUMN link_expires_at timestamptz;
