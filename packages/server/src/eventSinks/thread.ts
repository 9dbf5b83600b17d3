/**
 * Events are published by a thread of their own, which this starts, tells of commits and listens to: what reading,
 * rendering and sending them costs takes no time of payments' thread, and a failure there ends that thread only.
 */
import { Worker } from 'node:worker_threads';
import type { SentError } from '../webhooks/thread.ts';
import type { SinkSettings } from './broker.ts';
import type { SinkObserver } from './eventSink.ts';

/** What the thread begins with. */
export interface SinkThreadData {
  readonly databaseUrl: string;
  readonly settings: SinkSettings;
}

export interface ToSinkThread {
  readonly kind: 'committed' | 'stop';
}

export type FromSinkThread =
  | { readonly kind: 'lag'; readonly seconds: number }
  | { readonly kind: 'published'; readonly count: number }
  | { readonly kind: 'failed' }
  | { readonly kind: 'active'; readonly active: boolean }
  | { readonly kind: 'error'; readonly error: SentError };

export interface SinkThreadOptions {
  readonly entry: URL;
  readonly data: SinkThreadData;
  readonly observe: SinkObserver;
  readonly onError: (error: unknown) => void;
}

/** A thread that ended is begun again so much later. */
const RESTART_MS = 1_000;
/** Of a stop's 10 s: a broker that hangs is not waited for. */
const STOP_LIMIT_MS = 6_000;

export class SinkThread {
  readonly #options: SinkThreadOptions;
  #worker: Worker | null = null;
  #restart: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: SinkThreadOptions) {
    this.#options = options;
  }

  start(): void {
    const { entry, data, onError } = this.#options;
    const worker = new Worker(entry, { workerData: data });
    this.#worker = worker;
    worker.on('message', (message: FromSinkThread) => this.#hear(message));
    worker.on('error', onError);
    worker.on('exit', (code) => {
      this.#worker = null;
      if (this.#stopped) return;
      onError(new Error(`the thread that publishes events ended with code ${code}`));
      this.#restart = setTimeout(() => this.start(), RESTART_MS).unref();
    });
  }

  /** Events were committed, by this node or by another one. */
  committed(): void {
    this.#worker?.postMessage({ kind: 'committed' } satisfies ToSinkThread);
  }

  /** Lets what is under way end, and leaves the turn to another node. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#restart);
    const worker = this.#worker;
    if (worker === null) return;
    const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
    worker.postMessage({ kind: 'stop' } satisfies ToSinkThread);
    const limit = setTimeout(() => void worker.terminate(), STOP_LIMIT_MS);
    await ended;
    clearTimeout(limit);
  }

  #hear(message: FromSinkThread): void {
    const { observe, onError } = this.#options;
    switch (message.kind) {
      case 'lag':
        observe.sinkLag(message.seconds);
        return;
      case 'published':
        observe.sinkPublished(message.count);
        return;
      case 'failed':
        observe.sinkFailed();
        return;
      case 'active':
        observe.sinkActive(message.active);
        return;
      case 'error':
        onError(Object.assign(new Error(message.error.message), message.error));
        return;
    }
  }
}
