import { isStatusChange, pendingOperationAsOf } from '../core/history.ts';
import { exactJson } from '../http/exactJson.ts';
import { transactionView } from '../payments/transactionViews.ts';
import type { FeedEvent } from './eventsSql.ts';

/** An event as merchants get it: name, merchant, and the transaction right after it. */
export function eventView({ event, transaction, balance }: FeedEvent): Record<string, unknown> {
  const { name, merchantId } = event;
  const pending = pendingOperationAsOf(transaction, event);
  return { name, merchantId, data: transactionView(transaction, balance, pending) };
}

/** The body of an event's webhook: JSON text. */
export function webhookBody(feedEvent: FeedEvent): string {
  return exactJson(eventView(feedEvent));
}

/**
 * The same where there are also the events that leave the status as it is; what it adds comes last, so that a
 * reader can cut it off and has the webhook's bytes.
 */
export function streamedEvent(feedEvent: FeedEvent): Record<string, unknown> {
  const { event } = feedEvent;
  return { ...eventView(feedEvent), statusChanged: isStatusChange(event), seq: event.seq };
}

/** For the stream: JSON text, one line. */
export function streamedEventJson(feedEvent: FeedEvent): string {
  return exactJson(streamedEvent(feedEvent));
}
