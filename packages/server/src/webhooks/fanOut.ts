/**
 * Makes deliveries of events. One node at a time reads the feed from where the last one stopped, up to the
 * horizon, and moves the place on in the transaction that writes the deliveries: each event is fanned out
 * exactly once. Nothing is read while no endpoint wants anything.
 */
import { isStatusChange } from '../domain/history.ts';
import { type FeedEvent, type FeedPage, readWebhookEvents } from '../store/events.ts';
import type { Pool } from '../store/postgres.ts';
import {
  type BornLane,
  beginFanOut,
  type FannedOut,
  insertDeliveries,
  type NewMessage,
  setFanOutPosition,
} from '../store/webhookDeliveries.ts';
import { type RoundTrips, transactQuickly } from './transact.ts';

/** Some 20 ms from the first statement to the commit. */
const PAGE_LIMIT = 500;
/** When the horizon has not moved for so long, transactions of other databases are no longer waited for. */
const WAIT_FOR_CLUSTER_MS = 50;

export interface FanOutDeps {
  readonly pool: Pool;
  readonly gated: boolean;
  /** The body of an event's webhook: JSON text. */
  readonly render: (event: FeedEvent) => string;
  /** With what new lanes are claimed, and for which endpoints not. */
  readonly claim: () => { readonly lease: string | null; readonly busy: readonly string[] };
}

/** What a step of the fan-out did. */
export interface Step {
  /** Whether any endpoint is there to read for. */
  readonly wanted: boolean;
  /** Whether another node, or a replay, was at it. */
  readonly contended: boolean;
  /** Whether more is ready to be read. */
  readonly more: boolean;
  /** How long the first event that is not complete has been waiting; null when none has. */
  readonly waitedMs: number | null;
  readonly lanes: readonly (BornLane & { readonly lease: string })[];
  readonly messages: readonly NewMessage[];
  readonly left: number;
  readonly now: number;
}

const NOTHING: Omit<Step, 'wanted'> = {
  contended: false,
  more: false,
  waitedMs: null,
  lanes: [],
  messages: [],
  left: 0,
  now: 0,
};

export class FanOut {
  readonly #deps: FanOutDeps;
  #waiting: { readonly round: number; readonly since: number } | null = null;

  constructor(deps: FanOutDeps) {
    this.#deps = deps;
  }

  /** Makes the deliveries of the next events. */
  step(): Promise<Step> {
    const { pool, gated } = this.#deps;
    return transactQuickly(pool, gated, (transaction) => this.#step(transaction));
  }

  async #step(transaction: RoundTrips): Promise<Step> {
    const start = await transaction.send(beginFanOut);
    if (start === null) return { wanted: true, ...NOTHING, contended: true };
    if (!start.wanted) return { wanted: false, ...NOTHING };
    const clusterWide = (this.#waitedMs() ?? 0) > WAIT_FOR_CLUSTER_MS;
    const query = { after: start.after, limit: PAGE_LIMIT, clusterWide };
    const page = await transaction.send((db) => readWebhookEvents(db, query));
    this.#noteWaiting(page);
    const step = { wanted: true, ...NOTHING, more: page.more, waitedMs: this.#waitedMs() };
    if (page.scanned === 0) return step;
    const messages = page.events.filter(({ event }) => isStatusChange(event)).map((e) => this.#messageOf(e));
    const { lease, busy } = this.#deps.claim();
    const nothing: FannedOut = { born: [], left: 0, now: 0 };
    const [{ born, left, now }] = await transaction.end((db) =>
      Promise.all([
        messages.length === 0 ? nothing : insertDeliveries(db, messages, lease, busy),
        setFanOutPosition(db, page.end),
      ]),
    );
    const lanes = lease === null ? [] : born.map((lane) => ({ ...lane, lease }));
    return { ...step, lanes, messages, left, now };
  }

  #messageOf(feedEvent: FeedEvent): NewMessage {
    return messageOf(feedEvent, this.#deps.render);
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

/** An event as a message. */
export function messageOf(feedEvent: FeedEvent, render: (event: FeedEvent) => string): NewMessage {
  const { event, transaction, at } = feedEvent;
  return {
    transactionId: event.transactionId,
    seq: event.seq,
    familyId: transaction.parentTransactionId ?? transaction.id,
    merchantId: event.merchantId,
    name: event.name,
    eventAt: event.at,
    round: at.round,
    body: render(feedEvent),
  };
}
