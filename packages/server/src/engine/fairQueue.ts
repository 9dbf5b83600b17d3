/**
 * A queue whose takers serve its owners in turn: one item of each, again and again. Whoever puts in thousands waits
 * behind their own; with a single owner it is first in, first out.
 */
export class FairQueue<T> {
  readonly #ownerOf: (item: T) => string;
  /** Only owners that have something waiting, in the order of their turns. */
  readonly #lines = new Map<string, Line<T>>();
  #size = 0;

  constructor(ownerOf: (item: T) => string) {
    this.#ownerOf = ownerOf;
  }

  get size(): number {
    return this.#size;
  }

  /** How many of an owner's items are waiting. */
  sizeOf(owner: string): number {
    const line = this.#lines.get(owner);
    return line === undefined ? 0 : line.items.length - line.taken;
  }

  push(item: T): void {
    const owner = this.#ownerOf(item);
    const line = this.#lines.get(owner);
    if (line === undefined) this.#lines.set(owner, { items: [item], taken: 0 });
    else line.items.push(item);
    this.#size += 1;
  }

  /** What would be taken next; undefined: nothing is waiting. */
  peek(): T | undefined {
    const [line] = this.#lines.values();
    return line?.items[line.taken];
  }

  /** Takes up to so many, one of each owner in turn. */
  take(max: number): T[] {
    const taken: T[] = [];
    while (taken.length < max && this.#size > 0) {
      const [first] = this.#lines;
      if (first === undefined) break;
      const [owner, line] = first;
      // Alone, it need not be asked again for each.
      const count = this.#lines.size === 1 ? Math.min(max - taken.length, this.#size) : 1;
      taken.push(...line.items.slice(line.taken, line.taken + count));
      line.taken += count;
      this.#size -= count;
      this.#lines.delete(owner);
      if (line.taken < line.items.length) this.#lines.set(owner, shortened(line));
    }
    return taken;
  }

  some(test: (item: T) => boolean): boolean {
    return [...this.#lines.values()].some(({ items, taken }) => items.slice(taken).some(test));
  }

  /** Leaves out what does not pass the test. */
  keep(test: (item: T) => boolean): void {
    for (const [owner, { items, taken }] of [...this.#lines]) {
      const kept = items.slice(taken).filter(test);
      this.#size -= items.length - taken - kept.length;
      if (kept.length === 0) this.#lines.delete(owner);
      else this.#lines.set(owner, { items: kept, taken: 0 });
    }
  }
}

/** What one owner has waiting: those before `taken` are gone. */
interface Line<T> {
  readonly items: T[];
  taken: number;
}

/** Items that are gone are let go of when they are most of the line, so that taking one costs the same always. */
const SHORTEN_FROM = 1_024;

function shortened<T>(line: Line<T>): Line<T> {
  if (line.taken < SHORTEN_FROM || 2 * line.taken < line.items.length) return line;
  return { items: line.items.slice(line.taken), taken: 0 };
}
