/**
 * The primary of a node with workers (`WORKERS`). It holds no business: it opens the ports, on which each worker
 * takes what connections it can, has what a machine needs once (embedded PostgreSQL, the sandbox's bank), puts the workers'
 * metrics together, and sees to it that there are as many workers as there should be.
 *
 *   fork ──► starting ──listening──► serving ──leave (SIGHUP: its successor serves)──► leaving ──► ended
 *               └───────── dies: another one is forked, later each time it dies soon ──────────────►┘
 *
 * Whoever kills the primary ends the workers, too: each one's channel closes, and it stops.
 */
import cluster, { type Worker } from 'node:cluster';
import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '@plexy-pay/embedded-postgres';
import type { Logger } from 'pino';
import type { MetricsSnapshot } from '../http/metrics.ts';
import type { BankProcess } from '../sandbox/bankProcess.ts';
import type { Config } from './config.ts';
import { greeting } from './greeting.ts';
import { StartError } from './startError.ts';
import type { Question, ToPrimary, ToWorker } from './workerChannel.ts';
import { WorkerMetrics } from './workerMetrics.ts';

/** A stop that takes longer than this has gone wrong. */
const STOP_LIMIT_MS = 10_000;
/** Workers that have not ended by then are killed: what is left is for the database server. */
const STOP_WORKERS_LIMIT_MS = 8_000;
/** 5 s to drain, 10 s to stop. */
const LEAVE_LIMIT_MS = 20_000;
/** A worker that has lived for so long did not die of its start. */
const STABLE_MS = 60_000;
const FIRST_DELAY_MS = 250;
const MAX_DELAY_MS = 30_000;
const SNAPSHOT_LIMIT_MS = 2_000;

type State = 'starting' | 'serving' | 'leaving' | 'ended';

/** One worker, as the primary knows it. */
class Member {
  state: State = 'starting';
  url = '';
  /** The last that it told of itself. */
  metrics: MetricsSnapshot = [];
  /** Whether that was the last that it will tell. */
  isFinal = false;
  /** How it ended: a code, or the signal that killed it. */
  end: number | string = 0;
  /** Whether there was nothing wrong with its end: before it serves, it knows no signals. */
  endedInOrder = false;
  readonly startedAt = performance.now();
  readonly worker: Worker;
  readonly exited: Promise<void>;
  readonly #listening = Promise.withResolvers<boolean>();
  readonly #snapshots = new Map<number, () => void>();
  #lastId = 0;

  constructor(worker: Worker) {
    this.worker = worker;
    this.exited = endOf(worker).then((end) => {
      this.end = end;
      this.endedInOrder = this.end === 0 || (this.state === 'starting' && this.end === 'SIGTERM');
      this.state = 'ended';
      this.#listening.resolve(false);
      for (const done of this.#snapshots.values()) done();
    });
  }

  /** Whether it has come to serve; false: it has ended before. */
  get ready(): Promise<boolean> {
    return this.#listening.promise;
  }

  listening(url: string): void {
    this.url = url;
    if (this.state === 'starting') this.state = 'serving';
    this.#listening.resolve(true);
  }

  tell(message: ToWorker): void {
    // What one that is about to end does not hear any more is of no use to it.
    if (this.worker.isConnected()) this.worker.send(message, undefined, undefined, () => undefined);
  }

  takeSnapshot(id: number | null, metrics: MetricsSnapshot): void {
    this.metrics = metrics;
    this.isFinal ||= id === null;
    if (id !== null) this.#snapshots.get(id)?.();
  }

  /** Asks for its metrics. One that does not answer in time keeps those that it told last. */
  async refresh(): Promise<void> {
    if (this.isFinal || (this.state !== 'serving' && this.state !== 'leaving')) return;
    this.#lastId += 1;
    const id = this.#lastId;
    const told = new Promise<void>((resolve) => this.#snapshots.set(id, resolve));
    this.tell({ kind: 'snapshot', id });
    await Promise.race([told, pause(SNAPSHOT_LIMIT_MS, undefined, { ref: false })]);
    this.#snapshots.delete(id);
  }
}

/** Its exit code, the signal that killed it, or why there never was a process. */
function endOf(worker: Worker): Promise<number | string> {
  return new Promise((resolve) => {
    worker.once('exit', (code: number | null, signal: string | null) => resolve(signal ?? code ?? 0));
    // A channel that breaks is told by the worker's end, too.
    worker.on('error', (error) => {
      if (worker.process.pid === undefined) resolve(error.message);
    });
  });
}

class Primary {
  readonly #config: Config;
  readonly #logger: Logger;
  readonly #members = new Set<Member>();
  readonly #timers = new Set<NodeJS.Timeout>();
  /** What the bank knows the workers by. */
  readonly #bankSecret = randomBytes(24).toString('base64url');
  readonly #metrics = new WorkerMetrics();
  #embedded: Promise<EmbeddedPostgres> | null = null;
  #bank: Promise<BankProcess> | null = null;
  #hasStarted = false;
  #stopping = false;
  #soonDied = 0;
  #rolling: Promise<void> | null = null;
  #rollAgain = false;
  #failed = false;

  constructor(config: Config, logger: Logger) {
    this.#config = config;
    this.#logger = logger;
  }

  /**
   * Starts what all workers need, then the first one by itself, which brings the database up to date, then the others.
   * @returns where they listen; null: it was told to stop meanwhile
   * @throws StartError when one of them cannot start
   */
  async start(): Promise<string | null> {
    const { databaseUrl, dataDir, workers } = this.#config;
    if (databaseUrl === null)
      this.#embedded = startEmbeddedPostgres({ dataDir, log: (message) => this.#logger.info(message) });
    await this.#embedded;
    const first = await this.#startMember();
    const others = Array.from({ length: workers - 1 }, () => this.#startMember());
    const results = await Promise.allSettled(others);
    for (const result of results) if (result.status === 'rejected') throw result.reason;
    if (this.#stopping) return null;
    this.#hasStarted = true;
    this.#fill();
    return first?.url ?? null;
  }

  /** @throws SaidError or StartError when it ends before it serves */
  async #startMember(): Promise<Member | null> {
    if (this.#stopping) return null;
    const member = this.#fork();
    if (await member.ready) return member;
    if (this.#stopping) return null;
    throw member.end === 1
      ? new SaidError()
      : new StartError(`a worker ended before it listened (${member.end})`);
  }

  /** Ends everything: what workers have in flight is finished and committed before. @returns whether all of it was in order */
  async stop(signal: string): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#logger.info({ signal }, 'stopping');
    setTimeout(() => process.exit(1), STOP_LIMIT_MS).unref();
    process.exit((await this.end()) ? 0 : 1);
  }

  /** @returns whether all workers ended in order */
  async end(): Promise<boolean> {
    this.#stopping = true;
    for (const timer of this.#timers) clearTimeout(timer);
    const members = [...this.#members];
    const killing = setTimeout(() => {
      for (const { worker } of members) worker.process.kill('SIGKILL');
    }, STOP_WORKERS_LIMIT_MS);
    for (const { worker } of members) worker.process.kill('SIGTERM');
    await Promise.all(members.map(({ exited }) => exited));
    clearTimeout(killing);
    await this.#bank?.then((bank) => bank.stop()).catch(() => undefined);
    await this.#embedded?.then((embedded) => embedded.stop()).catch(() => undefined);
    return !this.#failed && members.every(({ endedInOrder }) => endedInOrder);
  }

  /** Replaces every worker by a new one, which reads the files of the secrets anew. Asked for meanwhile, it is done once more. */
  replaceAll(): void {
    if (!this.#hasStarted || this.#stopping) return;
    if (this.#rolling !== null) {
      this.#rollAgain = true;
      return;
    }
    this.#rolling = this.#roll()
      .catch((error: unknown) => this.#logger.error({ err: error }, 'the workers were not replaced'))
      .finally(() => {
        this.#rolling = null;
        const again = this.#rollAgain;
        this.#rollAgain = false;
        if (again) this.replaceAll();
      });
  }

  async #roll(): Promise<void> {
    this.#logger.info('replacing the workers');
    const old = [...this.#members].filter(({ state }) => state === 'serving' || state === 'starting');
    for (const member of old) {
      if (this.#stopping) return;
      if (member.state === 'ended') continue;
      const successor = this.#fork();
      if (!(await successor.ready)) {
        if (!this.#stopping)
          this.#logger.error('a new worker did not start; those that are left of the old ones stay');
        return;
      }
      await this.#retire(member);
    }
    this.#logger.info('the workers were replaced');
  }

  async #retire(member: Member): Promise<void> {
    if (member.state !== 'ended') member.state = 'leaving';
    member.tell({ kind: 'leave' });
    const killing = setTimeout(() => member.worker.process.kill('SIGKILL'), LEAVE_LIMIT_MS);
    await member.exited;
    clearTimeout(killing);
  }

  #fork(): Member {
    const member = new Member(cluster.fork());
    this.#members.add(member);
    member.worker.on('message', (message: ToPrimary) => this.#hear(member, message));
    void member.exited.then(() => this.#ended(member));
    return member;
  }

  #ended(member: Member): void {
    this.#members.delete(member);
    const { end, metrics, isFinal, worker } = member;
    this.#metrics.keep(metrics);
    const wasTold = isFinal && end === 0;
    if (this.#stopping) {
      this.#failed ||= !member.endedInOrder;
      return;
    }
    if (!wasTold) {
      this.#metrics.died();
      if (this.#hasStarted) this.#logger.error({ worker: worker.process.pid, end }, 'a worker died');
    }
    this.#soonDied = performance.now() - member.startedAt < STABLE_MS && !wasTold ? this.#soonDied + 1 : 0;
    if (this.#hasStarted) this.#fill();
  }

  /** Forks what is missing: at once after a first death, later after each one that follows soon. */
  #fill(): void {
    const living = [...this.#members].filter(({ state }) => state !== 'leaving' && state !== 'ended');
    for (let missing = this.#config.workers - living.length - this.#timers.size; missing > 0; missing -= 1) {
      const delay =
        this.#soonDied <= 1 ? 0 : Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (this.#soonDied - 2));
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        if (!this.#stopping) this.#fork();
      }, delay);
      this.#timers.add(timer);
    }
  }

  #hear(member: Member, message: ToPrimary): void {
    switch (message.kind) {
      case 'listening':
        member.listening(message.url);
        return;
      case 'snapshot':
        member.takeSnapshot(message.id, message.metrics);
        return;
      case 'question': {
        const { id, question } = message;
        this.#answer(question).then(
          (value) => member.tell({ kind: 'answer', id, value }),
          (error: unknown) =>
            member.tell({
              kind: 'failure',
              id,
              message: error instanceof Error ? error.message : String(error),
            }),
        );
      }
    }
  }

  async #startBank(databaseUrl: string): Promise<BankProcess> {
    const { startBank } = await import('../sandbox/bankProcess.ts');
    const onError = (message: string): void => this.#logger.warn(message);
    return startBank({ databaseUrl, secret: this.#bankSecret, onError });
  }

  async #answer(question: Question): Promise<unknown> {
    switch (question.what) {
      case 'surroundings':
        return { embeddedUrl: (await this.#embedded)?.url ?? null, bankSecret: this.#bankSecret };
      case 'bank':
        this.#bank ??= this.#startBank(question.databaseUrl);
        return (await this.#bank).url();
      case 'metrics': {
        const members = [...this.#members].filter(({ state }) => state !== 'starting');
        await Promise.all(members.map((member) => member.refresh()));
        const serving = members.filter(({ state }) => state === 'serving').length;
        return this.#metrics.render(
          // One that has ended meanwhile is among those that were kept.
          members.filter((member) => this.#members.has(member)).map(({ metrics }) => metrics),
          serving,
        );
      }
    }
  }
}

/** A worker could not start, and has said why. */
class SaidError extends Error {}

/** Runs the primary until a signal ends it. @throws StartError or EmbeddedPostgresError when nothing can be started */
export async function runPrimary(config: Config, logger: Logger): Promise<void> {
  // All listen on one socket. Node's round robin would lose the connections that were on their way to a worker that dies:
  // their clients would wait for ever. And a worker that has MAX_CONNECTIONS would have them handed on without end.
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  cluster.setupPrimary({ serialization: 'advanced' });
  const primary = new Primary(config, logger);
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => void primary.stop(signal));
  process.on('SIGHUP', () => primary.replaceAll());
  try {
    const url = await primary.start();
    if (url !== null) process.stdout.write(await greeting(config, url));
  } catch (error) {
    await primary.end();
    if (error instanceof SaidError) process.exit(1);
    throw error;
  }
}
