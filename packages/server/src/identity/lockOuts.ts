import { tooManySignIns } from '../http/errors.ts';
import type { AttemptLock, AttemptSubject } from './sessionsSql.ts';

/** So long a lock-out is believed without asking: another node, or the right password, may have lifted it. */
const BELIEVED_MS = 1_000;
const MAX_REMEMBERED = 10_000;

/** Lock-outs that this node has heard of a moment ago: whoever is locked out costs no query. */
export class LockOuts {
  readonly #locks = new Map<string, { readonly until: number; readonly believedUntil: number }>();

  /** @throws ApiError 429 */
  requireNone(subjects: readonly AttemptSubject[]): void {
    const now = performance.now();
    for (const { subject } of subjects) {
      const lock = this.#locks.get(subject);
      if (lock === undefined) continue;
      if (lock.believedUntil > now) throw tooManySignIns(Math.ceil((lock.until - now) / 1_000));
      this.#locks.delete(subject);
    }
  }

  /** @throws ApiError 429 when there is a lock */
  hear(locks: readonly AttemptLock[]): void {
    if (locks.length === 0) return;
    const now = performance.now();
    for (const { subject, ms } of locks) {
      if (this.#locks.size >= MAX_REMEMBERED) this.#locks.clear();
      this.#locks.set(subject, { until: now + ms, believedUntil: now + Math.min(ms, BELIEVED_MS) });
    }
    throw tooManySignIns(Math.ceil(Math.max(...locks.map(({ ms }) => ms)) / 1_000));
  }

  /** An attempt succeeded. */
  forget(subjects: readonly AttemptSubject[]): void {
    for (const { subject } of subjects) this.#locks.delete(subject);
  }
}
