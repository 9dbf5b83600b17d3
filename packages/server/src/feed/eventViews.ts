import { isStatusChange, pendingOperationAsOf } from '../core/history.ts';
import { messageIdOf } from '../core/values/ids.ts';
import { iso } from '../core/values/time.ts';
import { exactJson } from '../http/exactJson.ts';
import { linkView } from '../links/linkViews.ts';
import { transactionView } from '../payments/transactionViews.ts';
import { type FeedEvent, keyOf } from './eventsSql.ts';

/** An event as merchants get it: name, merchant, and what it is of, right after it. */
export function eventView(feedEvent: FeedEvent): Record<string, unknown> {
  const { name, merchantId } = feedEvent.event;
  return { name, merchantId, data: dataOf(feedEvent) };
}

function dataOf(feedEvent: FeedEvent): Record<string, unknown> {
  if ('link' in feedEvent) return linkView(feedEvent.link);
  const { event, transaction, balance } = feedEvent;
  return transactionView(transaction, balance, pendingOperationAsOf(transaction, event));
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
  const statusChanged = 'link' in feedEvent || isStatusChange(feedEvent.event);
  return { ...eventView(feedEvent), statusChanged, seq: feedEvent.event.seq };
}

/** For the stream: JSON text, one line. */
export function streamedEventJson(feedEvent: FeedEvent): string {
  return exactJson(streamedEvent(feedEvent));
}

/** For lists, and for brokers: with the id of its webhook, and when it happened. */
export function listedEvent(feedEvent: FeedEvent): Record<string, unknown> {
  const { at, seq } = feedEvent.event;
  return { id: messageIdOf(keyOf(feedEvent)), createdAt: iso(at), seq, ...streamedEvent(feedEvent) };
}

/** The same as JSON text. */
export function listedEventJson(feedEvent: FeedEvent): string {
  return exactJson(listedEvent(feedEvent));
}
