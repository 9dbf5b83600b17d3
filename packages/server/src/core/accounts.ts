/**
 * The kinds of account that the ledger has: the one list that the engine, the statements, the audit, the schemas and the
 * pages are made from. A new kind is an entry here, an effect that posts to it, and a test.
 */

interface AccountRules {
  /** Whose accounts they are. `outside` is nobody's: one account a currency. */
  readonly owner: 'walletHolder' | 'merchant' | 'acquirer' | 'outside';
  /** What it must at least be, of which `held` is spoken for: 0, or anything. */
  readonly mayBeNegative: boolean;
  /**
   * `locked`: decisions depend on the balance, so it is loaded under a lock, and each posting carries the balance after it.
   * `delta`: none does, and every batch comes for it, so what it changed by is added to it.
   */
  readonly moved: 'locked' | 'delta';
  /** What postings on it may be. */
  readonly codes: readonly string[];
}

export const ACCOUNT_KINDS = {
  /** What a wallet holder has in one currency. Open authorizations hold a part of it. */
  wallet: {
    owner: 'walletHolder',
    mayBeNegative: false,
    moved: 'locked',
    codes: ['deposit', 'withdrawal', 'capture', 'refund'],
  },
  /** What a merchant has earned and not been paid out. */
  merchant: {
    owner: 'merchant',
    mayBeNegative: false,
    moved: 'locked',
    codes: ['capture', 'refund', 'refund_returned', 'payout'],
  },
  /** What an acquirer owes for card payments: below 0 by as much. */
  acquirer: {
    owner: 'acquirer',
    mayBeNegative: true,
    moved: 'delta',
    codes: ['capture', 'refund', 'refund_returned'],
  },
  /** The outside world that wallets are filled from and paid out to. */
  funding: {
    owner: 'outside',
    mayBeNegative: true,
    moved: 'delta',
    codes: ['deposit', 'withdrawal', 'payout'],
  },
} as const satisfies Record<string, AccountRules>;

export type AccountKind = keyof typeof ACCOUNT_KINDS;
export type LockedKind = KindsThatAre<'locked'>;
export type DeltaKind = KindsThatAre<'delta'>;
/** What a posting is. */
export type PostingCode = (typeof ACCOUNT_KINDS)[AccountKind]['codes'][number];

type KindsThatAre<Moved extends AccountRules['moved']> = {
  [Kind in AccountKind]: (typeof ACCOUNT_KINDS)[Kind]['moved'] extends Moved ? Kind : never;
}[AccountKind];

export const ALL_ACCOUNT_KINDS = Object.keys(ACCOUNT_KINDS) as readonly AccountKind[];
/** Everything that a posting may be. */
export const POSTING_CODES = [...new Set(ALL_ACCOUNT_KINDS.flatMap((kind) => ACCOUNT_KINDS[kind].codes))];
export const LOCKED_KINDS = ALL_ACCOUNT_KINDS.filter(isLocked);

/** Whether an account of this kind is loaded under a lock. */
export function isLocked(kind: AccountKind): kind is LockedKind {
  return ACCOUNT_KINDS[kind].moved === 'locked';
}

/** The kinds of account that such an owner has. */
export function kindsOf(owner: AccountRules['owner']): readonly AccountKind[] {
  return ALL_ACCOUNT_KINDS.filter((kind) => ACCOUNT_KINDS[kind].owner === owner);
}

/** Of neither wallet holders nor merchants. */
export const SYSTEM_KINDS = [...kindsOf('acquirer'), ...kindsOf('outside')];

/** Whether a posting on an account of this kind may be this. */
export function mayTake(kind: AccountKind, code: PostingCode): boolean {
  const codes: readonly PostingCode[] = ACCOUNT_KINDS[kind].codes;
  return codes.includes(code);
}

/** One account. A wallet is known by its id, any other by whose it is, in the currency of what moves. */
export type Account =
  | { readonly kind: 'wallet'; readonly walletId: string }
  | { readonly kind: Exclude<AccountKind, 'wallet'>; readonly ownerId: string };

/** Stands for the owner of what is nobody's. */
export const OUTSIDE_ID = '00000000-0000-0000-0000-000000000000';
