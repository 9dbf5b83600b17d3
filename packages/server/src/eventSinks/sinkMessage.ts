import { iso } from '../core/values/time.ts';
import type { FeedEvent } from '../feed/eventsSql.ts';
import { listedEventJson } from '../feed/eventViews.ts';
import { positionText } from '../feed/position.ts';
import type { SinkMessage } from './broker.ts';

/** An event as it is published: the body is that of `GET /v1/events`. */
export function sinkMessageOf(feedEvent: FeedEvent): SinkMessage {
  const { event, at } = feedEvent;
  return {
    // Rounds go on above all that were given out before, also after a restore: without the epoch the text is unique, too.
    id: positionText(null, at),
    key: keyOf(feedEvent),
    merchantId: event.merchantId,
    name: event.name,
    time: iso(event.at),
    body: listedEventJson(feedEvent),
    at,
  };
}

/** A payment and its refunds are told of in one order; so is a link. */
function keyOf(feedEvent: FeedEvent): string {
  if ('link' in feedEvent) return feedEvent.event.linkId;
  const { id, parentTransactionId } = feedEvent.transaction;
  return parentTransactionId ?? id;
}
