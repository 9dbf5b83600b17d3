/** Remembers answers for a moment: a page that many people keep open is computed once, not once for each. */
const MAX_ENTRIES = 1_000;

export class Recent<T> {
  readonly #forMs: number;
  readonly #entries = new Map<string, { readonly value: Promise<T>; readonly until: number }>();

  constructor(forMs: number) {
    this.#forMs = forMs;
  }

  /**
   * What was computed under this name a moment ago, or is being computed now; else `compute`'s result. What takes
   * long is remembered ten times as long, so that it never takes more than a tenth of the database's time.
   */
  get(name: string, compute: () => Promise<T>): Promise<T> {
    const now = performance.now();
    const known = this.#entries.get(name);
    if (known !== undefined && known.until > now) return known.value;
    if (this.#entries.size >= MAX_ENTRIES) this.#entries.clear();
    const value = compute();
    this.#entries.set(name, { value, until: Number.POSITIVE_INFINITY });
    value.then(
      () => {
        const tookMs = performance.now() - now;
        this.#entries.set(name, { value, until: performance.now() + Math.max(this.#forMs, 10 * tookMs) });
      },
      () => this.#entries.delete(name),
    );
    return value;
  }
}
