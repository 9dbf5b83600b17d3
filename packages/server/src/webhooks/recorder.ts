/** Records what came of lanes, in batches: each takes 2 ms of PostgreSQL, however few are in it. */
import { isPassing } from '../postgres/databaseErrors.ts';
import type { Pool } from '../postgres/pool.ts';
import { type LaneResult, leaveLanes, lockLanes } from './deliveriesSql.ts';
import { LEFT_ALONE_MS } from './dispatch.ts';
import { type EndpointHealth, lockHealth, noteHealth } from './endpointsSql.ts';
import { isGivenUp } from './schedule.ts';
import { SLOTS } from './slots.ts';
import { transactQuickly } from './transact.ts';

const BATCH_LIMIT = 1_000;
/** When more wait to be recorded than a node has under way, it begins with nothing new: see `isBehind`. */
const BEHIND_FROM = SLOTS;
/** How long the first of a batch waits for others: nothing but the lane’s next event waits for it. */
const GATHER_MS = 10;
const RETRY_MS = 200;
/** By then other nodes have the lanes. */
const GIVE_UP_MS = 30_000;
const GONE = 410;

export interface RecorderDeps {
  readonly pool: Pool;
  readonly gated: boolean;
  /** Lanes were left; whether some of them are due again at once. */
  readonly onRecorded: (dueNow: boolean) => void;
  readonly onDisabled: (count: number) => void;
  readonly onError: (error: unknown) => void;
}

export class Recorder {
  readonly #deps: RecorderDeps;
  #queue: LaneResult[] = [];
  /** How many are being written. */
  #writing = 0;
  #flushing: Promise<void> | null = null;
  #stopBy = Number.POSITIVE_INFINITY;

  constructor(deps: RecorderDeps) {
    this.#deps = deps;
  }

  /**
   * Whether so much is not recorded that nothing new is to be attempted: what is recorded only after its lease is over
   * is attempted again by others.
   */
  get isBehind(): boolean {
    return this.#queue.length + this.#writing > BEHIND_FROM;
  }

  record(result: LaneResult): void {
    // What is cut off by a stop is for whoever has the lane when its lease is over.
    if (performance.now() >= this.#stopBy) return;
    this.#queue.push(result);
    this.#flushing ??= this.#flush();
  }

  /** Resolves when everything is recorded, or could not be within this time. */
  async stop(limitMs: number): Promise<void> {
    this.#stopBy = performance.now() + limitMs;
    await this.#flushing;
    this.#stopBy = 0;
  }

  async #flush(): Promise<void> {
    while (this.#queue.length > 0) {
      if (this.#queue.length < BATCH_LIMIT && this.#stopBy === Number.POSITIVE_INFINITY)
        await new Promise((resolve) => setTimeout(resolve, GATHER_MS));
      const batch = this.#queue.splice(0, BATCH_LIMIT);
      this.#writing = batch.length;
      await this.#write(batch);
      this.#writing = 0;
    }
    this.#flushing = null;
  }

  async #write(batch: readonly LaneResult[]): Promise<void> {
    const { onRecorded, onDisabled, onError } = this.#deps;
    const giveUpAt = performance.now() + GIVE_UP_MS;
    for (;;) {
      try {
        const { dueNow, disabled } = await this.#writeOnce(batch);
        if (disabled > 0) onDisabled(disabled);
        onRecorded(dueNow);
        return;
      } catch (error) {
        if (!isPassing(error)) return this.#writeApart(batch, error);
        onError(error);
        if (performance.now() >= Math.min(giveUpAt, this.#stopBy)) return;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  #writeOnce(batch: readonly LaneResult[]): Promise<{ dueNow: boolean; disabled: number }> {
    const { pool, gated } = this.#deps;
    return transactQuickly(pool, gated, async (transaction) => {
      const kept = await transaction.send((db) => lockLanes(db, batch));
      const [goOn, health] = await transaction.send((db) =>
        Promise.all([leaveLanes(db, kept), lockHealth(db, healthOf(batch))]),
      );
      const disabled = await transaction.end((db) => noteHealth(db, health, isGivenUp));
      return { dueNow: goOn > 0, disabled };
    });
  }

  /** What cannot be recorded keeps no other from it: its lane is left without what came of it, and attempted again later. */
  async #writeApart(batch: readonly LaneResult[], error: unknown): Promise<void> {
    const [first] = batch;
    if (batch.length > 1) {
      const half = Math.ceil(batch.length / 2);
      await this.#write(batch.slice(0, half));
      await this.#write(batch.slice(half));
      return;
    }
    this.#deps.onError(error);
    if (first !== undefined && first.attempts.length > 0)
      await this.#write([{ ...first, attempts: [], finished: 0, dueInMs: LEFT_ALONE_MS }]);
  }
}

function healthOf(batch: readonly LaneResult[]): EndpointHealth[] {
  const byEndpoint = Map.groupBy(batch, ({ endpointId }) => endpointId);
  return [...byEndpoint].flatMap(([id, results]) => {
    const attempts = results.flatMap((result) => result.attempts);
    if (attempts.length === 0) return [];
    const succeeded = attempts.some(({ status }) => status === 'delivered');
    return [{ id, succeeded, gone: attempts.some(({ statusCode }) => statusCode === GONE) }];
  });
}
