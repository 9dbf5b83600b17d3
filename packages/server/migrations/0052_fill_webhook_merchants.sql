-- outside a transaction
CALL fill_webhook_merchants();
-- They read whole tables, and nobody who reads or writes waits for them.
ALTER TABLE webhook_lane VALIDATE CONSTRAINT webhook_lane_of_merchant;
ALTER TABLE webhook_delivery VALIDATE CONSTRAINT webhook_delivery_of_merchant;
ALTER TABLE webhook_attempt VALIDATE CONSTRAINT webhook_attempt_of_merchant;
ALTER TABLE webhook_message VALIDATE CONSTRAINT webhook_message_of_merchant;
