import type { Deps } from '../app/deps.ts';
import { openCursor, sealCursor } from './cursor.ts';
import { valuesOf } from './parseFields.ts';

/** The query parameters of every list. */
export interface PageQuery {
  readonly limit?: number;
  readonly cursor?: string;
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
}

const DEFAULT_LIMIT = 20;

/**
 * One page of a list, by keyset: one row more than the page is loaded, to know whether another follows.
 * @param list names the list and its owner: a cursor of another one is refused
 * @throws ApiError 400 when the cursor is not of this list
 */
export async function readPage<T>(
  deps: Deps,
  list: string,
  query: PageQuery,
  load: (after: string | null, limit: number) => Promise<readonly T[]>,
  positionOf: (item: T) => string,
): Promise<Page<T>> {
  const { limit = DEFAULT_LIMIT, cursor } = query;
  const after =
    cursor === undefined ? null : valuesOf({ cursor: openCursor(deps.secrets, list, cursor) }).cursor;
  const rows = await load(after, limit + 1);
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  const more = rows.length > limit && last !== undefined;
  return { items, nextCursor: more ? sealCursor(deps.secrets, list, positionOf(last)) : null };
}

/** A list that is always short enough for one page. */
export function wholePage<T>(items: readonly T[]): Page<T> {
  return { items, nextCursor: null };
}
