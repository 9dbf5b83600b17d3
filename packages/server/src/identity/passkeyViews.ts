import { iso } from '../core/values/time.ts';
import type { Passkey } from './passkeysSql.ts';

/** What its user sees of a passkey. */
export function passkeyView({ id, name, rpId, createdAt, lastUsedAt }: Passkey) {
  return { id, name, host: rpId, createdAt: iso(createdAt), lastUsedAt: iso(lastUsedAt) };
}
