/**
 * Publishes every event to a broker of the operator's, at least once, those of one payment in their order. One node at a
 * time does it, whichever has the lease, in a thread of its own, and payments know nothing of it:
 *
 *   take the lease ─► the place ─► page of the feed ─► publish ─► confirmed ─► the place, moved on ─► …
 *                                                         └─ not: the place of the first that was not, pause, again
 *
 * A node that ends between the confirmation and the place has a page published again by the next one.
 */
import { randomUUID } from 'node:crypto';
import type { FeedEvent, FeedPage } from '../feed/eventsSql.ts';
import { feedReads } from '../feed/eventsSql.ts';
import { comparePositions, type FeedPosition } from '../feed/position.ts';
import { createPool, type Pool, type StatementRunner } from '../postgres/pool.ts';
import { Loop } from '../webhooks/loop.ts';
import { BROKER_TIMEOUT_MS, type Broker, openWithin, type SinkMessage, within } from './broker.ts';
import {
  advanceSink,
  ensureSink,
  LEASE_MS,
  readSinkLag,
  readSinkPage,
  releaseSink,
  type SinkStart,
  takeSink,
} from './eventSinksSql.ts';

/** Rows that are published together, of up to two events each. */
const PAGE_LIMIT = 300;
/** A burst of commits is one page. */
const INTERVAL_MS = 20;
/** What nobody wakes us for: a commit of another node. */
const POLL_MS = 250;
/** Events that wait for another transaction to end are asked for again this often. */
const POLL_WAITING_MS = 25;
/** When the horizon has not moved for so long, transactions of other databases are no longer waited for. */
const WAIT_FOR_CLUSTER_MS = 50;
/** How often a node asks whether the one that publishes still does. */
const POLL_OTHER_MS = 1_000;
/** After the first failure in a row, the second, and so on. */
const RETRY_MS = [250, 500, 1_000, 2_000, 5_000];
const LAG_INTERVAL_MS = 2_000;
/** The same trouble is told once in so long. */
const SAY_AGAIN_MS = 60_000;

/** Another node publishes now. */
class LeaseLostError extends Error {}

export interface SinkObserver {
  /** How old the first event is that was not published; every node looks. */
  sinkLag(seconds: number): void;
  sinkPublished(count: number): void;
  sinkFailed(): void;
  /** Whether this node is the one that publishes. */
  sinkActive(active: boolean): void;
}

export interface SinkOptions {
  readonly databaseUrl: string;
  readonly name: string;
  readonly start: SinkStart;
  readonly open: () => Promise<Broker>;
  readonly messageOf: (event: FeedEvent) => SinkMessage;
  readonly observe: SinkObserver;
  readonly onError: (error: unknown) => void;
}

export class EventSink {
  readonly #options: SinkOptions;
  readonly #pool: Pool;
  readonly #reads: StatementRunner;
  readonly #loop: Loop;
  readonly #lease = randomUUID();
  #leasedUntil = 0;
  #broker: Broker | null = null;
  /** Confirmed beyond the place: they are not published again by this node. */
  readonly #stored = new Set<string>();
  #failures = 0;
  #saidAt = Number.NEGATIVE_INFINITY;
  #waiting: { readonly round: number; readonly since: number } | null = null;
  #lagTimer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: SinkOptions) {
    this.#options = options;
    this.#pool = createPool(options.databaseUrl, 1, (error) => this.#say(error), { name: 'event sink' });
    this.#reads = feedReads(this.#pool);
    this.#loop = new Loop(
      () => this.#work(),
      INTERVAL_MS,
      (error) => this.#say(error),
    );
  }

  start(): void {
    this.#loop.start();
    this.#noteLag();
  }

  /** Events were committed, by this node or by another one. */
  committed(): void {
    if (this.#failures === 0) this.#loop.wake();
  }

  /** Publishes nothing more, and leaves the turn to another node. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#lagTimer);
    await this.#loop.stop();
    await this.#close();
    await this.#release();
    await this.#pool.end();
  }

  async #work(): Promise<number> {
    const place = await this.#take();
    this.#options.observe.sinkActive(place !== null);
    if (place === null) return POLL_OTHER_MS;
    try {
      const pauseMs = await this.#step(place);
      this.#failures = 0;
      return pauseMs;
    } catch (error) {
      await this.#close();
      this.#options.observe.sinkFailed();
      this.#say(error);
      // Perhaps another node reaches the broker.
      await this.#release();
      this.#failures += 1;
      return RETRY_MS[Math.min(this.#failures, RETRY_MS.length) - 1] ?? POLL_MS;
    }
  }

  async #take(): Promise<FeedPosition | null> {
    const { name, start } = this.#options;
    await ensureSink(this.#pool, name, start);
    const takenAt = performance.now();
    const place = await takeSink(this.#pool, name, this.#lease);
    if (place !== null) this.#leasedUntil = takenAt + LEASE_MS;
    return place;
  }

  /** Publishes the next page. @returns when to come again */
  async #step(place: FeedPosition): Promise<number> {
    this.#broker ??= await openWithin(3 * BROKER_TIMEOUT_MS, this.#options.open);
    const clusterWide = this.#waitedMs() > WAIT_FOR_CLUSTER_MS;
    const page = await readSinkPage(this.#reads, place, PAGE_LIMIT, clusterWide);
    this.#noteWaiting(page);
    if (page.scanned > 0) await this.#publish(this.#broker, page, place);
    if (page.more) return 0;
    return this.#waiting === null ? POLL_MS : POLL_WAITING_MS;
  }

  async #publish(broker: Broker, page: FeedPage, place: FeedPosition): Promise<void> {
    const messages = page.events.map(this.#options.messageOf);
    const open = messages.filter(({ id }) => !this.#stored.has(id));
    const store = ({ id }: SinkMessage): void => {
      this.#stored.add(id);
      this.#options.observe.sinkPublished(1);
    };
    try {
      if (open.length > 0) await broker.publish(open, store, () => this.#keepLease());
    } catch (error) {
      const first = messages.findIndex(({ id }) => !this.#stored.has(id));
      const end = messages[first - 1]?.at;
      if (end !== undefined && comparePositions(end, place) > 0) await this.#advance(end);
      throw error;
    }
    await this.#advance(page.end);
    this.#stored.clear();
  }

  /** Before anything is sent: a node that was frozen finds that its time is over, and sends nothing more. */
  async #keepLease(): Promise<void> {
    if (this.#stopped) throw new LeaseLostError('the node is stopping');
    if (performance.now() < this.#leasedUntil - 3 * BROKER_TIMEOUT_MS) return;
    if ((await this.#take()) === null) throw new LeaseLostError('another node publishes events now');
  }

  async #advance(place: FeedPosition): Promise<void> {
    const takenAt = performance.now();
    if (!(await advanceSink(this.#pool, this.#options.name, this.#lease, place)))
      throw new LeaseLostError('another node publishes events now');
    this.#leasedUntil = takenAt + LEASE_MS;
  }

  async #close(): Promise<void> {
    const broker = this.#broker;
    this.#broker = null;
    if (broker !== null) await within(BROKER_TIMEOUT_MS, 'close', broker.close()).catch(() => undefined);
  }

  async #release(): Promise<void> {
    this.#leasedUntil = 0;
    await releaseSink(this.#pool, this.#options.name, this.#lease).catch(() => undefined);
  }

  #waitedMs(): number {
    return this.#waiting === null ? 0 : performance.now() - this.#waiting.since;
  }

  #noteWaiting({ waiting, horizon }: FeedPage): void {
    if (waiting === null) this.#waiting = null;
    else if (this.#waiting === null || this.#waiting.round <= horizon)
      this.#waiting = { round: waiting, since: performance.now() };
  }

  #say(error: unknown): void {
    const now = performance.now();
    if (this.#stopped || now - this.#saidAt < SAY_AGAIN_MS) return;
    this.#saidAt = now;
    this.#options.onError(error);
  }

  #noteLag(): void {
    readSinkLag(this.#reads, this.#options.name)
      .then((seconds) => this.#options.observe.sinkLag(seconds))
      // Whoever uses the database reports that it is away.
      .catch(() => undefined)
      .finally(() => {
        if (!this.#stopped) this.#lagTimer = setTimeout(() => this.#noteLag(), LAG_INTERVAL_MS).unref();
      });
  }
}
