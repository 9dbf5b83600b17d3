/**
 * Webhooks run in a thread of their own, which this starts, tells what happens and listens to. An authorization's two
 * take three quarters of the time that it takes itself: in one thread, the next answers waited for them.
 *
 *   a commit ─► committed ─┐                                           ┌─► attempts, the backlog: metrics
 *   a route  ─► wake      ─┼─► the thread (webhookThread.ts): Webhooks ─┼─► wanted: whether commits matter
 *   the end  ─► stop      ─┘                                           └─► what goes wrong: the log
 */
import { Worker } from 'node:worker_threads';
import type { Mode } from '../app/config.ts';
import type { TracingSettings } from '../tracing/settings.ts';
import type { Backlog } from './endpointsSql.ts';
import type { WebhookObserver } from './webhooks.ts';

/** What the thread begins with. */
export interface ThreadData {
  readonly databaseUrl: string;
  readonly mode: Mode;
  readonly secretKey: string | null;
  readonly otherSecretKeys: readonly string[];
  /** Whether commits of other nodes wake this one. */
  readonly listening: boolean;
  /** Null: nothing is traced. */
  readonly tracing: TracingSettings | null;
}

export type ToThread =
  | { readonly kind: 'committed' | 'wake' | 'stop' }
  | { readonly kind: 'listening'; readonly works: boolean };

export type AttemptSeen = Parameters<WebhookObserver['webhookAttempt']>;

export type FromThread =
  | { readonly kind: 'wanted'; readonly wanted: boolean }
  | { readonly kind: 'attempts'; readonly attempts: readonly AttemptSeen[] }
  | { readonly kind: 'backlog'; readonly backlog: Backlog }
  | { readonly kind: 'disabled'; readonly count: number }
  | { readonly kind: 'error'; readonly error: SentError };

/** An error without what cannot be sent. */
export interface SentError {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  readonly code?: string;
}

export interface WebhookThreadOptions {
  readonly entry: URL;
  readonly data: Omit<ThreadData, 'listening'>;
  readonly observe: WebhookObserver;
  readonly onDisabled: (count: number) => void;
  readonly onError: (error: unknown) => void;
}

/** A thread that ended is begun again so much later: what it had begun is in the database. */
const RESTART_MS = 1_000;

export class WebhookThread {
  readonly #options: WebhookThreadOptions;
  #worker: Worker | null = null;
  #wanted = true;
  #listening = false;
  #restart: NodeJS.Timeout | undefined;
  #stopping: Promise<void> | null = null;

  constructor(options: WebhookThreadOptions) {
    this.#options = options;
  }

  start(): void {
    const { entry, data, onError } = this.#options;
    const worker = new Worker(entry, { workerData: { ...data, listening: this.#listening } });
    this.#worker = worker;
    this.#wanted = true;
    worker.on('message', (message: FromThread) => this.#hear(message));
    worker.on('error', onError);
    worker.on('exit', (code) => {
      this.#worker = null;
      if (this.#stopping !== null) return;
      onError(new Error(`the thread of webhooks ended with code ${code}`));
      this.#restart = setTimeout(() => this.start(), RESTART_MS).unref();
    });
  }

  /** Events were committed, by this node or by another one. */
  committed(): void {
    // Without any endpoint every commit is passed over, at no cost.
    if (this.#wanted) this.#tell({ kind: 'committed' });
  }

  /** Whether commits of other nodes wake this one. */
  feedListening(works: boolean): void {
    if (works === this.#listening) return;
    this.#listening = works;
    this.#tell({ kind: 'listening', works });
  }

  /** There may be something to do that no commit of the engine says: an endpoint, a resend, another time. */
  wake(): void {
    this.#tell({ kind: 'wake' });
  }

  /** Lets attempts that are under way end, within 5 s, and records them. May be called again. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  #stop(): Promise<void> {
    clearTimeout(this.#restart);
    const worker = this.#worker;
    if (worker === null) return Promise.resolve();
    const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
    this.#tell({ kind: 'stop' });
    return ended;
  }

  #tell(message: ToThread): void {
    this.#worker?.postMessage(message);
  }

  #hear(message: FromThread): void {
    const { observe, onDisabled, onError } = this.#options;
    switch (message.kind) {
      case 'wanted':
        this.#wanted = message.wanted;
        return;
      case 'attempts':
        for (const attempt of message.attempts) observe.webhookAttempt(...attempt);
        return;
      case 'backlog':
        observe.webhookBacklog(message.backlog);
        return;
      case 'disabled':
        onDisabled(message.count);
        return;
      case 'error':
        onError(Object.assign(new Error(message.error.message), message.error));
        return;
    }
  }
}
