-- What nodes of two versions ago needed of webhooks and credentials goes; 0061 has seen that none of them runs. Those of the
-- version before write `webhook_feed.token` and `held_until`, and `acquirer_credentials`, which nobody reads: a version
-- later they go.
-- In the order in which nodes lock them.
LOCK TABLE webhook_lane, webhook_delivery, webhook_attempt, webhook_message IN ACCESS EXCLUSIVE MODE;
DROP TRIGGER set_merchant ON webhook_lane;
DROP TRIGGER set_merchant ON webhook_delivery;
DROP TRIGGER set_merchant ON webhook_attempt;
DROP TRIGGER set_merchant ON webhook_message;
DROP FUNCTION set_merchant_of_endpoint();
DROP FUNCTION set_merchant_of_message();
DROP FUNCTION merchant_of_message(uuid);
DROP FUNCTION merchant_of_endpoint(uuid);

DROP TRIGGER follow ON acquirer_credentials;
DROP FUNCTION follow_acquirer_credentials();
