import { hasWebhook, wants } from '../core/history.ts';
import { type FeedEvent, readEvents } from '../feed/eventsSql.ts';
import { comparePositions, type FeedPosition } from '../feed/position.ts';
import type { Queryable } from '../postgres/pool.ts';
import { readCallbackUrls } from './callbacksSql.ts';
import { type AddressedMessage, type NewMessage, requeue } from './deliveriesSql.ts';
import { messageOf } from './fanOut.ts';
import { readFannedOut } from './fanOutSql.ts';
import { formatOf } from './formats.ts';
import { deleteReplay, type LockedReplay, lockReplay, moveReplay } from './replaysSql.ts';

/** Rows of the feed, of any merchant and of up to two events each, that a step looks at. */
const PAGE_LIMIT = 300;
/** Events are numbered in the order of their times, but for this: see `feed/eventListsSql.ts`. */
const TIME_SLACK_MS = 60_000;

/**
 * Queues the next events of a replay, within a transaction.
 * @returns whether there was one: then there may be more to do
 */
export async function stepReplay(db: Queryable, render: (event: FeedEvent) => string): Promise<boolean> {
  const replay = await lockReplay(db);
  if (replay === null) return false;
  const { id, endpointId, merchantId, from, to, after, deleted } = replay;
  const page = await readEvents(db, {
    after,
    merchantIds: [merchantId],
    limit: PAGE_LIMIT,
    clusterWide: true,
  });
  // What has not been fanned out yet will be: an attempt may be under way of which the database knows nothing.
  const fannedOut = (await readFannedOut(db)) ?? page.end;
  const chosen = page.events.filter((feedEvent) => {
    const { event, at } = feedEvent;
    if (comparePositions(at, fannedOut) > 0 || !hasWebhook(event)) return false;
    return event.at >= from && event.at <= to && isFor(replay, feedEvent);
  });
  const messages = chosen.map((event) => messageOf(event, render));
  if (!deleted && messages.length > 0)
    await requeue(db, endpointId, await addressed(db, replay, messages), true);
  const isAhead = comparePositions(page.end, fannedOut) > 0;
  const isPast = page.events.some(({ event }) => event.at > to + TIME_SLACK_MS);
  if (deleted || (!isAhead && (isPast || !page.more))) await deleteReplay(db, id);
  else await moveReplay(db, id, isAhead ? later(after, fannedOut) : page.end);
  return true;
}

function isFor({ kind, format, events }: LockedReplay, feedEvent: FeedEvent): boolean {
  const { name } = feedEvent.event;
  if (kind === 'registered') return wants(events, { name });
  const isRefund = !('link' in feedEvent) && feedEvent.transaction.type === 'refund';
  return formatOf(format)?.tells({ name, isRefund }) ?? false;
}

/** Of a callback's messages those whose link has named an address of its, and where each is sent. */
async function addressed(
  db: Queryable,
  { kind, endpointId }: LockedReplay,
  messages: readonly NewMessage[],
): Promise<AddressedMessage[]> {
  if (kind === 'registered') return messages.map((message) => ({ ...message, callbackUrl: null }));
  const linkIds = messages.map(({ linkId }) => linkId).filter((id) => id !== null);
  const urls = await readCallbackUrls(db, endpointId, [...new Set(linkIds)]);
  return messages.flatMap((message) => {
    const callbackUrl = urls.get(message.linkId ?? '');
    return callbackUrl === undefined ? [] : [{ ...message, callbackUrl }];
  });
}

function later(a: FeedPosition, b: FeedPosition): FeedPosition {
  return comparePositions(a, b) < 0 ? b : a;
}
