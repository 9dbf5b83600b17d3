/** What full batches took longer ago says nothing any more. */
const LIFE_MS = 5_000;
/** What one slow batch says at most of those that follow: a database that stood still is as fast as before afterwards. */
const MAX_MS = 1_000;
/** How much the last one counts: the average is of the last ten or so. */
const WEIGHT = 0.1;

/** How long full batches have taken lately. All times are milliseconds; `now` is by a clock that never goes back. */
export class BatchTimes {
  #usual = 0;
  #notedAt = Number.NEGATIVE_INFINITY;

  note(took: number, now: number): void {
    const noted = Math.min(took, MAX_MS);
    const before = this.usual(now);
    this.#usual = before === null ? noted : (1 - WEIGHT) * before + WEIGHT * noted;
    this.#notedAt = now;
  }

  /** Null: there was none lately. */
  usual(now: number): number | null {
    return now - this.#notedAt > LIFE_MS ? null : this.#usual;
  }
}
