/**
 * When each API key was used last, and from where: noted in memory, written now and then, so that a request pays an entry in
 * a map for it and no write.
 */
import type { Pool } from '../postgres/pool.ts';
import { recordKeyUses } from './apiKeysSql.ts';

const WRITE_EVERY_MS = 10_000;
/** Of one statement. */
const MAX_WRITTEN = 500;

export interface KeyUse {
  readonly id: string;
  /** In milliseconds. */
  readonly at: number;
  readonly address: string;
}

export class KeyUses {
  readonly #db: Pool;
  readonly #onError: (error: unknown) => void;
  /** Since they were written last. */
  #uses = new Map<string, KeyUse>();
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(db: Pool, onError: (error: unknown) => void) {
    this.#db = db;
    this.#onError = onError;
  }

  note(id: string, address: string): void {
    this.#uses.set(id, { id, at: Date.now(), address });
  }

  start(): void {
    this.#timer = setInterval(() => void this.write(), WRITE_EVERY_MS);
    this.#timer.unref();
  }

  /** Writes what was noted. What cannot be written is lost: the next use is noted again. */
  write(): Promise<void> {
    this.#writing = this.#writing.then(async () => {
      const uses = [...this.#uses.values()];
      this.#uses = new Map();
      try {
        for (let i = 0; i < uses.length; i += MAX_WRITTEN)
          await recordKeyUses(this.#db, uses.slice(i, i + MAX_WRITTEN));
      } catch (error) {
        this.#onError(error);
      }
    });
    return this.#writing;
  }

  /** Writes what is left. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.write();
  }
}
