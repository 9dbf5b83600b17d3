/**
 * One reader per node follows the event feed and hands each event to the subscribers of its merchant.
 *
 *   commit here ────────► wake ─┐                       ┌─► subscriber of merchant 1
 *   commit on a node ─NOTIFY────┼─► read from the head ─┼─► subscriber of merchant 1
 *   every 250 ms, or 50 ms ─────┘   to the horizon      └─► subscriber of merchant 2
 *
 * A subscriber that resumes from further back, or whose buffer is full, reads pages of its own until it
 * has reached the head; then it follows with the others. Each keeps its own position, and takes no event
 * at or before it: so none is missed or repeated, whatever the reader reads again.
 */

import { createPool, type Pool, type StatementRunner } from '../postgres/pool.ts';
import { Wakeups } from '../postgres/wakeups.ts';
import { checkEpoch, ForeignPositionError } from './epochsSql.ts';
import { type FeedEvent, type FeedPage, feedReads, readEvents, readFeedEnd } from './eventsSql.ts';
import { comparePositions, type FeedPosition, type GivenPosition } from './position.ts';

/** While there is something to read all the time, it is read this often. */
const READ_INTERVAL_MS = 20;
/** … and this often while it is all of merchants to whom nobody listens. */
const IDLE_READ_INTERVAL_MS = 40;
/** With LISTEN, only a NOTIFY that its sender did not live to send is found by polling. */
const POLL_LISTENING_MS = 250;
const POLL_MS = 50;
/** Events that wait for another transaction to end are asked for again this often. */
const POLL_WAITING_MS = 10;
/** Nobody reads: only the lag is looked at. */
const POLL_IDLE_MS = 1_000;
/** When the horizon has not moved for so long, transactions of other databases are no longer waited for … */
const WAIT_FOR_CLUSTER_MS = 50;
/** … from then on for so long. */
const CLUSTER_WIDE_MS = 5_000;
/** Rows, of up to two events each: a thousand events of one merchant take the process about 20 ms to read and pass on. */
const PAGE_LIMIT = 500;
/** Pages that subscribers read on their own, at the same time. */
const CATCH_UPS = 2;

const LAST: FeedPosition = { round: Number.MAX_SAFE_INTEGER, position: 0 };

/** Where a subscriber's events go. */
export interface Sink {
  /** Takes as many as fit, in order. @returns how many it took */
  offer(events: readonly FeedEvent[]): number;
  /** Resolves with true once there is room again, with false when the subscriber is gone or too slow. */
  room(): Promise<boolean>;
}

export interface Subscription {
  /** Everything up to here has been offered and taken. */
  readonly position: FeedPosition;
  end(): void;
}

export interface FeedObserver {
  /** How long committed events have been waiting to become readable, in seconds. */
  feedLag(seconds: number): void;
  feedListening(works: boolean): void;
}

export interface FeedOptions {
  readonly databaseUrl: string;
  /** A connection to PostgreSQL itself, where `databaseUrl` is a pooler. */
  readonly directUrl: string;
  readonly observe: FeedObserver;
  readonly onError: (error: unknown) => void;
}

interface Subscriber {
  readonly merchantId: string;
  readonly sink: Sink;
  position: FeedPosition;
  ended: boolean;
}

export class EventFeed {
  readonly #options: FeedOptions;
  readonly #pool: Pool;
  readonly #reads: StatementRunner;
  readonly #wakeups: Wakeups;
  /** Those that follow the head, by merchant. */
  readonly #following = new Map<string, Set<Subscriber>>();
  /** Those that have reached the head and follow it from the next read on. */
  readonly #joining = new Set<Subscriber>();
  #head: FeedPosition = { round: 0, position: 0 };
  #epoch: string | null = null;
  #running: Promise<void> = Promise.resolve();
  #stopped = false;
  #wake: () => void = () => undefined;
  #woken = false;
  #waiting: { readonly round: number; readonly since: number } | null = null;
  #clusterWideUntil = 0;
  #intervalMs = READ_INTERVAL_MS;
  #catchUps = 0;
  readonly #queue: (() => void)[] = [];
  readonly #watchers: (() => void)[] = [];

  constructor(options: FeedOptions) {
    this.#options = options;
    const { databaseUrl, directUrl, onError } = options;
    this.#pool = createPool(databaseUrl, CATCH_UPS + 2, onError, { name: 'feed' });
    this.#reads = feedReads(this.#pool);
    this.#wakeups = new Wakeups({ directUrl, pool: this.#pool, onWake: () => this.wake(), onError });
  }

  start(): void {
    this.#wakeups.start();
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.wake();
    for (const next of this.#queue.splice(0)) next();
    await Promise.all([this.#running, this.#wakeups.stop()]);
    await this.#pool.end();
  }

  /** This node has committed events. */
  committed(): void {
    this.wake();
    this.#wakeups.notify();
  }

  /** There may be something to read. */
  wake(): void {
    this.#woken = true;
    this.#wake();
    for (const watcher of this.#watchers) watcher();
  }

  /** Calls whenever there may be something to read, for readers that keep a place of their own. */
  watch(watcher: () => void): void {
    this.#watchers.push(watcher);
  }

  /** The current one, by which positions are named. */
  get epoch(): string | null {
    return this.#epoch;
  }

  /** Whether a commit of another node wakes this one, so that it need not look as often. */
  get listening(): boolean {
    return this.#wakeups.works;
  }

  /**
   * Offers every event of the merchant after the position, once and in order.
   * @param after null: from now on
   * @param onPlaced called before the first offer, with the position from which the events come
   * @throws ForeignPositionError
   */
  async subscribe(
    merchantId: string,
    after: GivenPosition | null,
    sink: Sink,
    onPlaced: (position: FeedPosition) => void = () => undefined,
  ): Promise<Subscription> {
    const { end, limit, epochs } = await readFeedEnd(this.#reads);
    if (after !== null) {
      checkEpoch(after, epochs);
      if (comparePositions(after, limit) > 0) throw new ForeignPositionError();
    }
    this.#epoch = epochs.at(-1) ?? null;
    onPlaced(after ?? end);
    const isBehind = after !== null && comparePositions(after, end) < 0;
    // Nobody has read beyond the end: whoever says so must not take the head there, from which all others read.
    const subscriber: Subscriber = { merchantId, sink, position: isBehind ? after : end, ended: false };
    if (isBehind) void this.#catchUp(subscriber);
    else this.#join(subscriber);
    return {
      get position() {
        return subscriber.position;
      },
      end: () => {
        subscriber.ended = true;
        this.#leave(subscriber);
      },
    };
  }

  #join(subscriber: Subscriber): void {
    this.#joining.add(subscriber);
    this.wake();
  }

  #leave(subscriber: Subscriber): void {
    this.#joining.delete(subscriber);
    const followers = this.#following.get(subscriber.merchantId);
    if (followers?.delete(subscriber) === true && followers.size === 0)
      this.#following.delete(subscriber.merchantId);
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const startedAt = performance.now();
      this.#woken = false;
      let pauseMs: number;
      try {
        pauseMs = (await this.#read()) ? 0 : this.#pollMs();
      } catch (error) {
        if (!this.#stopped) this.#options.onError(error);
        pauseMs = POLL_MS;
      }
      this.#options.observe.feedListening(this.#wakeups.works);
      if (pauseMs === 0) continue;
      await this.#pause(pauseMs);
      const intervalMs = this.#woken ? this.#intervalMs : Math.min(this.#intervalMs, pauseMs);
      const rest = startedAt + intervalMs - performance.now();
      if (rest > 0 && !this.#stopped) await sleep(rest);
    }
  }

  #pollMs(): number {
    if (this.#following.size === 0) return POLL_IDLE_MS;
    if (this.#waiting !== null) return Math.min(POLL_MS, POLL_WAITING_MS + this.#waitedMs() / 10);
    return this.#wakeups.works ? POLL_LISTENING_MS : POLL_MS;
  }

  /** Until something wakes the reader, or the time is over. */
  #pause(ms: number): Promise<void> {
    if (this.#woken || this.#stopped) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Reads once from the head. @returns whether there is more */
  async #read(): Promise<boolean> {
    this.#takeJoining();
    if (this.#following.size === 0) {
      const end = await readFeedEnd(this.#reads);
      this.#epoch = end.epochs.at(-1) ?? null;
      this.#noteLag(end);
      return false;
    }
    const page = await this.#readPage(this.#head, [...this.#following.keys()], PAGE_LIMIT);
    this.#noteLag(page);
    this.#epoch = page.epoch;
    this.#intervalMs = page.events.length > 0 ? READ_INTERVAL_MS : IDLE_READ_INTERVAL_MS;
    this.#head = page.end;
    const byMerchant = new Map<string, FeedEvent[]>();
    for (const event of page.events) {
      const events = byMerchant.get(event.event.merchantId);
      if (events === undefined) byMerchant.set(event.event.merchantId, [event]);
      else events.push(event);
    }
    for (const [merchantId, followers] of this.#following) {
      const events = byMerchant.get(merchantId) ?? [];
      for (const subscriber of [...followers]) this.#offer(subscriber, events, page.end);
    }
    return page.more;
  }

  /** From now on these follow the head, which goes back to the furthest behind of them: by a few events. */
  #takeJoining(): void {
    // With nobody to read for, the head was not kept.
    if (this.#following.size === 0) this.#head = LAST;
    for (const subscriber of this.#joining) {
      // At once, so that the head stays there when the read fails.
      if (comparePositions(subscriber.position, this.#head) < 0) this.#head = subscriber.position;
      const followers = this.#following.get(subscriber.merchantId);
      if (followers === undefined) this.#following.set(subscriber.merchantId, new Set([subscriber]));
      else followers.add(subscriber);
    }
    this.#joining.clear();
  }

  async #readPage(after: FeedPosition, merchantIds: string[], limit: number): Promise<FeedPage> {
    const now = performance.now();
    if (this.#waitedMs() > WAIT_FOR_CLUSTER_MS) this.#clusterWideUntil = now + CLUSTER_WIDE_MS;
    const clusterWide = now < this.#clusterWideUntil;
    return readEvents(this.#reads, { after, merchantIds, limit, clusterWide });
  }

  #waitedMs(): number {
    return this.#waiting === null ? 0 : performance.now() - this.#waiting.since;
  }

  #noteLag({ waiting, horizon }: Pick<FeedPage, 'waiting' | 'horizon'>): void {
    if (waiting === null) this.#waiting = null;
    else if (this.#waiting === null || this.#waiting.round <= horizon)
      this.#waiting = { round: waiting, since: performance.now() };
    this.#options.observe.feedLag(this.#waitedMs() / 1_000);
  }

  /** Offers what is after the subscriber's position. @returns whether it took everything */
  #offer(subscriber: Subscriber, events: readonly FeedEvent[], end: FeedPosition): boolean {
    const next = events.findIndex(({ at }) => comparePositions(at, subscriber.position) > 0);
    const news = next < 0 ? [] : events.slice(next);
    const taken = news.length === 0 ? 0 : subscriber.sink.offer(news);
    if (taken === news.length) {
      if (comparePositions(end, subscriber.position) > 0) subscriber.position = end;
      return true;
    }
    subscriber.position = news[taken - 1]?.at ?? subscriber.position;
    if (this.#following.get(subscriber.merchantId)?.has(subscriber) === true) {
      this.#leave(subscriber);
      void this.#catchUp(subscriber);
    }
    return false;
  }

  /** Reads for one subscriber alone, as fast as it takes the events, until it has reached the head. */
  async #catchUp(subscriber: Subscriber): Promise<void> {
    while (!subscriber.ended && !this.#stopped) {
      if (!(await subscriber.sink.room())) return;
      let page: FeedPage;
      try {
        page = await this.#inTurn(() =>
          this.#readPage(subscriber.position, [subscriber.merchantId], PAGE_LIMIT),
        );
      } catch (error) {
        if (!this.#stopped) this.#options.onError(error);
        await sleep(POLL_MS);
        continue;
      }
      if (!(await this.#offerWithPatience(subscriber, page))) return;
      if (page.more || subscriber.ended) continue;
      this.#join(subscriber);
      return;
    }
  }

  async #offerWithPatience(subscriber: Subscriber, page: FeedPage): Promise<boolean> {
    while (!this.#offer(subscriber, page.events, page.end)) {
      if (subscriber.ended || !(await subscriber.sink.room())) return false;
    }
    return true;
  }

  /** A few at a time, so that many who resume together, or one from long ago, leave room for the others. */
  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    while (this.#catchUps >= CATCH_UPS && !this.#stopped) {
      await new Promise<void>((resolve) => this.#queue.push(resolve));
    }
    this.#catchUps += 1;
    try {
      return await work();
    } finally {
      this.#catchUps -= 1;
      this.#queue.shift()?.();
    }
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
