/**
 * The only writer of money. Requests queue in the process; while one batch is in flight the next one
 * fills. Batches of up to 96 over two connections measured best on two cores; waiting to fill them did not help.
 *
 *   runOnce() ──► queue ──► connection 1 ──► one transaction ──► each caller its own answer
 *                     └──► connection 2 ──► …
 *
 * Merchants are served in turn, so that nobody waits behind the thousands of somebody else.
 */
import { type Context, context, ROOT_CONTEXT } from '@opentelemetry/api';
import type pg from 'pg';
import type { AuditActor } from '../auditLog/auditEntry.ts';
import type { AnswerKey, Command, Outcome, Sender } from '../core/command.ts';
import type { Can } from '../core/effects.ts';
import { continueHistory } from '../feed/epochsSql.ts';
import { newId } from '../installation/newId.ts';
import { openSession, spoiltOf } from '../postgres/databaseClient.ts';
import { GateClosedError, isPassing, LOCK_TIMEOUT, sqlStateOf } from '../postgres/databaseErrors.ts';
import { renewPlans, rollback, sessionOptions } from '../postgres/pool.ts';
import {
  type AnswerLate,
  type BatchEffects,
  type Call,
  type Once,
  type Request,
  runBatch,
  runDueBatch,
  runDueLinks,
  type Settled,
} from './batch.ts';
import { BatchTimes } from './batchTimes.ts';
import { beginCommand, type CommandSpan, endCommand, inBatchSpan, traceparentOf } from './commandSpans.ts';
import { FairQueue } from './fairQueue.ts';
import { Memory } from './memory.ts';

export interface EngineOptions {
  readonly databaseUrl: string;
  readonly batchSize: number;
  readonly connections: number;
  /** At most so many requests wait, however fast they are decided; of one merchant a quarter of those that may. */
  readonly maxQueue: number;
  /** How long a request may wait and be retried before its caller is told that its fate is unknown. */
  readonly patienceMs: number;
  /** In the sandbox: a reset keeps every node's engine out while it happens. */
  readonly gated: boolean;
  readonly observe: EngineObserver;
  readonly answerLate: AnswerLate;
  /** What acquirers can do, as this node knows it. */
  readonly can: Can;
  /** Hears of every commit that leaves something to do: ask the bank, wake callers and readers of events. */
  readonly afterCommit: (effects: BatchEffects, origins: Origins) => void;
}

/** Of questions for the bank, by their ids, the traces that they belong to, where they are traced. */
export type Origins = ReadonlyMap<string, Context>;

const NO_ORIGINS: Origins = new Map();

export interface EngineObserver {
  batch(size: number, seconds: number): void;
  /** @param limit how many may wait now */
  queueDepth(depth: number, limit: number): void;
  databaseError(error: unknown): void;
}

/** The engine could not decide: the database is out of reach, or the node is stopping or overloaded. */
export class EngineUnavailableError extends Error {}
/** More is waiting than can be decided in time: nothing was tried. */
export class OverloadedError extends EngineUnavailableError {}
/** So many requests of this merchant are waiting that it may put in no more. */
export class TooManyWaitingError extends Error {}
/** Another request with the same Idempotency-Key has not been decided in time. */
export class RequestInProgressError extends Error {}
/** The Idempotency-Key was used for another request. */
export class KeyReusedError extends Error {}

/** What a caller is told. `replayed`: whether this belongs to an earlier request with the same key. */
export type Told =
  | Extract<Settled, { kind: 'answered' }>
  /** The bank was asked: the answer will be stored under `answerKey`. */
  | { readonly kind: 'pending'; readonly answerKey: AnswerKey; readonly replayed: boolean };

type Done = Extract<Settled, { kind: 'done' }>;

/** A call of somebody who may come again. */
export interface OnceCall extends Call {
  readonly once: Once;
}

interface Job {
  readonly request: Request;
  readonly deadline: number;
  /** Null: it is not traced. */
  readonly traced: CommandSpan | null;
  /** An attempt whose commit may have happened came before. */
  retry: boolean;
  /** Why the last attempt failed. */
  failure: unknown;
  /** Its caller has been answered, perhaps at its deadline while a batch was still at it. */
  answered: boolean;
  resolve(settled: Told | Done): void;
  reject(error: Error): void;
}

/** What would wait for longer is refused at once, unless it is tried again: its caller can go to another node, or come again. */
const MAX_WAIT_MS = 500;
/** So many batches wait in any case: a burst, and what comes while the database is in trouble, which passes. */
const MIN_QUEUED_BATCHES = 24;
/** Of the queue, what one merchant may fill; and while nobody else waits. */
const MERCHANT_SHARE = 0.25;
const SHARE_ALONE = 0.5;
/** How long a stopping engine goes on trying what failed for a reason that may pass. */
const STOP_PATIENCE_MS = 2_000;
/** Forgetting some costs a wait, so this is only a bound on memory. */
const MAX_STUCK = 1_000;
/**
 * While a batch is under way, fewer requests than a quarter of a batch wait up to this long for more, or for its
 * end: at 1,500 a second, two connections would make batches of 3, which cost three times as much a request as large ones.
 */
const GATHER_MS = 4;
/** How often deadlines are looked at: callers hear at most this late. */
const DEADLINE_INTERVAL_MS = 100;

export class Engine {
  readonly #options: EngineOptions;
  readonly #idle: BatchConnection[] = [];
  readonly #connections: BatchConnection[] = [];
  readonly #dueConnection: BatchConnection;
  readonly #queue = new FairQueue<Job>(ownerOf);
  /**
   * Jobs of a batch that failed as a whole, tried apart so that they cannot fail their neighbours. Those that
   * have already failed apart are at the end, and these batches take turns with the queue's, so that what
   * waits for one locked row does not hold up everything else.
   */
  #apart: Job[][] = [];
  #lastWasApart = false;
  /** Lock targets that a batch of their own has waited for in vain: what comes for them goes apart at once. */
  readonly #stuck = new Set<string>();
  readonly #memory = new Memory();
  readonly #fullBatches = new BatchTimes();
  /** No Set, from which they would be deleted: see `FairQueue`. */
  #running: readonly (readonly Job[])[] = [];
  readonly #deadlines: NodeJS.Timeout;
  #gathering: NodeJS.Timeout | null = null;
  #due: Promise<unknown> = Promise.resolve();
  #inFlight = 0;
  #stopping = false;
  /** From then on nothing is tried again: a stop must not wait for a database that is gone. */
  #stopBy = Number.POSITIVE_INFINITY;
  #drained: (() => void) | null = null;

  constructor(options: EngineOptions) {
    this.#options = options;
    for (let i = 0; i < options.connections; i += 1)
      this.#connections.push(new BatchConnection(options, `engine ${i + 1}`));
    this.#idle.push(...this.#connections);
    this.#dueConnection = new BatchConnection(options, 'engine due');
    this.#deadlines = setInterval(() => this.#answerOverdue(), DEADLINE_INTERVAL_MS).unref();
    options.observe.queueDepth(0, this.queueLimit);
  }

  /**
   * Carries out a command of the program itself, whose effect is such that doing it again does nothing.
   * @returns what happened, once it is committed
   * @throws EngineUnavailableError its fate is unknown, or it was not tried
   */
  async run(command: Command, sender: Sender, audited?: AuditActor): Promise<Outcome> {
    const settled = await this.#enqueue({ id: newId(), command, sender, audited, once: null });
    if (settled.kind !== 'done') throw new Error('the program was answered like a caller');
    return settled.outcome;
  }

  /**
   * Carries out a command exactly once for a caller who may come again, and answers after its commit.
   * @throws EngineUnavailableError its fate is unknown or it was not tried; safe to retry with the same key
   * @throws TooManyWaitingError it was not tried
   * @throws RequestInProgressError, KeyReusedError see there
   */
  async runOnce(call: OnceCall): Promise<Told> {
    const settled = await this.#enqueue({ ...call, id: call.once.key ?? newId() });
    if (settled.kind === 'done') throw new Error('a caller was answered like the program');
    return settled;
  }

  #enqueue(request: Request): Promise<Told | Done> {
    if (this.#stopping) return Promise.reject(new EngineUnavailableError('the server is stopping'));
    // What the program has to do, such as to take a bank's answer, is not refused with what is new.
    const isOwn = request.once === null && this.#queue.size < this.#options.maxQueue;
    const full = isOwn ? null : this.isFull(request.sender.merchantId);
    if (full === 'of all') return Promise.reject(new OverloadedError('too many requests are waiting'));
    if (full === 'of the merchant')
      return Promise.reject(new TooManyWaitingError('too many requests of this merchant are waiting'));
    return new Promise((resolve, reject) => {
      const deadline = performance.now() + this.#options.patienceMs;
      const traced = beginCommand(request.command);
      const known = traced === null ? request : { ...request, traceparent: traceparentOf(traced) };
      this.#queue.push({
        request: known,
        deadline,
        traced,
        retry: false,
        failure: null,
        answered: false,
        resolve,
        reject,
      });
      if (this.#idle.length > 0) this.#pump();
    });
  }

  /**
   * Of whom too much is waiting for a merchant's command to be taken now; null: it would be. Null for the merchant:
   * somebody else's command. Whoever asks before a request is read spares the work for one that is refused.
   */
  isFull(merchantId: string | null): 'of all' | 'of the merchant' | null {
    const limit = this.queueLimit;
    if (this.#queue.size >= limit) return 'of all';
    if (merchantId === null) return null;
    const own = this.#queue.sizeOf(merchantId);
    const share = own === this.#queue.size ? SHARE_ALONE : MERCHANT_SHARE;
    return own >= Math.ceil(limit * share) ? 'of the merchant' : null;
  }

  /** How many may wait now: as many as are decided within `MAX_WAIT_MS`, by what full batches have taken. */
  get queueLimit(): number {
    const { maxQueue, batchSize, connections } = this.#options;
    const usualMs = this.#fullBatches.usual(performance.now());
    if (usualMs === null) return maxQueue;
    const batches = Math.max(MIN_QUEUED_BATCHES, (MAX_WAIT_MS / usualMs) * connections);
    return Math.min(maxQueue, Math.ceil(batches * batchSize));
  }

  /**
   * Does what has fallen due of payments, then of links, in a bounded batch each. Calls take turns: two batches on one
   * connection would be one transaction. @returns how many were looked at, of those of which it was more
   */
  doDue(limit: number): Promise<number> {
    const turn = this.#due.then(() => this.#doDue(limit));
    this.#due = turn.catch(() => undefined);
    return turn;
  }

  async #doDue(limit: number): Promise<number> {
    if (this.#stopping) return 0;
    this.#inFlight += 1;
    try {
      const { answerLate, afterCommit, gated, can } = this.#options;
      const counts: number[] = [];
      for (const runDue of [runDueBatch, runDueLinks]) {
        const { count, effects } = await this.#dueConnection.run((client) =>
          runDue(client, limit, answerLate, gated, can),
        );
        if (count > 0) afterCommit(effects, NO_ORIGINS);
        counts.push(count);
      }
      return Math.max(...counts);
    } catch (error) {
      if (error instanceof GateClosedError) return 0;
      throw error;
    } finally {
      this.#inFlight -= 1;
      this.#pump();
    }
  }

  /** Carries out calls while the gate is closed, for the one who has closed it. @throws what the database reports */
  runBehindGate(calls: readonly OnceCall[]): Promise<void> {
    const attempt = {
      retry: false,
      apart: false,
      gated: false,
      can: this.#options.can,
      memory: this.#memory,
    };
    const requests = calls.map((call) => ({ ...call, id: newId() }));
    const turn = this.#due.then(() =>
      this.#dueConnection.run((client) => runBatch(client, requests, this.#options.answerLate, attempt)),
    );
    this.#due = turn.catch(() => undefined);
    return turn.then(() => undefined);
  }

  /** Takes no more requests, finishes those it has, closes its connections. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#stopBy = performance.now() + STOP_PATIENCE_MS;
    if (this.#inFlight > 0 || this.#queue.size > 0 || this.#apart.length > 0) {
      await new Promise<void>((resolve) => {
        this.#drained = resolve;
      });
    }
    clearInterval(this.#deadlines);
    await Promise.all([...this.#connections, this.#dueConnection].map((connection) => connection.close()));
  }

  #pump(): void {
    while (this.#idle.length > 0) {
      if (this.#isGathering()) break;
      const turn = this.#queue.size === 0 || !this.#lastWasApart;
      const apart = turn ? this.#apart.shift() : undefined;
      const jobs = apart ?? this.#nextBatch();
      if (jobs.length === 0) break;
      const connection = this.#idle.pop();
      if (connection === undefined) break;
      this.#lastWasApart = apart !== undefined;
      // A batch is no part of the trace of whoever happened to begin it.
      void context.with(ROOT_CONTEXT, () => this.#runOn(connection, jobs, apart !== undefined));
    }
    this.#options.observe.queueDepth(this.#queue.size, this.queueLimit);
    if (this.#stopping && this.#inFlight === 0 && this.#queue.size === 0 && this.#apart.length === 0)
      this.#drained?.();
  }

  /** Whether the next batch is better begun a little later; then it will be. */
  #isGathering(): boolean {
    const first = this.#queue.peek();
    const { batchSize, patienceMs } = this.#options;
    if (first === undefined || this.#running.length === 0 || this.#apart.length > 0) return false;
    if (this.#queue.size >= batchSize / 4) return false;
    const waitedMs = performance.now() - (first.deadline - patienceMs);
    if (waitedMs >= GATHER_MS) return false;
    this.#gathering ??= setTimeout(() => {
      this.#gathering = null;
      this.#pump();
    }, GATHER_MS - waitedMs);
    return true;
  }

  #nextBatch(): Job[] {
    for (;;) {
      const jobs = this.#queue.take(this.#options.batchSize);
      if (this.#stuck.size === 0 || jobs.length === 0) return jobs;
      const free = jobs.filter((job) => !this.#stuck.has(lockTargetOf(job)));
      const stuck = jobs.filter((job) => this.#stuck.has(lockTargetOf(job)));
      this.#apart.push(...Map.groupBy(stuck, lockTargetOf).values());
      if (free.length > 0) return free;
    }
  }

  async #runOn(connection: BatchConnection, jobs: Job[], apart: boolean): Promise<void> {
    this.#inFlight += 1;
    this.#running = [...this.#running, jobs];
    const startedAt = performance.now();
    try {
      const requests = jobs.map((job) => job.request);
      const retry = jobs.some((job) => job.retry);
      const { answerLate, afterCommit, gated, can } = this.#options;
      const traced = jobs.map((job) => job.traced);
      const { settled, effects } = await inBatchSpan(traced, jobs.length, () =>
        connection.run((client) =>
          runBatch(client, requests, answerLate, { retry, apart, gated, can, memory: this.#memory }),
        ),
      );
      const ms = performance.now() - startedAt;
      this.#options.observe.batch(jobs.length, ms / 1_000);
      if (jobs.length >= this.#options.batchSize) this.#fullBatches.note(ms, performance.now());
      jobs.forEach((job, i) => {
        this.#settle(job, settled[i]);
        if (apart) this.#stuck.delete(lockTargetOf(job));
      });
      afterCommit(effects, originsOf(jobs, settled));
    } catch (error) {
      if (error instanceof GateClosedError) this.#turnAway(jobs, error);
      else {
        this.#options.observe.databaseError(error);
        await this.#recover(jobs, error);
      }
    } finally {
      this.#inFlight -= 1;
      this.#running = this.#running.filter((each) => each !== jobs);
      this.#idle.push(connection);
      this.#pump();
    }
  }

  #settle(job: Job, settled: Settled | undefined): void {
    if (job.answered) return;
    if (settled?.kind === 'again' && performance.now() < job.deadline) {
      this.#queue.push(job);
      return;
    }
    job.answered = true;
    endCommand(job.traced, null);
    switch (settled?.kind) {
      case 'answered':
      case 'pending':
      case 'done':
        job.resolve(settled);
        return;
      case 'key_reused':
        job.reject(new KeyReusedError('the idempotency key was used for another request'));
        return;
      case 'again':
        job.reject(new RequestInProgressError('the request with this key is still in progress'));
        return;
      default:
        job.reject(new Error('the batch did not settle a request'));
    }
  }

  /** The batch did not begin: nobody waits for the end of a reset. */
  #turnAway(jobs: readonly Job[], cause: GateClosedError): void {
    for (const job of jobs)
      if (!job.answered) this.#fail(job, new EngineUnavailableError(cause.message, { cause }));
  }

  /** A batch failed as a whole: what may pass is tried again until its deadline, the rest is isolated. */
  async #recover(jobs: readonly Job[], error: unknown): Promise<void> {
    const passing = isPassing(error);
    const waited = sqlStateOf(error) === LOCK_TIMEOUT;
    if (passing && !waited) await pause(50);
    const open = jobs.filter((job) => !job.answered);
    for (const job of open) {
      job.retry = true;
      job.failure = error;
    }
    if (passing && performance.now() >= this.#stopBy) for (const job of open) this.#fail(job, failureOf(job));
    else if (passing && !waited) for (const job of open) this.#queue.push(job);
    else if (waited) this.#setStuckApart(open);
    else if (jobs.length > 1) this.#setApart(open.map((job) => [job]));
    else for (const job of open) this.#fail(job, error instanceof Error ? error : new Error(String(error)));
  }

  #setApart(parts: Job[][]): void {
    if (parts.length > 1) this.#apart.unshift(...parts);
    else this.#apart.push(...parts);
  }

  /** A batch waited for a lock in vain. If all of it is for one target, that is known to be stuck. */
  #setStuckApart(jobs: readonly Job[]): void {
    const parts = Map.groupBy(jobs, lockTargetOf);
    const [target] = parts.keys();
    if (this.#stuck.size >= MAX_STUCK) this.#stuck.clear();
    if (parts.size === 1 && target !== undefined) this.#stuck.add(target);
    this.#setApart([...parts.values()]);
  }

  /** Tells every caller whose deadline has passed, wherever its request is: nobody waits longer. */
  #answerOverdue(): void {
    const now = performance.now();
    const isOpen = (job: Job): boolean => {
      if (!job.answered && now >= job.deadline) this.#fail(job, failureOf(job));
      return !job.answered;
    };
    if (this.#queue.some((job) => now >= job.deadline)) this.#queue.keep(isOpen);
    this.#apart = this.#apart.map((jobs) => jobs.filter(isOpen)).filter((jobs) => jobs.length > 0);
    for (const jobs of this.#running) jobs.forEach(isOpen);
    this.#pump();
  }

  #fail(job: Job, error: Error): void {
    job.answered = true;
    endCommand(job.traced, error);
    job.reject(error);
  }
}

/** Which traces the questions belong to that these jobs have for the bank. */
function originsOf(jobs: readonly Job[], settled: readonly Settled[]): Origins {
  if (jobs.every(({ traced }) => traced === null)) return NO_ORIGINS;
  const origins = new Map<string, Context>();
  for (const [i, { traced }] of jobs.entries()) {
    const operationId = operationIdOf(settled[i]);
    if (traced !== null && operationId !== undefined) origins.set(operationId, traced.parent);
  }
  return origins;
}

function operationIdOf(settled: Settled | undefined): string | undefined {
  if (settled?.kind === 'pending') return settled.operationId;
  const outcome = settled?.kind === 'done' ? settled.outcome : null;
  return outcome?.kind === 'pending' ? outcome.operation.id : undefined;
}

/** Whose turn it takes: the merchant's; those of operators, customers and the bank's answers are one. */
function ownerOf({ request: { sender } }: Job): string {
  return sender.merchantId ?? '';
}

/** Requests for the same target wait for the same lock: they are tried together. */
function lockTargetOf({ request: { command } }: Job): string {
  switch (command.kind) {
    case 'authorize':
    case 'pay_by_card':
      if (command.link !== undefined) return command.link.id;
      return command.kind === 'authorize' ? `${command.phone} ${command.currency}` : command.transactionId;
    case 'create_link':
    case 'cancel_link':
    case 'extend_link':
    case 'end_link_when_due':
      return command.link.id;
    case 'deposit':
    case 'withdraw':
      return command.walletId;
    default:
      return command.transactionId;
  }
}

/** What the caller of an undecided request is told at its deadline. */
function failureOf({ failure, request }: Job): Error {
  if (sqlStateOf(failure) === LOCK_TIMEOUT && request.once?.key != null)
    return new RequestInProgressError('another request holds what this one needs');
  return new EngineUnavailableError('the request was not decided in time', { cause: failure });
}

/** One connection that runs one batch at a time, and is replaced when it is lost. */
class BatchConnection {
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
      await renewPlans(client);
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
    const options = sessionOptions(this.#options.databaseUrl, this.#name);
    const client = await openSession({
      ...options,
      // Nobody waits for an answer any longer than this.
      query_timeout: this.#options.patienceMs,
    });
    client.on('error', () => {
      if (this.#client === client) this.#client = null;
    });
    try {
      await continueHistory(client);
    } catch (error) {
      void client.end().catch(() => undefined);
      throw error;
    }
    this.#client = client;
    return client;
  }

  /** Rolls back. A connection that cannot even do that is dropped, and so is one after what ends a session. */
  async #reset(client: pg.Client): Promise<void> {
    if (spoiltOf(client) !== null) {
      this.#drop(client);
      return;
    }
    try {
      await rollback(client);
    } catch {
      this.#drop(client);
    }
  }

  #drop(client: pg.Client): void {
    if (this.#client === client) this.#client = null;
    void client.end().catch(() => undefined);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
