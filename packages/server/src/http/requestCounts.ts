/** How many requests each merchant has sent in the second that is running, for `@fastify/rate-limit`. */
import type { FastifyRateLimitStore } from '@fastify/rate-limit';

/** Merchants that are remembered; those that came first are forgotten first. */
const MAX_KEYS = 10_000;

/**
 * Each request hears its own number. (The plugin's own store tells all requests of a moment the number of the last:
 * thirty that came together were all refused where five were allowed.)
 */
export class RequestCounts implements FastifyRateLimitStore {
  readonly #windows = new Map<string, { readonly startedAt: number; count: number }>();

  incr(
    key: string,
    tell: (error: Error | null, result?: { current: number; ttl: number }) => void,
    windowMs = 1_000,
  ): void {
    const now = performance.now();
    let window = this.#windows.get(key);
    if (window === undefined || now - window.startedAt >= windowMs) {
      window = { startedAt: now, count: 0 };
      this.#windows.delete(key);
      this.#windows.set(key, window);
      if (this.#windows.size > MAX_KEYS) this.#forgetOldest();
    }
    window.count += 1;
    tell(null, { current: window.count, ttl: Math.ceil(windowMs - (now - window.startedAt)) });
  }

  /** All routes count together. */
  child(): this {
    return this;
  }

  #forgetOldest(): void {
    const [oldest] = this.#windows.keys();
    if (oldest !== undefined) this.#windows.delete(oldest);
  }
}
