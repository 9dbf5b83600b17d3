/**
 * Reads from a standby, of which it is known how old they are at most.
 *
 *   primary ──every half second: where its log ends, and when──► marks
 *   standby session ──before each use: how far it has replayed──► the newest mark that it has passed: as of when it reads
 *
 * No clock of the standby's is believed, nothing is written, and it works while nobody pays: a mark is the primary's own
 * word for a moment and what had been committed by then. What a session reads is as of that moment or later.
 *
 *   usable ──a session fails, is too far behind, or is of no standby of ours──► away ──a try each second succeeds──► usable
 */
import { setTimeout as pause } from 'node:timers/promises';
import type pg from 'pg';
import { DatabasePool, openSession, spoiltOf, whileLent } from './databaseClient.ts';
import { ConnectionLost, DatabaseUnavailable, isPassing, sqlStateOf } from './databaseErrors.ts';
import { type Client, mustPlanAnew, type Pool, sessionOptions } from './pool.ts';

/** How often the primary is asked where its log ends: what is read is taken to be up to so much older than it is. */
const MARK_INTERVAL_MS = 500;
/** How often the standby is tried, also while it is used: what asks it meanwhile hears of its end. */
const TRY_INTERVAL_MS = 1_000;
const TRY_LIMIT_MS = 2_000;
/** Of a stop's 10 s. */
const STOP_LIMIT_MS = 2_000;

/** SERIALIZATION_FAILURE: on a standby, a query that kept what the primary has thrown away. */
const RECOVERY_CONFLICT = '40001';

/** Why the primary was read from though there is a standby. */
export type FallbackReason = 'away' | 'stale' | 'foreign' | 'conflict';

export interface ReplicaObserver {
  /** A read, and where it was done. */
  replicaRead(from: 'replica' | FallbackReason): void;
  /** How old the standby's data are at most, also while it cannot be used: as far as it was seen to get. */
  replicaLag(seconds: number, isUsable: boolean): void;
}

export interface ReplicaOptions {
  readonly url: string;
  readonly primaryUrl: string;
  readonly maxLagMs: number;
  readonly poolSize: number;
  readonly observe: ReplicaObserver;
  /** Hears of every change. @param reason null: it is used again */
  readonly onChange: (reason: FallbackReason | null, error: unknown) => void;
}

/** What was read, and as of when at the latest; null: it is current. */
export interface RecentRead<T> {
  readonly value: T;
  readonly asOf: number | null;
}

/** A moment of the primary's, and where its log ended then. */
interface Mark {
  readonly cluster: string;
  readonly timeline: bigint;
  readonly lsn: bigint;
  /** On the primary's clock. */
  readonly time: number;
  /** On this process's, before the primary was asked. */
  readonly at: number;
}

/** The standby cannot be used for this read. */
class NotUsable extends Error {
  readonly reason: FallbackReason;
  constructor(reason: FallbackReason, cause?: unknown) {
    super(`the replica is not used: ${reason}`, { cause });
    this.reason = reason;
  }
}

const LSN = `($1 - '0/0'::pg_lsn)`;
const CLUSTER = '(SELECT system_identifier::text FROM pg_control_system())';
const MARK = `SELECT ${CLUSTER} AS cluster, ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint AS timeline,
  ${LSN.replace('$1', 'pg_current_wal_lsn()')} AS lsn, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint AS time`;
/**
 * A standby's own timeline is not for everybody to ask. But the first session that writes after a failover records the new
 * one, and a standby that does not follow it never has that row.
 */
const PLACE = `SELECT pg_is_in_recovery() AS standby, ${CLUSTER} AS cluster, timeline::bigint AS timeline,
  ${LSN.replace('$1', 'pg_last_wal_replay_lsn()')} AS lsn FROM installation`;

export class Replica {
  readonly #options: ReplicaOptions;
  readonly #pool: DatabasePool;
  /** The newest one last. */
  #marks: Mark[] = [];
  #state: FallbackReason | null = 'away';
  /** When the primary was where the standby was seen last. */
  #seenAt = performance.now();
  /** Those who wait for its answers: they hear when it is found to be away. */
  readonly #readers = new Set<(error: Error) => void>();
  #primary: Client | null = null;
  #standby: Client | null = null;
  #stopped = new AbortController();
  #loops: Promise<unknown> = Promise.resolve();

  constructor(options: ReplicaOptions) {
    this.#options = options;
    const session = { ...sessionOptions(options.url, 'replica'), mayBeReadOnly: true };
    const { connectionTimeoutMillis } = session;
    this.#pool = new DatabasePool(session, {
      ...{ max: options.poolSize, connectionTimeoutMillis, idleTimeoutMillis: 600_000 },
    });
    this.#pool.on('error', () => undefined);
  }

  /** Begins to watch; resolves when it is known whether the standby can be used. */
  async start(): Promise<void> {
    await this.#mark();
    await this.#try();
    const every = async (intervalMs: number, work: () => Promise<void>): Promise<void> => {
      const { signal } = this.#stopped;
      while (!signal.aborted) {
        await pause(intervalMs, undefined, { signal }).catch(() => undefined);
        if (!signal.aborted) await work();
      }
    };
    this.#loops = Promise.all([
      every(MARK_INTERVAL_MS, () => this.#mark()),
      every(TRY_INTERVAL_MS, () => this.#try()),
    ]);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#leave('away', null);
    // Sessions of a standby that is silent come back, and end, too late for a stop.
    await Promise.race([this.#end(), pause(STOP_LIMIT_MS, undefined, { ref: false })]);
  }

  async #end(): Promise<void> {
    await this.#loops;
    const sessions = [this.#primary, this.#standby].map((session) => session?.end().catch(() => undefined));
    await Promise.all([...sessions, this.#pool.end()]);
  }

  /**
   * Reads from the standby, or at once from the primary where that cannot be.
   * @param notBefore a moment of the primary's clock: what there was then must be there; 0: whatever is not too old
   * @throws what `work` threw on the primary, or what is wrong with the question itself
   */
  async read<T>(primary: Pool, notBefore: number, work: (pool: Pool) => Promise<T>): Promise<RecentRead<T>> {
    try {
      const read = await this.#readHere(notBefore, work);
      this.#options.observe.replicaRead('replica');
      return read;
    } catch (error) {
      const reason = reasonOf(error);
      if (reason === null) throw error;
      this.#options.observe.replicaRead(reason);
      return { value: await work(primary), asOf: null };
    }
  }

  async #readHere<T>(notBefore: number, work: (pool: Pool) => Promise<T>): Promise<RecentRead<T>> {
    if (this.#state !== null) throw new NotUsable(this.#state);
    // What it answers after it was found to be away, nobody waits for. (A race with one promise that lasts would keep a
    // reaction of each read until it ends.)
    const { promise, resolve, reject } = Promise.withResolvers<RecentRead<T>>();
    this.#readers.add(reject);
    this.#borrow((client) => this.#readOn(client, notBefore, work)).then(resolve, reject);
    try {
      return await promise;
    } finally {
      this.#readers.delete(reject);
    }
  }

  async #borrow<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect();
    const rollBack = async (): Promise<void> => void (await client.query('ROLLBACK'));
    try {
      return await whileLent(client, () => work(client), rollBack);
    } catch (error) {
      // A pool that is full, or one slow statement, says nothing of the standby: that read goes to the primary, no other.
      if (spoiltOf(client) instanceof ConnectionLost) this.#leave('away', error);
      throw error;
    }
  }

  async #readOn<T>(
    client: pg.PoolClient,
    notBefore: number,
    work: (pool: Pool) => Promise<T>,
  ): Promise<RecentRead<T>> {
    if (mustPlanAnew(client)) await client.query('DISCARD PLANS');
    const mark = await this.#markOf(client);
    if (performance.now() - mark.at > this.#options.maxLagMs) {
      this.#leave('stale', null);
      throw new NotUsable('stale');
    }
    if (mark.time < notBefore) throw new NotUsable('stale');
    return { value: await work(onlyOn(client)), asOf: mark.time };
  }

  /** The newest mark that the session's server has passed. @throws NotUsable */
  async #markOf(client: Client): Promise<Mark> {
    const { rows } = await client.query<Omit<Mark, 'time' | 'at'> & { standby: boolean }>(PLACE);
    const [place] = rows;
    const newest = this.#marks.at(-1);
    if (newest === undefined) throw new NotUsable('stale');
    if (place?.standby !== true || place.cluster !== newest.cluster || place.timeline !== newest.timeline)
      throw new NotUsable('foreign');
    const passed = this.#marks.findLast(({ lsn }) => lsn <= place.lsn);
    if (passed === undefined) throw new NotUsable('stale');
    return passed;
  }

  async #mark(): Promise<void> {
    try {
      const { primaryUrl, maxLagMs } = this.#options;
      const options = { ...sessionOptions(primaryUrl, 'replica watch'), query_timeout: TRY_LIMIT_MS };
      this.#primary ??= await opened(options);
      const at = performance.now();
      const { rows } = await this.#primary.query<Omit<Mark, 'at' | 'time'> & { time: bigint }>(MARK);
      const [row] = rows;
      if (row === undefined) return;
      const mark: Mark = { ...row, time: Number(row.time), at };
      const newest = this.#marks.at(-1);
      // Another history: where the log of the last one ended says nothing of this one.
      if (newest?.cluster !== mark.cluster || newest.timeline !== mark.timeline) this.#marks = [];
      this.#marks.push(mark);
      // One is kept that is too old: whoever has passed no newer one is known to be behind, not foreign.
      while ((this.#marks[1]?.at ?? at) < at - maxLagMs) this.#marks.shift();
    } catch {
      // Without new marks the standby is too old soon, as far as can be known.
      void this.#primary?.end().catch(() => undefined);
      this.#primary = null;
    }
  }

  async #try(): Promise<void> {
    try {
      const options = { ...sessionOptions(this.#options.url, 'replica try'), mayBeReadOnly: true };
      const limits = { query_timeout: TRY_LIMIT_MS, connectionTimeoutMillis: TRY_LIMIT_MS };
      this.#standby ??= await opened({ ...options, ...limits });
      const mark = await this.#markOf(this.#standby);
      this.#seenAt = mark.at;
      if (performance.now() - mark.at > this.#options.maxLagMs) throw new NotUsable('stale');
      this.#tellLag(true);
      if (this.#state !== null && !this.#stopped.signal.aborted) {
        this.#state = null;
        this.#options.onChange(null, null);
      }
    } catch (error) {
      this.#tellLag(false);
      // Behind a proxy the next session may lead to another standby.
      void this.#standby?.end().catch(() => undefined);
      this.#standby = null;
      this.#leave(reasonOf(error) ?? 'away', error);
    }
  }

  #tellLag(isUsable: boolean): void {
    this.#options.observe.replicaLag((performance.now() - this.#seenAt) / 1_000, isUsable);
  }

  #leave(reason: FallbackReason, error: unknown): void {
    // What is too old for the next reader is not for one who is reading already.
    if (reason === 'away') for (const reject of this.#readers) reject(new NotUsable(reason, error));
    if (this.#state === reason) return;
    this.#state = reason;
    if (!this.#stopped.signal.aborted) this.#options.onChange(reason, error);
  }
}

/** A session whose end is not heard ends the process. */
async function opened(options: Parameters<typeof openSession>[0]): Promise<Client> {
  const session = await openSession(options);
  session.on('error', () => undefined);
  return session;
}

/** Null: it is the question that is wrong, or takes too long, as it would on the primary. */
function reasonOf(error: unknown): FallbackReason | null {
  if (error instanceof NotUsable) return error.reason;
  if (error instanceof DatabaseUnavailable) return 'away';
  const state = sqlStateOf(error);
  if (state === RECOVERY_CONFLICT) return 'conflict';
  // 57014: its own limit of time ended the statement.
  return state !== null && state !== '57014' && isPassing(error) ? 'away' : null;
}

/** What lends this one session only, to one at a time. */
function onlyOn(client: pg.PoolClient): Pool {
  let last: Promise<unknown> = Promise.resolve();
  const connect = async (): Promise<pg.PoolClient> => {
    const before = last;
    const { promise, resolve } = Promise.withResolvers<void>();
    last = promise;
    await before;
    return new Proxy(client, {
      get: (target, name) => {
        if (name === 'release') return () => resolve();
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  };
  const query = async (...given: Parameters<Client['query']>): Promise<unknown> => {
    const lent = await connect();
    try {
      return await (client.query as (...given: unknown[]) => Promise<unknown>)(...given);
    } finally {
      lent.release();
    }
  };
  return { connect, query } as unknown as Pool;
}
