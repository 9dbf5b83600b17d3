import type { LateAnswer, Outcome } from '../core/command.ts';
import { failureMessageOf, retriedAfterMs } from '../core/reasons.ts';
import {
  type Millis,
  type Minor,
  type PendingOperation,
  pendingOperationOf,
  type Transaction,
  type TransactionEvent,
} from '../core/transaction.ts';
import { walletTransactionIdOf } from '../core/values/ids.ts';
import { iso } from '../core/values/time.ts';
import type { Answer } from '../engine/idempotency.ts';
import { exactJson } from '../http/exactJson.ts';
import { refusalAnswer } from '../http/refusals.ts';

/** The specification wraps these four ids, and only these. */
function wrapped(value: string | null): { readonly Value: string } | null {
  return value === null ? null : { Value: value };
}

/** What was processed: the authorized amount at first, then what was captured; for a refund, refunded. */
function processedAmountOf(t: Transaction): Minor | null {
  if (t.type === 'refund') return t.status === 'refunded' ? t.refunded : null;
  switch (t.status) {
    case 'authorized':
      return t.amount;
    case 'charged':
    case 'refunded':
      return t.captured;
    case 'cancelled':
      return 0n;
    default:
      return null;
  }
}

/** When the same payment may be tried again as it is, at the earliest; null: it did not fail, or would fail again. */
function retryAtOf({ type, status, statusReason, updatedAt }: Transaction): Millis | null {
  if (type !== 'payment' || (status !== 'rejected' && status !== 'transaction.failed')) return null;
  const afterMs = retriedAfterMs(statusReason);
  return afterMs === null ? null : updatedAt + afterMs;
}

/**
 * A transaction as transaction management shows it: every field of the specification's webhook `data`,
 * same names and shapes, and what a merchant needs besides. For `exactJson`.
 * @param balance the merchant's balance in this currency after the latest event
 * @param pending what it waits for at its bank
 */
export function transactionView(
  t: Transaction,
  balance: Minor | null,
  pending: PendingOperation | null,
): Record<string, unknown> {
  // Of what was captured, the reason says only why the rest was released.
  const retryAt = retryAtOf(t);
  const failureMessage = t.captured > 0n ? null : failureMessageOf(t.statusReason);
  return {
    id: t.id,
    amount: t.amount,
    balance: balance,
    currency: t.currency,
    status: t.status,
    type: t.type,
    paymentMethod: t.paymentMethod,
    payerIp: t.payerIp,
    merchantReference: t.orderReference,
    description: t.description,
    createdAt: iso(t.createdAt),
    updatedAt: iso(t.updatedAt),
    authedAt: iso(t.authedAt),
    confirmedAt: iso(t.confirmedAt),
    processedAt: iso(t.processedAt),
    processedAmount: processedAmountOf(t),
    storeId: t.storeId,
    terminalId: t.terminalId,
    secure3d: t.secure3d,
    parentTransactionId: t.parentTransactionId ?? t.firstTransactionId,
    recurringType: t.recurringType,
    retrievalReferenceNumber: t.retrievalReferenceNumber,
    paymentLinkId: wrapped(t.paymentLinkId),
    paymentSessionId: wrapped(t.paymentSessionId),
    cardTokenId: wrapped(t.cardTokenId),
    customerId: wrapped(t.customerId),
    orderReference: t.orderReference,
    walletTransactionId:
      t.paymentMethod === 'wallet' && t.type === 'payment' ? walletTransactionIdOf(t.id) : null,
    last4: t.cardLast4,
    cardBrand: t.cardBrand,
    captureMode: t.captureMode,
    capturedAmount: t.captured,
    releasedAmount: t.released,
    refundedAmount: t.refunded,
    reservedAmount: t.reserved,
    expiresAt: iso(t.expiresAt),
    redirectUrl: t.status === '3d' ? t.redirectUrl : null,
    pendingOperation: pending === null ? null : { ...pending, requestedAt: iso(pending.requestedAt) },
    failureCode: failureMessage === null ? null : t.statusReason,
    failureMessage,
    retryable: retryAt !== null,
    retryAfter: iso(retryAt),
  };
}

const USER = /^user:(.+)$/;

/** The users who are among the actors. */
export function usersIn(events: readonly TransactionEvent[]): string[] {
  return [...new Set(events.flatMap(({ actor }) => USER.exec(actor)?.[1] ?? []))];
}

/**
 * One entry of a transaction's history. For `exactJson`.
 * @param names of the merchant's users; a user who is none of these is an operator
 */
export function eventView(
  event: TransactionEvent,
  names: ReadonlyMap<string, string>,
): Record<string, unknown> {
  const { seq, name, status, amount, balance, reason, at } = event;
  const id = USER.exec(event.actor)?.[1];
  const userName = id === undefined ? undefined : names.get(id);
  const actor = id === undefined ? event.actor : userName === undefined ? 'operator' : 'user';
  return {
    seq,
    name,
    status,
    amount,
    capturedAmount: event.captured,
    releasedAmount: event.released,
    refundedAmount: event.refunded,
    balance,
    actor,
    user: userName === undefined ? null : { id, name: userName },
    reason,
    at: iso(at),
  };
}

/** The answer to a command on a transaction. @throws Error for any other outcome: a bug */
export function transactionAnswer(
  statusCode: number,
  outcome: Outcome,
  balance: Minor | null,
  pending: PendingOperation | null = null,
): Answer {
  if (outcome.kind !== 'transaction') throw new Error(`an operation ended as ${outcome.kind}`);
  return {
    statusCode,
    body: exactJson(transactionView(outcome.refund ?? outcome.transaction, balance ?? 0n, pending)),
  };
}

/** The response of a card command, known with the bank's answer or because its caller waited long enough. */
export function lateTransactionAnswer({ operation, outcome }: LateAnswer, balance: Minor | null): Answer {
  if (outcome.kind === 'refused') return refusalAnswer(outcome, 'transactions', operation.id);
  const waits = outcome.kind === 'transaction' && outcome.transaction.operationId === operation.id;
  const pending = waits ? pendingOperationOf(operation) : null;
  // A payment was created, whatever becomes of it; of the rest nothing has happened yet.
  const statusCode = operation.kind === 'authorize' ? 201 : pending === null ? 200 : 202;
  return transactionAnswer(statusCode, outcome, balance, pending);
}
