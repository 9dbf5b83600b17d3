/**
 * How events are rows. A payment that is decided at once has two events within one command, `created` and the decision. They
 * are one row, since each row costs an authorization an eighth of what PostgreSQL does for it: that of the decision, marked as
 * `created`, too. Whoever reads rows of `event` makes events of them here.
 */
import { eventNameOf } from '../core/lifecycle.ts';
import type { TransactionEvent } from '../core/transaction.ts';

const CREATED = eventNameOf('created');

/** A row of `event`. */
export interface EventRow {
  readonly event: TransactionEvent;
  /** Whether it is also the event right before, `created`. In the feed that has the position before the row's, which no row has. */
  readonly withCreated: boolean;
}

/**
 * @param events in the order in which they happened
 * @param share whether two may be one row: every node must know of it
 */
export function rowsOf(events: readonly TransactionEvent[], share: boolean): EventRow[] {
  const rows: EventRow[] = [];
  for (let i = 0; i < events.length; i += 1) {
    const [event, next] = [events[i], events[i + 1]];
    const withCreated = share && event !== undefined && next !== undefined && isCreatedOf(event, next);
    if (withCreated) i += 1;
    const last = withCreated ? next : event;
    if (last !== undefined) rows.push({ event: last, withCreated });
  }
  return rows;
}

/** The events of a row, in the order in which they happened. */
export function eventsOf({ event, withCreated }: EventRow): readonly TransactionEvent[] {
  return withCreated ? [createdOf(event), event] : [event];
}

/** The `created` before a transaction's second event: `isCreatedOf` says whether it was this. */
function createdOf(decision: TransactionEvent): TransactionEvent {
  return {
    ...decision,
    ...{ seq: 1, name: CREATED, status: 'created', reason: null },
    ...{ captured: 0n, released: 0n, refunded: 0n, reserved: 0n },
  };
}

/**
 * Whether the event is the `created` that this one implies. A decision that moves the merchant's balance implies none:
 * right after `created` the balance was still another one.
 */
function isCreatedOf(event: TransactionEvent, decision: TransactionEvent): boolean {
  if (event.seq !== 1 || decision.seq !== 2 || event.transactionId !== decision.transactionId) return false;
  if (event.balance !== null || decision.balance !== null || event.reason !== null) return false;
  const { captured, released, refunded, reserved } = event;
  if (captured !== 0n || released !== 0n || refunded !== 0n || reserved !== 0n) return false;
  if (event.name !== CREATED || event.status !== 'created' || event.amount !== decision.amount) return false;
  return (
    event.merchantId === decision.merchantId && event.actor === decision.actor && event.at === decision.at
  );
}
