-- What the checks have shown is not looked at again, so no table is read. In the order in which nodes lock them.
LOCK TABLE webhook_lane, webhook_delivery, webhook_attempt, webhook_message IN ACCESS EXCLUSIVE MODE;
ALTER TABLE webhook_lane ALTER COLUMN merchant_id SET NOT NULL;
ALTER TABLE webhook_delivery ALTER COLUMN merchant_id SET NOT NULL;
ALTER TABLE webhook_attempt ALTER COLUMN merchant_id SET NOT NULL;
ALTER TABLE webhook_message ALTER COLUMN merchant_id SET NOT NULL;
ALTER TABLE webhook_lane DROP CONSTRAINT webhook_lane_of_merchant;
ALTER TABLE webhook_delivery DROP CONSTRAINT webhook_delivery_of_merchant;
ALTER TABLE webhook_attempt DROP CONSTRAINT webhook_attempt_of_merchant;
ALTER TABLE webhook_message DROP CONSTRAINT webhook_message_of_merchant;
DROP PROCEDURE fill_webhook_merchants();
DROP FUNCTION begin_filling_webhooks();
