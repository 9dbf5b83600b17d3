/** Lists of the deployed API: pages by number, `{data, page, size, total}`. */
import Type, { type Static } from 'typebox';
import { fieldError } from '../http/errors.ts';
import { exactJson } from '../http/exactJson.ts';
import { closed } from '../http/schemas.ts';

/** Counting, and passing over rows, ends here. */
export const MAX_TOTAL = 10_000;
const DEFAULT_SIZE = 50;

export const PageQuery = Type.Object(
  {
    page: Type.Optional(Type.Integer({ minimum: 1 })),
    size: Type.Optional(Type.Integer({ minimum: 1, maximum: 100 })),
  },
  closed,
);

/** The rows of a page, and how many there are in all. */
export interface Rows<Row> {
  readonly rows: readonly Row[];
  readonly total: number;
}

/** @throws ApiError 400 for a page beyond the last row that is counted */
export async function numberedPage<Row>(
  { page = 1, size = DEFAULT_SIZE }: Static<typeof PageQuery>,
  load: (limit: number, offset: number) => Promise<Rows<Row>>,
  view: (row: Row) => Record<string, unknown>,
): Promise<string> {
  const offset = (page - 1) * size;
  if (offset >= MAX_TOTAL)
    throw fieldError(
      'invalid_request',
      'page',
      `must be at most ${Math.ceil(MAX_TOTAL / size)} with this size`,
    );
  const { rows, total } = await load(size, offset);
  return exactJson({ data: rows.map(view), page, size, total: Math.min(total, MAX_TOTAL) });
}
