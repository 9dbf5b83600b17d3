-- Keys that may do one thing only, and keys that are good from some addresses only. Nodes of the version before refuse what needs
-- more than the scopes that they know, and do not look at addresses.
ALTER TABLE api_key DROP CONSTRAINT api_key_scopes_check;
ALTER TABLE api_key ADD CONSTRAINT api_key_scopes_check CHECK (cardinality(scopes) > 0) NOT VALID;
-- Addresses and networks in their one spelling; NULL: from anywhere.
ALTER TABLE api_key ADD COLUMN allowed_networks text[];
