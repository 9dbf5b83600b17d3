/** Pages of statements: lines newest first, each with the balance after it, between an opening and a closing balance. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Deps } from '../app/deps.ts';
import { type Parsed, parsed } from '../core/values/parse.ts';
import { iso, parseTime } from '../core/values/time.ts';
import { type Page, type PageQuery, readPage } from '../http/page.ts';
import { invalidFields, valuesOf } from '../http/parseFields.ts';
import { readRecent } from '../http/recentRead.ts';
import type { Pool } from '../postgres/pool.ts';
import {
  type OpenHold,
  type Period,
  readStatement,
  type Statement,
  type StatementLine,
  type StatementPosition,
} from './statementsSql.ts';

/** As a request has it. */
export interface StatementQuery extends PageQuery {
  readonly from?: string;
  readonly to?: string;
}

export interface StatementPage<Entry> extends Page<Entry> {
  readonly openingBalance: bigint;
  readonly closingBalance: bigint;
}

/**
 * One page of an account's statement.
 * @returns null when there was no such account in the period: a standby may not know it yet
 * @throws ApiError 400 naming every parameter that is wrong
 */
export async function readStatementPage<Entry>(
  deps: Deps,
  request: FastifyRequest,
  reply: FastifyReply,
  accountId: string,
  query: StatementQuery,
  view: (line: StatementLine) => Entry,
): Promise<StatementPage<Entry> | null> {
  const period = periodOf(query);
  let statement: Statement | null = null;
  const load = async (cursor: string | null, limit: number): Promise<readonly StatementLine[]> => {
    const read = (pool: Pool): Promise<Statement | null> =>
      readStatement(pool, accountId, period, positionIn(cursor), limit);
    // Only of a time that is over: what is there now is money.
    statement =
      period.to === null
        ? await read(deps.pool)
        : await readRecent(deps, request, reply, { kind: 'figures', after: period.to }, read);
    return statement?.lines ?? [];
  };
  // A cursor is of one period: in another one its page would begin in the middle.
  const list = `statement ${accountId} ${period.from} ${period.to}`;
  const { items, nextCursor } = await readPage(deps, list, query, load, sealPosition);
  return statement === null ? null : pageOf(statement, items.map(view), nextCursor);
}

function pageOf<Entry>(
  { opening, closing }: Statement,
  items: readonly Entry[],
  nextCursor: string | null,
): StatementPage<Entry> {
  return { items, nextCursor, openingBalance: opening, closingBalance: closing };
}

/** The statement of an account that nothing has moved on yet. */
export const EMPTY_STATEMENT: StatementPage<never> = {
  items: [],
  nextCursor: null,
  openingBalance: 0n,
  closingBalance: 0n,
};

/** @throws ApiError 400 naming every parameter that is wrong */
export function periodOf(query: StatementQuery): Period {
  const period = valuesOf({ from: timeFilter(query.from), to: timeFilter(query.to) });
  if (period.from !== null && period.to !== null && period.from >= period.to)
    throw invalidFields([{ path: 'to', message: 'must be after from' }]);
  return period;
}

function timeFilter(text: string | undefined): Parsed<number | null> {
  return text === undefined ? parsed(null) : parseTime(text);
}

/** As text for a cursor, which is signed: it comes back as it was. */
function sealPosition({ at, number }: StatementPosition): string {
  return `${at} ${number}`;
}

function positionIn(cursor: string | null): StatementPosition | null {
  if (cursor === null) return null;
  const [at, number = ''] = cursor.split(' ');
  return { at: Number(at), number: BigInt(number) };
}

export function walletEntryView(line: StatementLine) {
  return { ...entryView(line), merchantId: line.merchantId };
}

export function merchantEntryView(line: StatementLine, currency: string) {
  return { ...entryView(line), currency };
}

function entryView({ operationId, code, change, balance, reference, at }: StatementLine) {
  const amount = change < 0n ? -change : change;
  return { operationId, code, amount, change, balance, reference, at: iso(at) };
}

export function holdView({ expiresAt, ...hold }: OpenHold) {
  return { ...hold, expiresAt: iso(expiresAt) };
}
