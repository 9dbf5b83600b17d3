-- Whether a hold ends with a capture: what the bank is asked for, and what its answer then means. Nodes of the version
-- before make captures that end it, and no others.
ALTER TABLE bank_operation ADD COLUMN final boolean NOT NULL DEFAULT true;
