/** Counts work that has begun and not ended, and lets others wait for its end. A Set of it would be a trap: see `FairQueue`. */
export class Underway {
  #count = 0;
  #onIdle: (() => void)[] = [];

  /** Follows work until it has ended, however it ends. */
  track(work: Promise<unknown>): void {
    this.#count += 1;
    const end = (): void => {
      this.#count -= 1;
      if (this.#count > 0) return;
      for (const tell of this.#onIdle) tell();
      this.#onIdle = [];
    };
    void work.finally(end);
  }

  /** Resolves once nothing is under way. */
  idle(): Promise<void> {
    if (this.#count === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }
}
