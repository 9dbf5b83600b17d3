/** Which scope an API key needs for which route of merchants, in one table. Where a route says so itself, that counts. */
import type { Scope } from '../core/scopes.ts';

interface Rule {
  readonly routes: RegExp;
  readonly read: Scope;
  readonly write: Scope;
}

/** The first that matches counts. */
const RULES: readonly Rule[] = [
  { routes: /^\/v1\/(?:sandbox|admin)\b/, read: 'read', write: 'write' },
  { routes: /\/(?:payment-links|payment-sessions)\b/, read: 'links:read', write: 'links:write' },
  { routes: /\/capture$/, read: 'read', write: 'captures:write' },
  { routes: /\/cancel$/, read: 'read', write: 'cancels:write' },
  { routes: /\/refund$/, read: 'read', write: 'refunds:write' },
  { routes: /^\/v1\/customers\b/, read: 'customers:read', write: 'customers:write' },
  { routes: /\/(?:test|replay|resend)$/, read: 'read', write: 'deliveries:write' },
  { routes: /^\/v1\/(?:webhook-endpoints|callback-secret)\b/, read: 'webhooks:read', write: 'webhooks' },
  { routes: /\/(?:wallet|payments|transactions|events)\b/, read: 'payments:read', write: 'payments:write' },
  {
    routes: /^\/v1\/(?:balances|statistics|issues|request-log|stores|terminals)\b/,
    read: 'reports:read',
    write: 'write',
  },
];

/** What an API key must be able to do for a route. */
export function scopeOfRoute(method: string, url: string): Scope {
  const isRead = method === 'GET' || method === 'HEAD';
  const rule = RULES.find(({ routes }) => routes.test(url));
  if (rule === undefined) return isRead ? 'read' : 'write';
  return isRead ? rule.read : rule.write;
}
