/**
 * What a worker and the primary of its node say to each other, over the channel that `node:cluster` opens. The worker asks,
 * and is answered; the primary asks for the metrics only, and tells a worker to leave.
 *
 *   worker ──surroundings, bank, metrics──► primary        primary ──snapshot, leave──► worker
 *          ──listening, snapshot─────────►
 */
import cluster from 'node:cluster';
import type { MetricsSnapshot } from '../http/metrics.ts';
import type { LaunchBank } from '../sandbox/bankProcess.ts';

/** What a worker has in common with the others of its node. */
export interface Surroundings {
  /** The embedded PostgreSQL; null where DATABASE_URL is set. */
  readonly embeddedUrl: string | null;
  /** What the sandbox's bank asks of the workers. */
  readonly bankSecret: string;
  /** The metrics of all workers as one page. */
  renderMetrics(): Promise<string>;
}

export type Question =
  | { readonly what: 'surroundings' }
  /** Starts the simulated bank, once for all, on this database. */
  | { readonly what: 'bank'; readonly databaseUrl: string }
  | { readonly what: 'metrics' };

/** What each question is answered with. */
export interface Answers {
  readonly surroundings: Pick<Surroundings, 'embeddedUrl' | 'bankSecret'>;
  readonly bank: string;
  readonly metrics: string;
}

export type ToPrimary =
  | { readonly kind: 'question'; readonly id: number; readonly question: Question }
  | { readonly kind: 'listening'; readonly url: string }
  /** @property id of the request for it; null: the last one, of a worker that ends */
  | { readonly kind: 'snapshot'; readonly id: number | null; readonly metrics: MetricsSnapshot };

export type ToWorker =
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'failure'; readonly id: number; readonly message: string }
  | { readonly kind: 'snapshot'; readonly id: number }
  | { readonly kind: 'leave' };

export interface ChannelOptions {
  snapshot(): Promise<MetricsSnapshot>;
  /** The worker is to finish what it has, and to end: another one has taken its place. */
  onLeave(): void;
  /** The primary is gone. */
  onGone(): void;
}

/** A worker's end of the channel. */
export class WorkerChannel {
  readonly #options: ChannelOptions;
  readonly #asked = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #lastId = 0;

  constructor(options: ChannelOptions) {
    this.#options = options;
    process.on('message', (message: ToWorker) => this.#hear(message));
    // Heard here, before Node ends a worker whose primary is gone.
    cluster.worker?.once('disconnect', () => {
      for (const { reject } of this.#asked.values()) reject(new Error('the primary is gone'));
      options.onGone();
    });
  }

  /** @throws Error with the primary's words when it cannot answer */
  ask<What extends Question['what']>(question: Question & { what: What }): Promise<Answers[What]> {
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      this.#asked.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.tell({ kind: 'question', id, question });
    });
  }

  tell(message: ToPrimary): void {
    // Nobody hears it any more when the primary is gone, which the worker is told.
    process.send?.(message, undefined, undefined, () => undefined);
  }

  /** What is counted until now goes on counting after the worker has ended. */
  async tellLast(): Promise<void> {
    const message: ToPrimary = { kind: 'snapshot', id: null, metrics: await this.#options.snapshot() };
    await new Promise<void>((resolve) => {
      if (process.send === undefined || !process.connected) resolve();
      else process.send(message, undefined, undefined, () => resolve());
    });
  }

  /** The bank of the node, which the first worker that needs it has the primary start. */
  readonly launchBank: LaunchBank = async ({ databaseUrl }) => {
    const url = await this.ask({ what: 'bank', databaseUrl });
    return { url: () => url, stop: async () => undefined };
  };

  #hear(message: ToWorker): void {
    switch (message.kind) {
      case 'answer':
        this.#take(message.id)?.resolve(message.value);
        return;
      case 'failure':
        this.#take(message.id)?.reject(new Error(message.message));
        return;
      case 'snapshot':
        void this.#options
          .snapshot()
          .then((metrics) => this.tell({ kind: 'snapshot', id: message.id, metrics }))
          // Of a start that has failed, which says so itself.
          .catch(() => undefined);
        return;
      case 'leave':
        this.#options.onLeave();
    }
  }

  #take(id: number): { resolve(value: unknown): void; reject(error: Error): void } | undefined {
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    return asked;
  }
}
