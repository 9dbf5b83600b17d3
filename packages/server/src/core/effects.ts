/**
 * What a permitted operation does to the payment and the ledger: the one place for each, whether it was
 * decided at once (wallets) or by the bank's answer (cards). From here on it must succeed.
 */
import type { Account } from './accounts.ts';
import type { Capability } from './acquirers.ts';
import { type CardOnFile, cardToKeep } from './cardOnFile.ts';
import { both, type Change, type Decision } from './change.ts';
import type { MerchantSettings, WalletLookup } from './command.ts';
import { type EXPIRED, PARTIALLY_CAPTURED } from './lifecycle.ts';
import { type LinkState, payLink } from './links.ts';
import {
  type BankOperation,
  heldBy,
  type Millis,
  type Minor,
  type Transaction,
  type Wallet,
} from './transaction.ts';

/** Whether an acquirer can do what not every one can. */
export type Can = (acquirerId: string, capability: Capability) => boolean;

/** What the decisions may look at: the batch's locked rows, as the commands before this one left them. */
export interface State extends LinkState {
  transaction(id: string): Transaction | undefined;
  operation(id: string): BankOperation | undefined;
  wallet(id: string): Wallet | undefined;
  /** @throws Error when the payment's wallet was not loaded: a bug */
  walletOf(transaction: Transaction): Wallet;
  lookUpWallet(phone: string, iinHashes: readonly string[], currency: string): WalletLookup;
  merchantBalance(merchantId: string, currency: string): Minor;
  merchantSettings(merchantId: string): MerchantSettings;
  /** A customer's card, whatever has become of it; undefined: they never had it kept. */
  cardOnFile(customerId: string, cardTokenId: string): CardOnFile | undefined;
  /** Whether the acquirer of a card payment can do this. */
  can(acquirerId: string | null, capability: Capability): boolean;
}

/** Holds the amount on the wallet, or rejects the payment. */
export function placeHold(state: State, change: Change, wallet: Wallet): Decision {
  const { transaction } = change;
  const { amount } = transaction;
  if (wallet.frozen) return change.end('rejected', 'wallet_frozen');
  if (wallet.available < amount) return change.end('rejected', 'insufficient_funds');
  change.hold(amount);
  authorize(state, change);
  return change.done(amount);
}

/** The funds are reserved: when the hold lapses and when it is captured by itself follow from the settings. */
export function authorize(state: State, change: Change): void {
  const { transaction, now } = change;
  const times = { authedAt: now, confirmedAt: now, processedAt: now };
  const deadlines = deadlinesOf(transaction, state.merchantSettings(transaction.merchantId), now);
  change.become('authorized', null, transaction.amount, { ...times, ...deadlines, awaiting: null });
  payLink(state, change);
  const card = cardToKeep(transaction, now);
  if (card !== null && state.can(transaction.acquirerId, 'tokens')) change.keepCard(card);
}

/** A payment by a link is captured by itself in place of lapsing, which it does only where that was not possible. */
function deadlinesOf(
  { captureMode, captureDelayS }: Transaction,
  { captureDelayMs, authorizationTtlMs }: MerchantSettings,
  now: Millis,
): Pick<Transaction, 'captureAt' | 'expiresAt'> {
  if (captureDelayS !== null) {
    const captureAt = now + captureDelayS * 1_000;
    return { captureAt, expiresAt: captureAt + authorizationTtlMs };
  }
  const captureAt = captureMode === 'automatic' ? now + captureDelayMs : null;
  return { captureAt, expiresAt: now + authorizationTtlMs };
}

/**
 * Debits a part or all of the hold to the merchant.
 * @param isFinal the hold ends with it, and what it leaves is released; else that stays held, and is not all of it
 */
export function capture(state: State, change: Change, amount: Minor, isFinal: boolean): Decision {
  const { transaction, now } = change;
  const { merchantId, currency } = transaction;
  const rest = heldBy(transaction) - amount;
  const captured = transaction.captured + amount;
  const balance = state.merchantBalance(merchantId, currency) + amount;
  change.hold(isFinal ? -(amount + rest) : -amount);
  change.post('capture', payerAccount(transaction), { kind: 'merchant', ownerId: merchantId }, amount);
  if (!isFinal) {
    change.record(PARTIALLY_CAPTURED, null, amount, { captured }, balance);
    return change.done(amount);
  }
  const patch = { captured, released: transaction.released + rest, processedAt: now, captureAt: null };
  change.become('charged', null, amount, patch, balance);
  return change.done(amount);
}

/** Gives a part or all of a hold back to the payer; before the authorization, ends the payment. */
export function release(change: Change, amount: Minor, reason: 'requested' | typeof EXPIRED): void {
  const { transaction } = change;
  if (transaction.status !== 'authorized') {
    change.become('cancelled', reason, amount, { awaiting: null, expiresAt: null });
    return;
  }
  change.hold(-amount);
  const released = transaction.released + amount;
  if (amount === heldBy(transaction)) endHold(change, reason, amount, released);
  else change.record('transaction.partially_cancelled', reason, amount, { released });
}

/** Ends a hold with the release of what is left of it: what was captured of it before stays captured. */
function endHold(change: Change, reason: string, amount: Minor, released: Minor): void {
  const { captured, refunded } = change.transaction;
  if (captured === 0n) {
    change.become('cancelled', reason, amount, { released });
    return;
  }
  change.become('charged', reason, amount, { released, processedAt: change.now, captureAt: null });
  // All of it may have been given back meanwhile. Nothing more is moved by saying so.
  if (refunded === captured) change.become('refunded', reason, 0n, {});
}

/** A wallet's refund, in one step: created and done. The parent's event follows the refund's own. */
export function refund(child: Change, parent: Change, balance: Minor): Decision {
  const { merchantId, amount } = child.transaction;
  child.record('transaction.created', null, amount, {});
  child.post('refund', { kind: 'merchant', ownerId: merchantId }, payerAccount(child.transaction), amount);
  child.become('refunded', null, amount, { refunded: amount, processedAt: child.now }, balance);
  countRefund(parent, amount, balance);
  const { id, eventCount } = child.transaction;
  const effect = { id, seq: eventCount };
  const { transaction } = parent;
  const outcome = { kind: 'transaction', transaction, refund: child.transaction, amount, effect } as const;
  return both(child.done(amount), parent.done(amount), outcome);
}

/**
 * A refund is done: the payment counts it, and is `refunded` once nothing is left to refund. As long as a part is held,
 * more can be captured: it stays `authorized` until its hold ends.
 */
export function countRefund(parent: Change, amount: Minor, balance: Minor | null): void {
  const { transaction, now } = parent;
  const refunded = transaction.refunded + amount;
  const isHeld = transaction.status === 'authorized';
  const patch = isHeld ? { refunded } : { refunded, processedAt: now };
  if (refunded === transaction.captured && !isHeld) parent.become('refunded', null, amount, patch, balance);
  else parent.record('transaction.partially_refunded', null, amount, patch, balance);
}

/** What a payment is paid from, and a refund is paid to. */
export function payerAccount({ id, paymentMethod, walletId, acquirerId }: Transaction): Account {
  if (paymentMethod === 'card') {
    if (acquirerId === null) throw new Error(`transaction ${id} has no acquirer`);
    return { kind: 'acquirer', ownerId: acquirerId };
  }
  if (walletId === null) throw new Error(`transaction ${id} has no wallet`);
  return { kind: 'wallet', walletId };
}
