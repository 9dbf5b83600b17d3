/**
 * Counts the pairs of phone number and IIN that merchants and addresses get wrong, beside the requests: a right pair
 * costs two numbers in memory, a wrong one is written soon after, and what is locked is known here at once. Another
 * node, or this one after a restart, learns of a lock with the first pair that it hears is wrong.
 */

import { inTransaction, type Pool } from '../postgres/pool.ts';
import { type Asked, type CallerLock, countAsked } from './wrongIinsSql.ts';

/** A bound on memory: beyond it, the shares of wrong pairs begin anew. */
const MAX_CALLERS = 10_000;

type Caller = Pick<Asked, 'kind' | 'subject'>;

export class GuessCounter {
  readonly #pool: Pool;
  readonly #onError: (error: unknown) => void;
  #asked = new Map<string, Caller & { wrong: number; asked: number }>();
  #locks = new Map<string, number>();
  #writing: Promise<void> | null = null;
  #hasWrong = false;

  constructor(pool: Pool, onError: (error: unknown) => void) {
    this.#pool = pool;
    this.#onError = onError;
  }

  /** Whether every pair of this merchant, or from this network, is taken for a wrong one now. */
  isLocked(merchantId: string, network: string): boolean {
    if (this.#locks.size === 0) return false;
    const now = performance.now();
    return callersOf(merchantId, network).some((caller) => (this.#locks.get(nameOf(caller)) ?? 0) > now);
  }

  /** Counts one pair. */
  count(merchantId: string, network: string, isWrong: boolean): void {
    if (this.#asked.size >= MAX_CALLERS) this.#asked.clear();
    for (const caller of callersOf(merchantId, network)) {
      const name = nameOf(caller);
      const counted = this.#asked.get(name) ?? { ...caller, wrong: 0, asked: 0 };
      counted.asked += 1;
      if (isWrong) counted.wrong += 1;
      this.#asked.set(name, counted);
    }
    if (!isWrong) return;
    this.#hasWrong = true;
    this.#writing ??= this.#write().finally(() => {
      this.#writing = null;
    });
  }

  /** The sandbox was reset. */
  forget(): void {
    this.#asked.clear();
    this.#locks = new Map();
  }

  /** Waits for what is being written. */
  async stop(): Promise<void> {
    await this.#writing;
  }

  /** Writes until no wrong pair is left: those of one turn together. */
  async #write(): Promise<void> {
    while (this.#hasWrong) {
      this.#hasWrong = false;
      const wrong = [...this.#asked.values()].filter((caller) => caller.wrong > 0);
      for (const caller of wrong) this.#asked.delete(nameOf(caller));
      const locks = this.#locks;
      try {
        hear(locks, await inTransaction(this.#pool, (db) => countAsked(db, wrong)));
      } catch (error) {
        this.#onError(error);
      }
    }
  }
}

/** @param locks those that there were when the counts were begun: a reset in between has forgotten both */
function hear(locks: Map<string, number>, counted: readonly CallerLock[]): void {
  const now = performance.now();
  for (const [name, until] of locks) if (until <= now) locks.delete(name);
  for (const lock of counted) locks.set(nameOf(lock), now + lock.ms);
}

function callersOf(merchantId: string, network: string): Caller[] {
  return [
    { kind: 'merchant', subject: merchantId },
    { kind: 'address', subject: network },
  ];
}

function nameOf({ kind, subject }: Caller): string {
  return `${kind} ${subject}`;
}
