/**
 * A queue whose takers serve its owners in turn: one item of each, again and again. Whoever puts in thousands waits
 * behind their own; with a single owner it is first in, first out.
 *
 * Lines come and go thousands of times a second, so none is ever deleted from a Map. V8 makes a new table for a Map when enough
 * of it was deleted, and the old one, garbage with all that it held, points to the new one: once one of them is in the old
 * generation, each collection finds all that has waited since alive, and copies it (measured: 4 KB a payment).
 */
export class FairQueue<T> {
  readonly #ownerOf: (item: T) => string;
  /** Of owners that have something waiting, and of some that had. */
  #lines = new Map<string, Line<T>>();
  /** Those in which something is waiting, in the order of their turns. */
  #turns: Line<T>[] = [];
  #size = 0;

  constructor(ownerOf: (item: T) => string) {
    this.#ownerOf = ownerOf;
  }

  get size(): number {
    return this.#size;
  }

  /** How many of an owner's items are waiting. */
  sizeOf(owner: string): number {
    return this.#lines.get(owner)?.items.length ?? 0;
  }

  push(item: T): void {
    const line = this.#lineOf(this.#ownerOf(item));
    if (line.items.length === 0) this.#turns.push(line);
    line.items.push(item);
    this.#size += 1;
  }

  #lineOf(owner: string): Line<T> {
    let line = this.#lines.get(owner);
    if (line !== undefined) return line;
    if (this.#lines.size >= MAX_LINES)
      this.#lines = new Map([...this.#lines].filter(([, { items }]) => items.length > 0));
    line = { items: [] };
    this.#lines.set(owner, line);
    return line;
  }

  /** What would be taken next; undefined: nothing is waiting. */
  peek(): T | undefined {
    return this.#turns[0]?.items[0];
  }

  /** Takes up to so many, one of each owner in turn. */
  take(max: number): T[] {
    const taken: T[] = [];
    while (taken.length < max) {
      const line = this.#turns.shift();
      if (line === undefined) break;
      // Alone, it need not be asked again for each.
      const count = this.#turns.length === 0 ? max - taken.length : 1;
      taken.push(...line.items.splice(0, count));
      if (line.items.length > 0) this.#turns.push(line);
    }
    this.#size -= taken.length;
    return taken;
  }

  some(test: (item: T) => boolean): boolean {
    return this.#turns.some(({ items }) => items.some(test));
  }

  /** Leaves out what does not pass the test. */
  keep(test: (item: T) => boolean): void {
    for (const line of this.#turns) {
      const { length } = line.items;
      line.items = line.items.filter(test);
      this.#size -= length - line.items.length;
    }
    this.#turns = this.#turns.filter(({ items }) => items.length > 0);
  }
}

/** What one owner has waiting. */
interface Line<T> {
  items: T[];
}

/** More than so many are looked through for those in which nothing is waiting. */
const MAX_LINES = 10_000;
