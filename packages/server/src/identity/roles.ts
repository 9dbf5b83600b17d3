/** What people who sign in may do. */

/** Of a merchant, each may what the ones before it may; an operator is of no merchant. */
export const MERCHANT_ROLES = ['viewer', 'manager', 'admin'] as const;
export type MerchantRole = (typeof MERCHANT_ROLES)[number];
export type Role = MerchantRole | 'operator';

/**
 * What a route asks of a user: `viewer` to look, `manager` to make payments and to capture, cancel and refund
 * them, `admin` for keys, webhooks, users and the erasure of customers, `operator` for everything below /v1/admin; `any` of them.
 */
export type NeededRole = Role | 'any';

export function isAllowed(role: Role, needed: NeededRole): boolean {
  if (needed === 'any' || role === needed) return true;
  if (role === 'operator' || needed === 'operator') return false;
  return MERCHANT_ROLES.indexOf(role) >= MERCHANT_ROLES.indexOf(needed);
}

/** The scopes of a role's sessions: a viewer's can write nothing, whatever a route forgets to check. */
export function scopesOf(role: Role): readonly ('read' | 'write')[] {
  return role === 'viewer' ? ['read'] : ['read', 'write'];
}
