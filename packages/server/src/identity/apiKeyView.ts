import { iso } from '../core/values/time.ts';
import type { ApiKey } from './apiKeysSql.ts';

/** Never the key itself: it is kept as a hash. */
export function apiKeyView({ createdAt, expiresAt, revokedAt, lastUsedAt, ...key }: ApiKey) {
  const times = { expiresAt: iso(expiresAt), revokedAt: iso(revokedAt), lastUsedAt: iso(lastUsedAt) };
  return { ...key, createdAt: iso(createdAt), ...times };
}
