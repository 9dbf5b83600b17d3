/**
 * The only writer of money. Requests queue in the process; while one batch is in flight the next one
 * fills. Batches of up to 64 in two lanes measured best on two cores; waiting to fill them did not help.
 *
 *   execute() ──► queue ──► lane 1 ──► one transaction ──► each caller its own answer
 *                      └──► lane 2 ──► …
 */
import pg from 'pg';
import type { AnswerKey } from '../domain/command.ts';
import { connectionOptions, isPassing, SESSION_SETTINGS, sqlStateOf } from '../store/postgres.ts';
import {
  type Answer,
  type AnswerLate,
  type BatchEffects,
  type Request,
  runBatch,
  runDueBatch,
  type Settled,
} from './batch.ts';

export interface EngineOptions {
  readonly databaseUrl: string;
  readonly batchSize: number;
  readonly lanes: number;
  /** Requests beyond this many waiting are turned away. */
  readonly maxQueue: number;
  /** How long a request may wait and be retried before its caller is told that its fate is unknown. */
  readonly patienceMs: number;
  readonly observe: EngineObserver;
  readonly answerLate: AnswerLate;
  /** Hears of every commit that leaves something to do: ask the bank, wake callers and readers of events. */
  readonly afterCommit: (effects: BatchEffects) => void;
}

export interface EngineObserver {
  batch(size: number, seconds: number): void;
  queueDepth(depth: number): void;
  databaseError(error: unknown): void;
}

/** The engine could not decide: the database is out of reach, or the node is stopping or overloaded. */
export class EngineUnavailableError extends Error {}
/** Another request with the same Idempotency-Key has not been decided in time. */
export class RequestInProgressError extends Error {}
/** The Idempotency-Key was used for another request. */
export class KeyReusedError extends Error {}

/** `replayed`: whether this belongs to an earlier request with the same key. */
export type Executed =
  | (Answer & { readonly kind: 'answered'; readonly replayed: boolean })
  /** The bank was asked: the response will be stored under `answerKey`. */
  | { readonly kind: 'pending'; readonly answerKey: AnswerKey; readonly replayed: boolean };

interface Job {
  readonly request: Request;
  readonly deadline: number;
  /** An attempt whose commit may have happened came before. */
  retry: boolean;
  resolve(answer: Executed): void;
  reject(error: Error): void;
}

/** How long a stopping engine goes on trying what failed for a reason that may pass. */
const STOP_PATIENCE_MS = 2_000;
/** LOCK_NOT_AVAILABLE: our `lock_timeout` ended a wait. */
const LOCK_TIMEOUT = '55P03';

export class Engine {
  readonly #options: EngineOptions;
  readonly #idle: Lane[] = [];
  readonly #lanes: Lane[] = [];
  readonly #dueLane: Lane;
  #queue: Job[] = [];
  /** Jobs of a batch that failed as a whole: each is tried alone, so that it cannot fail its neighbours. */
  readonly #alone: Job[] = [];
  #inFlight = 0;
  #stopping = false;
  /** From then on nothing is tried again: a stop must not wait for a database that is gone. */
  #stopBy = Number.POSITIVE_INFINITY;
  #drained: (() => void) | null = null;

  constructor(options: EngineOptions) {
    this.#options = options;
    for (let i = 0; i < options.lanes; i += 1) this.#lanes.push(new Lane(options, `engine ${i + 1}`));
    this.#idle.push(...this.#lanes);
    this.#dueLane = new Lane(options, 'engine due');
  }

  /**
   * Executes one command exactly once and answers after its commit.
   * @throws EngineUnavailableError its fate is unknown or it was not tried; safe to retry with the same key
   * @throws RequestInProgressError, KeyReusedError see there
   */
  execute(request: Request): Promise<Executed> {
    if (this.#stopping) return Promise.reject(new EngineUnavailableError('the server is stopping'));
    if (this.#queue.length >= this.#options.maxQueue) {
      return Promise.reject(new EngineUnavailableError('too many requests are waiting'));
    }
    return new Promise((resolve, reject) => {
      const deadline = performance.now() + this.#options.patienceMs;
      this.#queue.push({ request, deadline, retry: false, resolve, reject });
      if (this.#idle.length > 0) this.#pump();
    });
  }

  /** Does what has fallen due, in one bounded batch. @returns how many transactions were looked at */
  async doDue(limit: number): Promise<number> {
    if (this.#stopping) return 0;
    this.#inFlight += 1;
    try {
      const { answerLate, afterCommit } = this.#options;
      const { count, effects } = await this.#dueLane.run((client) => runDueBatch(client, limit, answerLate));
      if (count > 0) afterCommit(effects);
      return count;
    } finally {
      this.#inFlight -= 1;
      this.#pump();
    }
  }

  /** Takes no more requests, finishes those it has, closes its connections. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#stopBy = performance.now() + STOP_PATIENCE_MS;
    if (this.#inFlight > 0 || this.#queue.length > 0 || this.#alone.length > 0) {
      await new Promise<void>((resolve) => {
        this.#drained = resolve;
      });
    }
    await Promise.all([...this.#lanes, this.#dueLane].map((lane) => lane.close()));
  }

  #pump(): void {
    while (this.#idle.length > 0) {
      const jobs = this.#nextBatch();
      if (jobs.length === 0) break;
      const lane = this.#idle.pop();
      if (lane === undefined) break;
      void this.#runLane(lane, jobs);
    }
    this.#options.observe.queueDepth(this.#queue.length);
    if (this.#stopping && this.#inFlight === 0 && this.#queue.length === 0 && this.#alone.length === 0)
      this.#drained?.();
  }

  #nextBatch(): Job[] {
    const alone = this.#alone.shift();
    if (alone !== undefined) return [alone];
    const { batchSize } = this.#options;
    if (this.#queue.length <= batchSize) {
      const jobs = this.#queue;
      this.#queue = [];
      return jobs;
    }
    return this.#queue.splice(0, batchSize);
  }

  async #runLane(lane: Lane, jobs: Job[]): Promise<void> {
    this.#inFlight += 1;
    const startedAt = performance.now();
    try {
      const requests = jobs.map((job) => job.request);
      const retry = jobs.some((job) => job.retry);
      const { answerLate, afterCommit } = this.#options;
      const { settled, effects } = await lane.run((client) => runBatch(client, requests, answerLate, retry));
      this.#options.observe.batch(jobs.length, (performance.now() - startedAt) / 1_000);
      jobs.forEach((job, i) => {
        this.#settle(job, settled[i]);
      });
      afterCommit(effects);
    } catch (error) {
      this.#options.observe.databaseError(error);
      await this.#recover(jobs, error);
    } finally {
      this.#inFlight -= 1;
      this.#idle.push(lane);
      this.#pump();
    }
  }

  #settle(job: Job, settled: Settled | undefined): void {
    switch (settled?.kind) {
      case 'answered':
        job.resolve({ kind: 'answered', ...settled.answer, replayed: settled.replayed });
        return;
      case 'pending':
        job.resolve(settled);
        return;
      case 'key_reused':
        job.reject(new KeyReusedError('the idempotency key was used for another request'));
        return;
      case 'again':
        if (performance.now() < job.deadline) this.#queue.push(job);
        else job.reject(new RequestInProgressError('the request with this key is still in progress'));
        return;
      default:
        job.reject(new Error('the batch did not settle a request'));
    }
  }

  /** A batch failed as a whole: what may pass is tried again until its deadline, the rest is isolated. */
  async #recover(jobs: readonly Job[], error: unknown): Promise<void> {
    const passing = isPassing(error);
    const isolate = !passing || sqlStateOf(error) === LOCK_TIMEOUT;
    if (passing) await pause(50);
    const now = performance.now();
    for (const job of jobs) {
      job.retry = true;
      if (passing ? now >= Math.min(job.deadline, this.#stopBy) : jobs.length === 1)
        job.reject(this.#failureOf(job, error, passing));
      else if (isolate) this.#alone.push(job);
      else this.#queue.push(job);
    }
  }

  #failureOf(job: Job, error: unknown, passing: boolean): Error {
    if (!passing) return error instanceof Error ? error : new Error(String(error));
    const waited = sqlStateOf(error) === LOCK_TIMEOUT && job.request.idempotencyKey !== null;
    if (waited) return new RequestInProgressError('another request holds what this one needs');
    return new EngineUnavailableError('the database is out of reach', { cause: error });
  }
}

/** One connection that runs one batch at a time, and is replaced when it is lost. */
class Lane {
  readonly #options: EngineOptions;
  readonly #name: string;
  #client: pg.Client | null = null;

  constructor(options: EngineOptions, name: string) {
    this.#options = options;
    this.#name = name;
  }

  async run<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    const client = this.#client ?? (await this.#connect());
    try {
      return await work(client);
    } catch (error) {
      await this.#reset(client);
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#client?.end();
    this.#client = null;
  }

  async #connect(): Promise<pg.Client> {
    const client = new pg.Client({
      ...connectionOptions(this.#options.databaseUrl, this.#name),
      pipeline: true,
    });
    client.on('error', () => {
      if (this.#client === client) this.#client = null;
    });
    try {
      await client.connect();
      await client.query(SESSION_SETTINGS);
    } catch (error) {
      void client.end().catch(() => undefined);
      throw error;
    }
    this.#client = client;
    return client;
  }

  /** Rolls back. A connection that cannot even do that is dropped. */
  async #reset(client: pg.Client): Promise<void> {
    try {
      await client.query('ROLLBACK');
    } catch {
      if (this.#client === client) this.#client = null;
      void client.end().catch(() => undefined);
    }
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
