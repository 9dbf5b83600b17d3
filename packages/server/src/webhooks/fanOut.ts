/**
 * Makes deliveries of events. Whichever node comes first reads on from where the last one ended, finds out who gets
 * what, and writes it, all in one transaction:
 *
 *   turn ─► page of the feed ─► who gets it ─► messages, deliveries, lanes ─► the place, moved on ─► commit
 *                                                                                                     └─► attempts
 *
 * So what is attempted is in the database, and nothing of a node that has died is in its memory alone. Lanes for which
 * this node has slots are written as claimed by it: it begins with them after the commit, with the bodies that it has
 * just made. The others are for whoever claims them. Nothing is read while no endpoint wants anything.
 *
 * Of a page that makes more deliveries than are written at a time, merchants have their events written in turn, and the
 * place is moved up to the first event that was not. From there the next one reads on, and leaves out what is written.
 */

import { randomUUID } from 'node:crypto';
import { hasWebhook } from '../core/history.ts';
import type { Millis } from '../core/transaction.ts';
import { linkIdOf } from '../core/transaction.ts';
import { FairQueue } from '../engine/fairQueue.ts';
import { type FeedEvent, type FeedPage, keyOf, type TransactionFeedEvent } from '../feed/eventsSql.ts';
import type { FeedPosition } from '../feed/position.ts';
import type { ClaimDeps } from './claim.ts';
import { insertMessages, type LaneKey, laneName, type NewMessage } from './deliveriesSql.ts';
import {
  beginFanOut,
  endFanOut,
  findReceivers,
  insertPending,
  type NewDelivery,
  type Receiver,
} from './fanOutSql.ts';
import { formatOf } from './formats.ts';
import { type RoundTrips, transactQuickly } from './transact.ts';

/** Deliveries that are written at a time, some 100 ms: 500 events of a merchant with 50 endpoints are 25,000. */
const DELIVERIES_LIMIT = 2_000;
/** When the horizon has not moved for so long, transactions of other databases are no longer waited for. */
const WAIT_FOR_CLUSTER_MS = 50;

export interface FanOutDeps extends ClaimDeps {
  /** The body of an event's webhook: JSON text. */
  readonly render: (event: FeedEvent) => string;
}

/** A lane that was just written, and claimed by this node. */
export interface FreshLane extends LaneKey {
  readonly version: number;
  /** Where its messages are sent; null: to its endpoint's address. */
  readonly callbackUrl: string | null;
  /** In their order. */
  readonly messages: readonly NewMessage[];
}

/** What a step of the fan-out did. */
export interface Step {
  /** Whether any endpoint is there to read for. */
  readonly wanted: boolean;
  /** Whether another node is at it. */
  readonly contended: boolean;
  /** Whether there is more to do at once. */
  readonly more: boolean;
  /** How long the first event that is not complete has been waiting; null when none has. */
  readonly waitedMs: number | null;
  /** What this node is to attempt. */
  readonly lanes: readonly FreshLane[];
  readonly lease: string;
  /** Whether something was written for whoever claims it. */
  readonly left: boolean;
  /** The engine's clock when it was read, and this process's. */
  readonly now: Millis;
  readonly readAt: number;
}

const CONTENDED: Step = {
  ...{ wanted: true, contended: true, more: false, waitedMs: null },
  ...{ lanes: [], lease: '', left: false, now: 0, readAt: 0 },
};

/** What is written of a page: as much as may be written at a time. */
interface Part {
  readonly receivers: readonly Receiver[];
  readonly messages: readonly NewMessage[];
  /** Up to where everything is written then. */
  readonly end: FeedPosition;
  readonly isCut: boolean;
}

export class FanOut {
  readonly #deps: FanOutDeps;
  #waiting: { readonly round: number; readonly since: number } | null = null;

  constructor(deps: FanOutDeps) {
    this.#deps = deps;
  }

  /** Reads on, and writes what it has read. */
  async step(): Promise<Step> {
    const { pool, gated } = this.#deps;
    try {
      return await transactQuickly(pool, gated, (transaction) => this.#step(transaction));
    } catch (error) {
      // Of a horizon that has fallen, it would be asked again and again.
      this.#waiting = null;
      throw error;
    }
  }

  async #step(transaction: RoundTrips): Promise<Step> {
    const clusterWide = (this.#waitedMs() ?? 0) > WAIT_FOR_CLUSTER_MS;
    const next = await transaction.send((db) => beginFanOut(db, clusterWide));
    if (next === null) return CONTENDED;
    const { after, page, now } = next;
    const step = { ...CONTENDED, contended: false, wanted: after !== null, now, readAt: performance.now() };
    if (after === null) return step;
    this.#noteWaiting(page);
    const waitedMs = this.#waitedMs();
    if (page.scanned === 0) return { ...step, waitedMs };
    const part = await this.#partOf(transaction, page, after);
    const lease = randomUUID();
    const written = await this.#write(transaction, part, lease);
    return { ...step, ...written, lease, more: page.more || part.isCut, waitedMs };
  }

  /** Finds out who gets what of a page, merchants in turn, as far as it may be written at a time. */
  async #partOf(transaction: RoundTrips, page: FeedPage, after: FeedPosition): Promise<Part> {
    const events = inTurn(page.events.filter(({ event }) => hasWebhook(event)));
    const messages = events.map((event) => messageOf(event, this.#deps.render));
    if (messages.length === 0) return { messages, receivers: [], end: page.end, isCut: false };
    const found = await transaction.send((db) => findReceivers(db, messages, DELIVERIES_LIMIT + 1));
    // A format that is not known here is for other nodes to send, and is told everything.
    const receivers = found.filter(({ index, format }) => {
      const message = messages[index];
      return (
        message !== undefined &&
        (formatOf(format)?.tells({ ...message, isRefund: isOfRefund(message) }) ?? true)
      );
    });
    const cutAt = found[DELIVERIES_LIMIT]?.index;
    if (cutAt === undefined) return { messages, receivers, end: page.end, isCut: false };
    const unwritten = new Set(events.slice(cutAt));
    const last = page.events[page.events.findIndex((event) => unwritten.has(event)) - 1];
    const kept = receivers.filter(({ index }) => index < cutAt);
    return { messages, receivers: kept, end: last?.at ?? after, isCut: true };
  }

  /** Writes deliveries and the place up to which they are written, and commits. */
  async #write(
    transaction: RoundTrips,
    { receivers, messages, end }: Part,
    lease: string,
  ): Promise<Pick<Step, 'lanes' | 'left'>> {
    const { readTargets, giveBack } = this.#deps;
    const lanes = this.#lanesOf(receivers, messages);
    const own = lanes.filter(({ isOwn }) => isOwn);
    const others = lanes.filter(({ isOwn }) => !isOwn);
    try {
      const [claimed] = await transaction.end((db) =>
        Promise.all([
          insertPending(db, own.flatMap(deliveriesOf), lease),
          insertPending(db, others.flatMap(deliveriesOf), null),
          insertMessages(db, new Set(lanes.flatMap((lane) => lane.messages))),
          endFanOut(db, end),
          readTargets(db, own),
        ]),
      );
      const names = new Set(claimed.map(laneName));
      return { lanes: own.filter((lane) => names.has(laneName(lane))), left: others.length > 0 };
    } catch (error) {
      for (const lane of own) giveBack({ ...lane, failures: 0 }, lease);
      throw error;
    }
  }

  /** The lanes of what is to be written, in the order of their first events. */
  #lanesOf(receivers: readonly Receiver[], messages: readonly NewMessage[]): readonly NewLane[] {
    const slots = this.#deps.slots();
    const lanes = new Map<string, NewLane>();
    for (const { index, endpointId, version, callbackUrl, blocked } of receivers) {
      const message = messages[index];
      if (message === undefined) continue;
      const { familyId, merchantId } = message;
      const name = laneName({ familyId, endpointId });
      const known = lanes.get(name);
      if (known !== undefined) known.messages.push(message);
      else {
        const isOwn = !blocked && slots.take({ merchantId, endpointId });
        lanes.set(name, { familyId, endpointId, version, callbackUrl, isOwn, messages: [message] });
      }
    }
    return [...lanes.values()];
  }

  #waitedMs(): number | null {
    return this.#waiting === null ? null : performance.now() - this.#waiting.since;
  }

  #noteWaiting({ waiting, horizon }: FeedPage): void {
    if (waiting === null) this.#waiting = null;
    else if (this.#waiting === null || this.#waiting.round <= horizon)
      this.#waiting = { round: waiting, since: performance.now() };
  }
}

/** A lane that is about to be written, behind what is pending in it. */
interface NewLane extends LaneKey {
  readonly version: number;
  readonly callbackUrl: string | null;
  /** Whether this node is to claim it: nothing of it is pending yet, and there is a slot. */
  readonly isOwn: boolean;
  readonly messages: NewMessage[];
}

function deliveriesOf({ familyId, endpointId, callbackUrl, messages }: NewLane): NewDelivery[] {
  return messages.map((message) => ({ familyId, endpointId, callbackUrl, message }));
}

/** One event of each merchant in turn, so that nobody's few come behind another's many; each one's in their order. */
function inTurn(events: readonly FeedEvent[]): FeedEvent[] {
  const waiting = new FairQueue<FeedEvent>(({ event }) => event.merchantId);
  for (const event of events) waiting.push(event);
  return waiting.take(events.length);
}

/** A payment and its refunds are told of in one order; so is a link. */
function familyOf({ id, parentTransactionId }: TransactionFeedEvent['transaction']): string {
  return parentTransactionId ?? id;
}

/** A refund's family is its payment's. */
function isOfRefund({ transactionId, familyId }: NewMessage): boolean {
  return transactionId !== familyId;
}

/** An event as a message. */
export function messageOf(feedEvent: FeedEvent, render: (event: FeedEvent) => string): NewMessage {
  const { event, at } = feedEvent;
  const key = keyOf(feedEvent);
  return {
    ...key,
    familyId: 'link' in feedEvent ? key.transactionId : familyOf(feedEvent.transaction),
    merchantId: event.merchantId,
    name: event.name,
    eventAt: event.at,
    round: at.round,
    linkId: 'link' in feedEvent ? key.transactionId : linkIdOf(feedEvent.transaction),
    body: render(feedEvent),
  };
}
