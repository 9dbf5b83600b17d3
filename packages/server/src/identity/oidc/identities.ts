/** Whose account an identity opens. Pure: what was found comes in, what may be done goes out. */
import { isServed, type Surface } from '../sessions.ts';

/** Who somebody is, as the provider tells it. */
export interface Identity {
  readonly issuer: string;
  readonly subject: string;
  /** In lower case. */
  readonly email: string | null;
  readonly isEmailVerified: boolean;
  readonly name: string | null;
  /** Whether the mapping makes an operator of them; null: there is no mapping. */
  readonly isOperator: boolean | null;
  /** Whether the provider has asked for more than a password. */
  readonly hasSecondFactor: boolean;
  /** When it has asked, in seconds since 1970; null: it does not say. */
  readonly authenticatedAt: number | null;
}

/** A user who is linked to the identity, or has its e-mail address. */
export interface Candidate {
  readonly id: string;
  readonly merchantId: string | null;
  readonly email: string;
  /** Whether they may sign in: neither disabled nor deleted. */
  readonly isActive: boolean;
  /** Whether a link names an identity, and whether it is this one. */
  readonly link: 'none' | 'this' | 'another';
}

/** An account that the identity opens. */
export interface OpenedAccount {
  /** Null: an operator who is created by it. */
  readonly id: string | null;
  readonly merchantId: string | null;
  readonly email: string;
  /** Whether the link is made with this sign-in. */
  readonly isNew: boolean;
}

/** Why an identity opens nothing; the audit log has it. */
export type IdentityRefusal =
  | 'nobody'
  | 'not_active'
  | 'email_not_verified'
  | 'linked_to_another'
  | 'not_an_operator';

/**
 * Who is linked is known by issuer and subject alone. Who is not is found by an e-mail address of which the provider says that it
 * is verified, and only as long as nobody else's identity is linked to that account.
 */
export function accountsOf(
  identity: Identity,
  found: readonly Candidate[],
  surface: Surface,
): readonly OpenedAccount[] | IdentityRefusal {
  const served = found.filter(({ merchantId }) => isServed(surface, merchantId));
  const owned = served.filter(
    ({ link, email }) =>
      link === 'this' || (link === 'none' && identity.isEmailVerified && email === identity.email),
  );
  // Of a merchant it opens one account: who is linked has no need of the address.
  const isLinkedAt = (merchantId: string | null): boolean =>
    owned.some((one) => one.link === 'this' && one.isActive && one.merchantId === merchantId);
  const isMapped = ({ merchantId }: Candidate): boolean =>
    merchantId !== null || identity.isOperator !== false;
  const opened = owned
    .filter((one) => one.isActive && isMapped(one))
    .filter(({ link, merchantId }) => link === 'this' || !isLinkedAt(merchantId))
    .map(({ id, merchantId, email, link }) => ({ id, merchantId, email, isNew: link === 'none' }));
  const created = createdOperator(identity, served, surface);
  if (created !== null) return [...opened, created];
  return opened.length > 0 ? opened : refusalOf(identity, served, owned);
}

/** An operator by the mapping; nobody who was one before, and is disabled, deleted, or linked to somebody else. */
function createdOperator(
  { email, isEmailVerified, isOperator }: Identity,
  served: readonly Candidate[],
  surface: Surface,
): OpenedAccount | null {
  if (isOperator !== true || !isEmailVerified || email === null || !isServed(surface, null)) return null;
  if (served.some(({ merchantId }) => merchantId === null)) return null;
  return { id: null, merchantId: null, email, isNew: true };
}

/** An address that is not verified is told before anybody is looked for who has it: it may be somebody else's. */
function refusalOf(
  { email, isEmailVerified }: Identity,
  served: readonly Candidate[],
  owned: readonly Candidate[],
): IdentityRefusal {
  if (owned.some(({ isActive }) => !isActive)) return 'not_active';
  if (owned.length > 0) return 'not_an_operator';
  if (email !== null && !isEmailVerified) return 'email_not_verified';
  return served.some(({ link }) => link === 'another') ? 'linked_to_another' : 'nobody';
}
