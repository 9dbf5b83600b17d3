export interface Page<T> {
  readonly items: readonly T[];
  /** Of the next page; null on the last one. */
  readonly nextCursor: string | null;
}

/**
 * A list, loaded page by page as it is read:
 *
 *   for await (const payment of plexy.wallet.list()) …
 *   const { items, nextCursor } = await plexy.wallet.list({ limit: 50 }).page();
 *
 * Pages of some lists say more than what they list, such as the balances of a statement.
 */
export class List<T, P extends Page<T> = Page<T>> implements AsyncIterable<T> {
  readonly #load: (cursor: string | undefined) => Promise<P>;
  readonly #start: string | undefined;

  /** @param start the cursor of the first page that is wanted */
  constructor(load: (cursor: string | undefined) => Promise<P>, start: string | undefined) {
    this.#load = load;
    this.#start = start;
  }

  /** The first page alone. */
  page(): Promise<P> {
    return this.#load(this.#start);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    let cursor = this.#start;
    do {
      const page = await this.#load(cursor);
      yield* page.items;
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
  }

  /** All items, or the first `limit` of them. */
  async toArray(limit: number = Number.POSITIVE_INFINITY): Promise<T[]> {
    const items: T[] = [];
    if (limit < 1) return items;
    for await (const item of this) {
      items.push(item);
      if (items.length >= limit) break;
    }
    return items;
  }
}
