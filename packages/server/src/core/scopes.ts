/** What an API key may do. `read` and `write` cover all that ends so; the others are for keys that are to do one thing only. */
export const MERCHANT_SCOPES = [
  ...(['read', 'write', 'webhooks'] as const),
  ...(['payments:read', 'payments:write', 'captures:write', 'cancels:write', 'refunds:write'] as const),
  ...(['links:read', 'links:write', 'customers:read', 'customers:write'] as const),
  ...(['reports:read', 'webhooks:read', 'deliveries:write'] as const),
] as const;
export type Scope = (typeof MERCHANT_SCOPES)[number];

/** What operators' keys may have. */
export const OPERATOR_SCOPES = ['read', 'write'] as const satisfies readonly Scope[];

/** Whether scopes allow what needs this one. */
export function covers(scopes: readonly string[], needed: Scope): boolean {
  if (scopes.includes(needed)) return true;
  if (needed.endsWith(':read')) return scopes.includes('read');
  return needed.endsWith(':write') && scopes.includes('write');
}
