import type { Account, PostingCode } from './accounts.ts';
import type { Status, TransactionType } from './lifecycle.ts';
import { type LinkId, parsePublicLinkId, type TransactionId } from './values/ids.ts';

/** Minor units of a currency. Transaction amounts fit 2^53-1; balances may be larger. */
export type Minor = bigint;

/** Milliseconds since the epoch, on the engine's clock (the database's, plus the sandbox's offset). */
export type Millis = number;

export type PaymentMethod = 'wallet' | 'card';
export type CaptureMode = 'manual' | 'automatic';
export const RECURRING_TYPES = ['subscription', 'installment', 'unscheduled'] as const;
export type RecurringType = (typeof RECURRING_TYPES)[number];
/**
 * What a payment keeps its card for, or who charged one that was kept. `keep`: for its payer; `cof_initial`: also for the
 * merchant, who may charge it later; `payer`: a card on file by its payer; `merchant`: one by the merchant alone.
 */
export type CardUse = 'keep' | 'cof_initial' | 'payer' | 'merchant';

/**
 * A payment or a refund, as stored. Invariants (checked by the audit): once it was authorized,
 * `captured + released + still held = amount`; always `refunded + reserved <= captured`.
 */
export interface Transaction {
  readonly id: TransactionId;
  readonly merchantId: string;
  readonly type: TransactionType;
  readonly paymentMethod: PaymentMethod;
  readonly status: Status;
  /** Why it was rejected, failed or cancelled: a `FailureCode`, `requested` or `expired`. */
  readonly statusReason: string | null;
  /** While `created`: what the decision waits for. */
  readonly awaiting: 'confirmation' | 'delay' | 'bank' | null;
  readonly amount: Minor;
  readonly currency: string;
  readonly captured: Minor;
  readonly released: Minor;
  /** For a payment: what was given back. For a refund: itself, once done. */
  readonly refunded: Minor;
  /** Refunds of this payment that are not decided yet. */
  readonly reserved: Minor;
  readonly orderReference: string;
  readonly walletId: string | null;
  readonly customerId: string | null;
  readonly parentTransactionId: TransactionId | null;
  readonly captureMode: CaptureMode;
  /** Of a payment by a link: when it is captured by itself, counted from its authorization. Null: as the settings have it. */
  readonly captureDelayS: number | null;
  readonly description: string | null;
  readonly payerIp: string | null;
  readonly storeId: string | null;
  readonly terminalId: string | null;
  readonly secure3d: boolean;
  readonly recurringType: RecurringType | null;
  readonly cardUse: CardUse | null;
  /** Of a `cof_initial`: until when the customer has agreed to be charged; null: until they say otherwise. */
  readonly consentUntil: Millis | null;
  /** Of a payment that its merchant made: the one by which the customer has agreed to it. */
  readonly firstTransactionId: TransactionId | null;
  readonly retrievalReferenceNumber: string | null;
  /** What the card's network knows it by. */
  readonly networkTransactionReference: string | null;
  readonly paymentLinkId: string | null;
  readonly paymentSessionId: string | null;
  readonly cardTokenId: string | null;
  readonly cardBrand: string | null;
  readonly cardLast4: string | null;
  /** The bank that a card payment is made by, for good; null: a wallet payment. */
  readonly acquirerId: string | null;
  /**
   * What its merchant was known by to the bank when it was asked first; `NO_CREDENTIALS_ID`: by nothing. Null: a wallet
   * payment, or recorded by a version that did not keep it.
   */
  readonly credentialsId: string | null;
  /** Where the payer goes after 3-D Secure. */
  readonly returnUrl: string | null;
  /** Where the payer authenticates, or did: it is shown while the status is `3d`, and in what is told of that time. */
  readonly redirectUrl: string | null;
  /** The bank operation that is outstanding. */
  readonly operationId: string | null;
  readonly createdAt: Millis;
  readonly updatedAt: Millis;
  readonly authedAt: Millis | null;
  readonly confirmedAt: Millis | null;
  readonly processedAt: Millis | null;
  readonly expiresAt: Millis | null;
  readonly captureAt: Millis | null;
  /** While the status is `3d`: when the bank is asked how far its payer is. */
  readonly inquireAt: Millis | null;
  readonly eventCount: number;
  readonly postingCount: number;
}

/** One entry of a transaction's history. The amounts are the transaction's after the event. */
export interface TransactionEvent {
  readonly transactionId: string;
  /** 1, 2, 3 … without gaps within the transaction. */
  readonly seq: number;
  readonly merchantId: string;
  readonly name: string;
  readonly status: Status;
  /** What this event itself moved. */
  readonly amount: Minor;
  readonly captured: Minor;
  readonly released: Minor;
  readonly refunded: Minor;
  readonly reserved: Minor;
  /** The merchant's balance after the event, when the event posts to it. */
  readonly balance: Minor | null;
  /** Null without a balance. */
  readonly balanceCurrency: string | null;
  /** Who: `api`, `operator`, `customer` or `engine`. */
  readonly actor: Actor;
  readonly reason: string | null;
  readonly at: Millis;
}

export type Actor = 'api' | 'operator' | 'customer' | 'engine' | `user:${string}`;

/** One amount moved from one account to another of the same currency. */
export interface Posting {
  /** The transaction or wallet transfer that it belongs to. */
  readonly operationId: string;
  readonly seq: number;
  readonly code: PostingCode;
  readonly from: Account;
  readonly to: Account;
  readonly currency: string;
  readonly amount: Minor;
  readonly at: Millis;
}

/** A hold moves nothing: a part of what is in the wallet is spoken for, and is no longer available. */
export interface Hold {
  readonly walletId: string;
  /** By how much what is held grows; below 0: shrinks. */
  readonly change: Minor;
}

/** A wallet is its account, and who decides on payments from it. Its balance is what is available and what is held. */
export interface Wallet {
  readonly id: string;
  readonly holderId: string;
  readonly currency: string;
  readonly available: Minor;
  readonly held: Minor;
  readonly frozen: boolean;
  /** Who decides an authorization: `none` = the balance alone, at once. */
  readonly approval: 'none' | 'customer' | 'delayed' | 'system_error';
}

/** Money that enters a wallet from outside or leaves it. */
export interface WalletTransfer {
  readonly id: string;
  readonly walletId: string;
  readonly kind: 'deposit' | 'withdrawal';
  readonly amount: Minor;
  readonly currency: string;
  readonly reference: string | null;
  readonly actor: Actor;
  readonly createdAt: Millis;
}

/** What was asked of the bank. The intent commits before the call, the answer is a command of its own. */
export interface BankOperation {
  /** The bank's idempotency key; for an authorization it is the transaction's id. */
  readonly id: string;
  readonly transactionId: TransactionId;
  /** Of a refund: the payment, which is all that the bank knows. */
  readonly paymentId: TransactionId;
  readonly merchantId: string;
  /** Whom it is asked of: the payment's. */
  readonly acquirerId: string;
  /** What the merchant is known by there: the payment's. */
  readonly credentialsId: string | null;
  readonly kind: 'authorize' | 'complete' | 'capture' | 'cancel' | 'refund' | 'reverse';
  readonly amount: Minor;
  readonly currency: string;
  readonly actor: Actor;
  /** Of a cancel: why. */
  readonly reason: string | null;
  /** Of a capture: whether the hold ends with it. Of anything else it says nothing, and is true. */
  readonly final: boolean;
  readonly status: 'pending' | 'done' | 'declined' | 'failed';
  readonly requestedAt: Millis;
  readonly settledAt: Millis | null;
  /** The idempotency key whose response waits for this operation; null once it was given. */
  readonly answerDueAt: Millis | null;
  readonly scopeId: string | null;
  readonly key: string | null;
  /** How often the bank was asked again. */
  readonly attempts: number;
}

/** What a transaction waits for at its bank. Until then the bank is asked for nothing else. */
export interface PendingOperation {
  /** `complete`: how the payer's 3-D Secure ended. */
  readonly kind: Exclude<BankOperation['kind'], 'reverse'>;
  readonly amount: Minor;
  readonly requestedAt: Millis;
  /** How often the bank was asked, the first time included. */
  readonly attempts: number;
}

/** How a transaction shows its operation; null: it does not wait for this one. */
export function pendingOperationOf(
  operation: Pick<BankOperation, 'kind' | 'amount' | 'requestedAt' | 'attempts'> | null,
): PendingOperation | null {
  if (operation === null || operation.kind === 'reverse') return null;
  const { kind, amount, requestedAt, attempts } = operation;
  return { kind, amount, requestedAt, attempts: attempts + 1 };
}

/** What the bank said of an operation; `failed`: it could not be found out for too long. */
export interface BankAnswer {
  readonly status: 'approved' | 'declined' | 'challenge' | 'done' | 'failed';
  readonly declineCode: string | null;
  readonly retrievalReferenceNumber: string | null;
  readonly networkTransactionReference: string | null;
  /** Where the payer authenticates; only with `challenge`. */
  readonly redirectUrl: string | null;
}

/** What a payment still holds on the wallet or card. */
export function heldBy(transaction: Transaction): Minor {
  if (transaction.status !== 'authorized') return 0n;
  return transaction.amount - transaction.captured - transaction.released;
}

/** What may still be refunded of a payment. */
export function refundableOf(transaction: Transaction): Minor {
  return transaction.captured - transaction.refunded - transaction.reserved;
}

/** The next moment at which the engine itself must act: expire, decide or capture. Null: never. */
export function dueAtOf(transaction: Transaction): Millis | null {
  const { status, expiresAt, captureAt, inquireAt, operationId } = transaction;
  if (operationId !== null) return null; // The bank's answer comes first.
  if (status !== 'created' && status !== '3d' && status !== 'authorized') return null;
  const soonest = status === '3d' ? inquireAt : captureAt;
  if (soonest === null) return expiresAt;
  return expiresAt === null ? soonest : Math.min(expiresAt, soonest);
}

/** The link or session that a payment was made by; null: by none. */
export function linkIdOf({
  paymentLinkId,
  paymentSessionId,
}: Pick<Transaction, 'paymentLinkId' | 'paymentSessionId'>): LinkId | null {
  const text = paymentSessionId ?? paymentLinkId;
  if (text === null) return null;
  const id = parsePublicLinkId(text);
  return id.ok ? id.value.id : null;
}
