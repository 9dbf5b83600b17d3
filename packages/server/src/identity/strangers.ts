/**
 * Callers who have not proved who they are: unknown API keys and cookies, and people who sign in. Each of their
 * questions costs the database something, so that there is a limit for each network of theirs, and one for all of
 * them together that leaves everybody else alone. All of it is in this node's memory: refusing costs no query.
 */
import { ApiError } from '../http/errors.ts';

export interface StrangerLimits {
  /** Of one network: so many at once after a quiet time, and so many a second from then on. */
  readonly burst: number;
  readonly perSecond: number;
  /** Of all networks, under way at the same time; and waiting. */
  readonly atOnce: number;
  readonly maxWaiting: number;
}

/** What each of so many workers allows, so that it is no more in all: whoever has several connections meets several. */
export function dividedBy(workers: number, limits: StrangerLimits): StrangerLimits {
  const part = (whole: number): number => Math.ceil(whole / workers);
  const { burst, perSecond, atOnce, maxWaiting } = limits;
  return {
    ...{ burst: part(burst), perSecond: perSecond / workers },
    ...{ atOnce: part(atOnce), maxWaiting: part(maxWaiting) },
  };
}

/** A bound on memory. Whoever has more networks than this finds each of them at rest. */
const MAX_NETWORKS = 10_000;

interface Bucket {
  left: number;
  at: number;
}

export class Strangers {
  readonly #limits: StrangerLimits;
  readonly #buckets = new Map<string, Bucket>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(limits: StrangerLimits) {
    this.#limits = limits;
  }

  /** Counts one question of this network. @throws ApiError 429 */
  admit(network: string): void {
    const { burst, perSecond } = this.#limits;
    const now = performance.now();
    const bucket = this.#buckets.get(network) ?? { left: burst, at: now };
    bucket.left = Math.min(burst, bucket.left + ((now - bucket.at) / 1_000) * perSecond);
    bucket.at = now;
    // The one that was used longest ago is first.
    this.#buckets.delete(network);
    this.#buckets.set(network, bucket);
    if (this.#buckets.size > MAX_NETWORKS) this.#forgetOldest();
    if (bucket.left < 1) throw tooManyStrangers(Math.ceil((1 - bucket.left) / perSecond));
    bucket.left -= 1;
  }

  /** Asks the database something for a stranger, a few of whom have their turn at once. @throws ApiError 429 */
  async ask<T>(network: string, question: () => Promise<T>): Promise<T> {
    this.admit(network);
    if (this.#running >= this.#limits.atOnce) {
      if (this.#waiting.length >= this.#limits.maxWaiting) throw tooManyStrangers(1);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else this.#running += 1;
    try {
      return await question();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }

  #forgetOldest(): void {
    const [oldest] = this.#buckets.keys();
    if (oldest !== undefined) this.#buckets.delete(oldest);
  }
}

function tooManyStrangers(seconds: number): ApiError {
  const message = 'too many requests from this address without a valid API key or session; retry later';
  return new ApiError('rate_limited', message, [], { 'retry-after': String(Math.max(1, seconds)) });
}
