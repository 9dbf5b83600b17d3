-- The currency of an event's `balance`; null where the event does not change the merchant's balance. With it, the balance
-- that a merchant had at any event is that of the last event before it that changed it: the same whenever it is asked
-- for. Events that were written before this stay without: store/events.ts says what they show.
ALTER TABLE event ADD COLUMN balance_currency text;

-- Nodes of the version before do not write it. A version later, this goes.
CREATE FUNCTION set_balance_currency() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  SELECT currency INTO STRICT NEW.balance_currency FROM transaction WHERE id = NEW.transaction_id;
  RETURN NEW;
END $$;
CREATE TRIGGER balance_currency BEFORE INSERT ON event FOR EACH ROW
  WHEN (NEW.balance IS NOT NULL AND NEW.balance_currency IS NULL) EXECUTE FUNCTION set_balance_currency();
