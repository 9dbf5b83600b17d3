/** Reading a transaction's history: what the transaction was right after one of its events. */
import { eventNameOf, WEBHOOK_EVENTS } from './lifecycle.ts';
import { LINK_EVENTS } from './link.ts';
import type { Millis, PendingOperation, Transaction, TransactionEvent } from './transaction.ts';

/** False for events that only the history and the stream show: amounts changed, or the bank refused. */
export function isStatusChange(event: Pick<TransactionEvent, 'name' | 'status'>): boolean {
  return event.name === eventNameOf(event.status);
}

/** Whether merchants' endpoints are told of it, where they want it. */
export function hasWebhook({ name }: Pick<TransactionEvent, 'name'>): boolean {
  return WEBHOOK_EVENTS.includes(name) || LINK_EVENTS.includes(name);
}

/**
 * Whether an endpoint wants an event of those that have webhooks.
 * @param names those that it has named; none: all of transactions. Links' have another shape, and are sent to who names them.
 */
export function wants(names: readonly string[], { name }: Pick<TransactionEvent, 'name'>): boolean {
  return names.length === 0 ? WEBHOOK_EVENTS.includes(name) : names.includes(name);
}

/** What an event says of its transaction. */
type After = Pick<
  TransactionEvent,
  'seq' | 'name' | 'status' | 'captured' | 'released' | 'refunded' | 'reserved' | 'reason' | 'at'
>;

/**
 * The transaction as it was right after the event: the same whenever it is asked for.
 * @param transaction as it is now, or at any time after the event
 */
export function transactionAsOf(transaction: Transaction, event: After): Transaction {
  const { status, captured, released, refunded, reserved } = event;
  const isUndecided = status === 'created' || status === '3d';
  return {
    ...transaction,
    ...{ status, captured, released, refunded, reserved },
    statusReason: isStatusChange(event) ? event.reason : null,
    eventCount: event.seq,
    updatedAt: event.at,
    authedAt: isUndecided ? null : transaction.authedAt,
    confirmedAt: isUndecided ? null : transaction.confirmedAt,
    processedAt: processedAtOf(transaction, event),
    // Until the decision it was the decision's deadline, which the authorization's has replaced.
    expiresAt: isUndecided ? null : transaction.expiresAt,
    secure3d: isUndecided ? false : transaction.secure3d,
    retrievalReferenceNumber: isUndecided ? null : transaction.retrievalReferenceNumber,
    redirectUrl: status === '3d' ? transaction.redirectUrl : null,
  };
}

/**
 * What the transaction waited for at its bank right after the event. Nothing else can be asked for until the bank has
 * answered, so that only the event that tells of the beginning has it. (A refund of an earlier capture may be done
 * meanwhile: what that event's transaction waited for, nobody can tell later, and it has none.)
 */
export function pendingOperationAsOf(
  { type, paymentMethod }: Pick<Transaction, 'type' | 'paymentMethod'>,
  { name, amount, at }: Pick<TransactionEvent, 'name' | 'amount' | 'at'>,
): PendingOperation | null {
  const pending = (kind: PendingOperation['kind']) => ({ kind, amount, requestedAt: at, attempts: 1 });
  if (paymentMethod !== 'card') return null;
  switch (name) {
    case 'transaction.created':
      return pending(type === 'refund' ? 'refund' : 'authorize');
    case 'transaction.capture_requested':
      return pending('capture');
    case 'transaction.cancel_requested':
      return pending('cancel');
    default:
      return null;
  }
}

const PROCESSING_EVENTS = new Set([
  eventNameOf('charged'),
  eventNameOf('refunded'),
  'transaction.partially_refunded',
]);

/** When what the status says was done: as long as anything is held, and of a hold that was released, when it was held. */
function processedAtOf(transaction: Transaction, event: After): Millis | null {
  const keepsAuthorization = event.status === 'authorized' || event.status === 'cancelled';
  if (keepsAuthorization) return transaction.authedAt;
  return PROCESSING_EVENTS.has(event.name) ? event.at : null;
}
