-- The same e-mail address may belong to users of several merchants, and to an operator: who else has it is nobody's
-- business. The operators are one more owner.
CREATE UNIQUE INDEX dashboard_user_of_owner ON dashboard_user
  (email, coalesce(merchant_id, '00000000-0000-0000-0000-000000000000')) WHERE deleted_at IS NULL;
DROP INDEX dashboard_user_by_email;

-- Where events go, and the secrets that they are signed with, is a scope of its own: whoever takes payments need not
-- be able to send everything elsewhere. Keys that could until now still can.
ALTER TABLE api_key DROP CONSTRAINT api_key_scopes_check;
ALTER TABLE api_key ADD CONSTRAINT api_key_scopes_check
  CHECK (scopes <@ ARRAY['read', 'write', 'webhooks'] AND cardinality(scopes) > 0);
UPDATE api_key SET scopes = scopes || '{webhooks}'
  WHERE 'write' = ANY(scopes) AND merchant_id IS NOT NULL AND user_id IS NULL;
