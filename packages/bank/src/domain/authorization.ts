import { type CardBehaviour, isExpired } from './cards.ts';

/*
 * One authorization at the bank:
 *
 *   (new) ──┬─ approved            money held, then captured or released
 *           ├─ declined
 *           └─ challenge ──┬─ challenge_approved ── complete ─┬─ approved
 *                          │                                  └─ declined
 *                          ├─ challenge_failed ──── complete ─── declined
 *                          └─ 15 min ────────────── complete ─── declined
 *
 * A reversal declines whatever is not decided yet. Only `approved` has money in the books, and there
 * held + captured + released is always the authorized amount.
 */

export type AuthorizationStatus =
  | 'approved'
  | 'declined'
  | 'challenge'
  | 'challenge_approved'
  | 'challenge_failed';

export type DeclineCode =
  | 'card_declined'
  | 'insufficient_funds'
  | 'lost_card'
  | 'stolen_card'
  | 'expired_card'
  | 'incorrect_cvc'
  | 'incorrect_number'
  | 'processing_error'
  | 'authentication_required'
  | 'authentication_failed'
  | 'authentication_expired'
  | 'reversed';

export type OperationDeclineCode =
  | 'unknown_authorization'
  | 'not_approved'
  | 'already_captured'
  | 'amount_exceeds_held'
  | 'amount_exceeds_captured'
  | 'not_supported';

/** How long the payer has to answer the 3-D Secure page. */
export const challengeLifetimeMs = 15 * 60 * 1000;

/** The part of an authorization that decisions read and change. Amounts are minor units. */
export interface Authorization {
  readonly amount: bigint;
  readonly status: AuthorizationStatus;
  readonly declineCode: DeclineCode | null;
  /** The issuer's word on a card whose payer passes 3-D Secure: null approves. */
  readonly declineAfterChallenge: DeclineCode | null;
  readonly challengeExpiresAt: Date | null;
  readonly held: bigint;
  readonly captured: bigint;
  readonly released: bigint;
  readonly refunded: bigint;
}

export interface AuthorizationRequest {
  readonly amount: bigint;
  readonly threeDS: boolean;
  /**
   * What becomes of it when nobody is there to authenticate: `payer`, somebody is; `agreed`, the merchant charges a card
   * whose payer has agreed to it; `unproven`, the merchant names no first payment by which they did.
   */
  readonly attended: 'payer' | 'agreed' | 'unproven';
  /** Null: neither a number that passes the check nor a token of this merchant's. */
  readonly card: {
    readonly expiryMonth: number;
    readonly expiryYear: number;
    readonly behaviour: CardBehaviour;
  } | null;
}

/** What an operation did; `amount` is what moved, `released` what a final capture gave back. */
export type OperationResult =
  | { readonly status: 'done'; readonly amount: bigint; readonly released: bigint }
  | { readonly status: 'declined'; readonly declineCode: OperationDeclineCode };

export interface Decision<State extends Authorization> {
  readonly result: OperationResult;
  /** Undefined when nothing changes. */
  readonly next?: State;
}

/** The issuer's first word on a new authorization. Checks, in order: number, expiry, who is there, 3-D Secure, card. */
export function decideAuthorization(request: AuthorizationRequest, now: Date): Authorization {
  if (request.card === null) return declinedAtOnce(request.amount, 'incorrect_number');
  const { expiryMonth, expiryYear, behaviour } = request.card;
  if (isExpired(expiryMonth, expiryYear, now)) return declinedAtOnce(request.amount, 'expired_card');
  if (request.attended === 'unproven') return declinedAtOnce(request.amount, 'authentication_required');
  if (request.attended === 'agreed') {
    const declineCode = behaviour.declineUnattended ?? behaviour.declineCode;
    return declineCode === undefined
      ? approve(undecided(request.amount))
      : declinedAtOnce(request.amount, declineCode);
  }
  if (behaviour.threeDS) {
    return request.threeDS
      ? challenged(request.amount, behaviour.declineCode ?? null, now)
      : declinedAtOnce(request.amount, 'authentication_required');
  }
  if (behaviour.declineCode) return declinedAtOnce(request.amount, behaviour.declineCode);
  return approve(undecided(request.amount));
}

function undecided(amount: bigint): Authorization {
  return {
    amount,
    status: 'declined',
    declineCode: null,
    declineAfterChallenge: null,
    challengeExpiresAt: null,
    held: 0n,
    captured: 0n,
    released: 0n,
    refunded: 0n,
  };
}

function declinedAtOnce(amount: bigint, declineCode: DeclineCode): Authorization {
  return decline(undecided(amount), declineCode);
}

function challenged(amount: bigint, declineAfterChallenge: DeclineCode | null, now: Date): Authorization {
  const challengeExpiresAt = new Date(now.getTime() + challengeLifetimeMs);
  return { ...undecided(amount), status: 'challenge', declineAfterChallenge, challengeExpiresAt };
}

function approve<State extends Authorization>(state: State): State {
  return checked({ ...state, status: 'approved', held: state.amount });
}

function decline<State extends Authorization>(state: State, declineCode: DeclineCode): State {
  return checked({ ...state, status: 'declined', declineCode });
}

/** Takes money from the hold. A final capture, the usual one, gives the rest of the hold back. */
export function decideCapture<State extends Authorization>(
  state: State | undefined,
  amount: bigint,
  final: boolean,
): Decision<State> {
  if (!state) return refusal('unknown_authorization');
  if (state.status !== 'approved') return refusal('not_approved');
  if (amount > state.held) return refusal('amount_exceeds_held');
  const released = final ? state.held - amount : 0n;
  const next = checked({
    ...state,
    held: state.held - amount - released,
    captured: state.captured + amount,
    released: state.released + released,
  });
  return { result: { status: 'done', amount, released }, next };
}

/** Gives the hold back, or a part of it; an authorization that is not decided yet is declined. */
export function decideReversal<State extends Authorization>(
  state: State | undefined,
  amount: bigint | undefined,
): Decision<State> {
  if (!state || state.status === 'declined') return nothingToRelease();
  if (state.status === 'approved') return releaseHold(state, amount);
  if (amount !== undefined && amount !== state.amount) return refusal('not_approved');
  return { ...nothingToRelease(), next: decline(state, 'reversed') };
}

function releaseHold<State extends Authorization>(state: State, amount = state.held): Decision<State> {
  if (state.held === 0n && state.captured > 0n) return refusal('already_captured');
  if (amount > state.held) return refusal('amount_exceeds_held');
  const next = checked({ ...state, held: state.held - amount, released: state.released + amount });
  return { result: { status: 'done', amount, released: amount }, next };
}

/** A reversal that finds no money held is done: what it asked for is already so. */
function nothingToRelease(): { readonly result: OperationResult } {
  return { result: { status: 'done', amount: 0n, released: 0n } };
}

/** Pays captured money back to the card. */
export function decideRefund<State extends Authorization>(
  state: State | undefined,
  amount: bigint,
): Decision<State> {
  if (!state) return refusal('unknown_authorization');
  if (state.status !== 'approved') return refusal('not_approved');
  if (amount > state.captured - state.refunded) return refusal('amount_exceeds_captured');
  const next = checked({ ...state, refunded: state.refunded + amount });
  return { result: { status: 'done', amount, released: 0n }, next };
}

/** Declines an operation, and changes nothing. */
export function refusal(declineCode: OperationDeclineCode): { readonly result: OperationResult } {
  return { result: { status: 'declined', declineCode } };
}

/** Ends an authorization whose challenge has an answer, or had none in time; undefined changes nothing. */
export function decideCompletion<State extends Authorization>(state: State, now: Date): State | undefined {
  if (state.status === 'challenge_failed') return decline(state, 'authentication_failed');
  if (state.status === 'challenge' && challengeExpired(state, now)) {
    return decline(state, 'authentication_expired');
  }
  if (state.status !== 'challenge_approved') return undefined;
  return state.declineAfterChallenge ? decline(state, state.declineAfterChallenge) : approve(state);
}

/** Whether the payer may still answer: only an open challenge takes an answer, and only one. */
export function challengeStanding(state: Authorization, now: Date): 'open' | 'used' | 'expired' {
  if (state.status !== 'challenge') return 'used';
  return challengeExpired(state, now) ? 'expired' : 'open';
}

function challengeExpired(state: Authorization, now: Date): boolean {
  return state.challengeExpiresAt !== null && now >= state.challengeExpiresAt;
}

/** Throws when a decision would break the books: a bug, stopped before it is written down. */
function checked<State extends Authorization>(state: State): State {
  const { amount, held, captured, released, refunded } = state;
  const total = state.status === 'approved' ? amount : 0n;
  const inRange = held >= 0n && captured >= 0n && released >= 0n && refunded >= 0n && refunded <= captured;
  if (!inRange || held + captured + released !== total) {
    throw new Error(`books out of balance: ${held} held, ${captured} captured, ${released} released`);
  }
  return state;
}
