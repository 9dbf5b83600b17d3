-- Which deliveries failed, apart from their status: that is written with every delivery, and while an index named
-- it, each of those updates wrote the delivery's place into every index anew. And room for each row's next version
-- beside it: neighbours are delivered together.

DROP INDEX webhook_delivery_failed;
ALTER TABLE webhook_delivery SET (fillfactor = 50);
ALTER TABLE webhook_delivery ADD COLUMN failed boolean NOT NULL GENERATED ALWAYS AS (status = 'failed') STORED;
CREATE INDEX webhook_delivery_failed ON webhook_delivery (endpoint_id, id) WHERE failed;
