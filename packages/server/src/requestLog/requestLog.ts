/**
 * Keeps what requests were, out of their way: adding one is a push to an array, a timer writes what is there.
 * What comes faster than it may be written is dropped, and counted: successes first, errors last.
 */

import type { Pool } from '../postgres/pool.ts';
import type { RequestLogEntry } from './loggedRequest.ts';
import { insertRequests } from './requestLogSql.ts';

/** 500 a second and node at most: 2 ms of PostgreSQL's time, and, if it is always so many, 8 GB a day. */
const FLUSH_MS = 500;
const MAX_BATCH = 250;
const MAX_QUEUE = 1_000;
const MAX_SUCCESSES = 750;

export interface RequestLogObserver {
  requestsNotLogged(count: number): void;
}

export class RequestLog {
  readonly #pool: Pool;
  readonly #observe: RequestLogObserver;
  readonly #onError: (error: unknown) => void;
  #queue: RequestLogEntry[] = [];
  #dropped = 0;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(pool: Pool, observe: RequestLogObserver, onError: (error: unknown) => void) {
    this.#pool = pool;
    this.#observe = observe;
    this.#onError = onError;
  }

  add(entry: RequestLogEntry): void {
    if (this.#queue.length < (entry.status < 400 ? MAX_SUCCESSES : MAX_QUEUE)) this.#queue.push(entry);
    else this.#dropped += 1;
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#writing = this.#writing.then(() => this.#flush());
    }, FLUSH_MS).unref();
  }

  /** Writes what is there. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#writing;
    while (this.#queue.length > 0) await this.#flush();
  }

  /** A batch that cannot be written is lost: the next request is worth more than the last one's line. */
  async #flush(): Promise<void> {
    if (this.#dropped > 0) this.#observe.requestsNotLogged(this.#dropped);
    this.#dropped = 0;
    const batch = this.#queue.slice(0, MAX_BATCH);
    this.#queue = this.#queue.slice(MAX_BATCH);
    if (batch.length === 0) return;
    await insertRequests(this.#pool, batch).catch((error: unknown) => {
      this.#dropped += batch.length;
      this.#onError(error);
    });
  }
}
