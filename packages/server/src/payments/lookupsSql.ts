/**
 * Lists of a merchant's transactions: newest first, by any mix of filters, in a time that does not grow
 * with how many transactions there are. PostgreSQL's choice between several indexes rests on statistics
 * over all merchants, and a wrong one reads a million rows, so the choice is made here:
 *
 *   a selective filter (reference, customer, store …)   up to 2,000 ids from its index; if that is all of
 *                                                       them, the rest of the filters is tried on these
 *   status, type, method or currency besides            the same with the kinds of transaction wanted
 *   these alone                                         the newest of each kind wanted
 *   more than 2,000 of one customer, store, link …      these, newest first, in the order of its index
 *   else                                                the newest, in the order of time, until enough match
 *
 * What remains slow is a list by filters that match many rows each, and hardly any together; and by an
 * amount that hardly any row has (an index on it would cost a fifth of the authorizations), though that
 * reads an index only. It ends after `TIME_LIMIT_MS`.
 */

import type { StatusFilter } from '../core/lifecycle.ts';
import {
  type BankOperation,
  type Millis,
  type Minor,
  type PendingOperation,
  pendingOperationOf,
  type Transaction,
} from '../core/transaction.ts';
import { CUSTOMER_ID, TRANSACTION_COLUMNS } from '../engine/batchSql.ts';
import { plainArray } from '../postgres/arrays.ts';
import { inTransaction, type Pool, type Queryable } from '../postgres/pool.ts';

/** What a list is narrowed by; null: not by this. Both ends of a range belong to it. */
export interface TransactionFilter {
  readonly status: StatusFilter | null;
  readonly type: Transaction['type'] | null;
  readonly paymentMethod: Transaction['paymentMethod'] | null;
  readonly currency: string | null;
  readonly orderReference: string | null;
  readonly amountFrom: Minor | null;
  readonly amountTo: Minor | null;
  readonly createdFrom: Millis | null;
  readonly createdTo: Millis | null;
  readonly storeId: string | null;
  readonly terminalId: string | null;
  readonly customerId: string | null;
  readonly parentTransactionId: string | null;
  readonly paymentLinkId: string | null;
  readonly failureCode: string | null;
  /** Holds that expire then or earlier. */
  readonly expiresTo: Millis | null;
  readonly text: SearchText | null;
  /** Only what waits for its bank. */
  readonly isPending: true | null;
}

/** Free text: the beginning of an order reference or description and, if it looks like it, more. */
export interface SearchText {
  readonly prefix: string;
  /** The text is a transaction's id. */
  readonly id: string | null;
  /** The text is four digits. */
  readonly last4: string | null;
}

export const NO_FILTER: TransactionFilter = {
  status: null,
  type: null,
  paymentMethod: null,
  currency: null,
  orderReference: null,
  amountFrom: null,
  amountTo: null,
  createdFrom: null,
  createdTo: null,
  storeId: null,
  terminalId: null,
  customerId: null,
  parentTransactionId: null,
  paymentLinkId: null,
  failureCode: null,
  expiresTo: null,
  text: null,
  isPending: null,
};

export interface TransactionPage {
  readonly merchantId: string;
  readonly filter: TransactionFilter;
  readonly limit: number;
  /** How many of the newest to pass over. */
  readonly offset: number;
  /** Only transactions older than this one (ids sort by time). */
  readonly before: string | null;
  /** Counts all that match, up to this and one more; null: does not. */
  readonly countTo: number | null;
}

/** A transaction with what is not its own. */
export type TransactionWithBalance = Transaction & {
  /** The merchant's: after the transaction's latest event if that posted to it, else now. */
  readonly balance: Minor;
  readonly pendingOperation: PendingOperation | null;
};

export interface TransactionRows {
  readonly rows: readonly TransactionWithBalance[];
  readonly total: number | null;
}

/** A statement that runs longer is ended by PostgreSQL (SQLSTATE 57014). */
export const TIME_LIMIT_MS = 2_000;

/** How many ids a selective filter may yield: look-ups of so many rows take 5 ms. */
const MAX_CANDIDATES = 2_000;

/**
 * An id is made by the clock of the node that takes the request, `created_at` by the database's, when the
 * engine decides. What lies between (both clocks' error, a queue, a retry) is less than this.
 */
export const CLOCK_SLACK_MS = 10 * 60_000;

/**
 * Index order only: a sort or a bitmap would read everything that matches. Without JIT, which costs 100 ms
 * where PostgreSQL before 18 takes a plan with a forbidden step to be an expensive one.
 */
const SETTINGS = `SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = ${TIME_LIMIT_MS};
  SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off; SET LOCAL jit = off`;

/** One page of a merchant's transactions, newest first, and how many there are, at one moment. */
export async function listTransactions(pool: Pool, page: TransactionPage): Promise<TransactionRows> {
  return inTransaction(pool, async (db) => {
    await db.query(SETTINGS);
    const search = await Search.begin(db, page);
    const rows = await search.rows();
    return { rows, total: page.countTo === null ? null : await search.count(page.countTo) };
  });
}

/** A merchant's transaction; null for any other id. */
export async function findTransactionOf(
  db: Queryable,
  merchantId: string,
  id: string,
): Promise<TransactionWithBalance | null> {
  const { rows } = await db.query<BalanceRow>({
    name: 'transaction_of',
    text: withBalance(`SELECT ${TRANSACTION_COLUMNS} FROM transaction WHERE id = $1 AND merchant_id = $2`),
    values: [id, merchantId],
  });
  const [row] = rows;
  return row === undefined ? null : withPending(row);
}

/** With the bank operation that the transaction waits for; all null when there is none. */
interface BalanceRow extends Transaction {
  readonly balance: Minor;
  readonly pendingKind: BankOperation['kind'] | null;
  readonly pendingAmount: Minor;
  readonly pendingSince: Millis;
  readonly pendingAttempts: number;
}

function withBalance(transactions: string): string {
  return `SELECT t.*, COALESCE(
      (SELECT e.balance FROM event e WHERE e.transaction_id = t.id AND e.seq = t."eventCount"),
      (SELECT a.balance FROM account a WHERE a.owner_id = t."merchantId" AND a.currency = t.currency AND a.kind = 'merchant'),
      0) AS balance, o.kind AS "pendingKind", o.amount AS "pendingAmount", o.requested_at AS "pendingSince",
      o.attempts AS "pendingAttempts"
    FROM (${transactions}) t
    LEFT JOIN LATERAL (SELECT * FROM bank_operation WHERE id = t."operationId" LIMIT 1) o ON true`;
}

function withPending(row: BalanceRow): TransactionWithBalance {
  const { pendingKind: kind, pendingAmount, pendingSince, pendingAttempts, ...transaction } = row;
  const parts = { amount: pendingAmount, requestedAt: pendingSince, attempts: pendingAttempts };
  return { ...transaction, pendingOperation: pendingOperationOf(kind === null ? null : { kind, ...parts }) };
}

/** All of these, of the merchant whose id is the first parameter. */
function all(...conditions: readonly (readonly string[])[]): string {
  return ['merchant_id = $1', ...conditions.flat()].join(' AND ');
}

type Bind = (value: unknown) => string;

/** Numbers the parameters of one statement. */
function parameters(): { values: unknown[]; bind: Bind } {
  const values: unknown[] = [];
  const bind = (value: unknown): string => `$${values.push(value)}`;
  return { values, bind };
}

/** A filter that has an index of its own. */
interface Selective {
  /** As a condition of any query. */
  readonly condition: (bind: Bind) => string;
  /** Where the rows are; a row may be in any of these. */
  readonly sources: readonly Source[];
  /** Rows that need not be looked for. */
  readonly ids: readonly string[];
}

type Source = Range | OtherTable;

/**
 * A range of an index on (merchant_id, `order`, id). A range even for one value: ordered by it, no other
 * index will do, whatever the statistics say.
 */
interface Range {
  readonly condition: (bind: Bind) => string;
  readonly order: string;
}

/** A range of one value: within it the index is in the order of ids. */
interface OneValue extends Range {
  readonly column: string;
  readonly value: string;
}

function isOneValue(source: Source): source is OneValue {
  return 'column' in source;
}

/** A query of ids in another table; it may yield ids of others. */
interface OtherTable {
  readonly query: (bind: Bind) => string;
}

const BYTEWISE = 'USING ~<~';

function rangeOf(column: string, value: string): OneValue {
  const condition = (bind: Bind): string => `${column} BETWEEN ${bind(value)} AND ${bind(value)}`;
  return { condition, order: column, column, value };
}

function equalTo(column: string, value: string | null): Selective[] {
  if (value === null) return [];
  const condition = (bind: Bind): string => `${column} = ${bind(value)}`;
  return [{ condition, sources: [rangeOf(column, value)], ids: [] }];
}

function orderReferenceIs(value: string | null): Selective[] {
  if (value === null) return [];
  const condition = (bind: Bind): string => `order_reference = ${bind(value)}`;
  const range = (bind: Bind): string =>
    `order_reference ~>=~ ${bind(value)} AND order_reference ~<=~ ${bind(value)}`;
  return [{ condition, sources: [{ condition: range, order: `order_reference ${BYTEWISE}` }], ids: [] }];
}

/** A payment by card and one from a wallet have its customer in a column, and an index, of their own. */
function customerIs(value: string | null): Selective[] {
  if (value === null) return [];
  const condition = (bind: Bind): string => `${CUSTOMER_ID} = ${bind(value)}`;
  const of = (column: string, method: Transaction['paymentMethod']): OneValue => {
    const { condition: range, ...rest } = rangeOf(column, value);
    return { ...rest, condition: (bind) => `${range(bind)} AND payment_method = '${method}'` };
  };
  return [{ condition, sources: [of('customer_id', 'card'), of('merchant_customer_id', 'wallet')], ids: [] }];
}

const DESCRIPTION = 'lower(left(description, 100))';

function matching(text: SearchText | null): Selective[] {
  if (text === null) return [];
  const { prefix, id, last4 } = text;
  const pattern = `${prefix.replace(/[\\%_]/g, '\\$&')}%`;
  const sources: Range[] = [
    { condition: (bind) => `order_reference LIKE ${bind(pattern)}`, order: `order_reference ${BYTEWISE}` },
    {
      condition: (bind) => `${DESCRIPTION} LIKE lower(${bind(pattern)})`,
      order: `${DESCRIPTION} ${BYTEWISE}`,
    },
  ];
  if (last4 !== null) sources.push(rangeOf('card_last4', last4));
  const condition = (bind: Bind): string => {
    const any = sources.map((source) => source.condition(bind));
    if (id !== null) any.push(`id = ${bind(id)}`);
    return `(${any.join(' OR ')})`;
  };
  return [{ condition, sources, ids: id === null ? [] : [id] }];
}

/** What the bank has not answered is in an index of what it is to be asked again, with that of other merchants. */
function pendingIs({ isPending }: TransactionFilter): Selective[] {
  if (isPending === null) return [];
  const query = (): string =>
    'SELECT transaction_id AS id FROM bank_operation WHERE next_attempt_at IS NOT NULL AND merchant_id = $1';
  return [{ condition: () => 'operation_id IS NOT NULL', sources: [{ query }], ids: [] }];
}

/** The filters that have an index each, the most selective first. */
function selectiveOf(filter: TransactionFilter): Selective[] {
  return [
    ...pendingIs(filter),
    ...equalTo('parent_transaction_id', filter.parentTransactionId),
    ...equalTo('payment_link_id', filter.paymentLinkId),
    ...orderReferenceIs(filter.orderReference),
    ...customerIs(filter.customerId),
    ...matching(filter.text),
    ...equalTo('terminal_id', filter.terminalId),
    ...equalTo('store_id', filter.storeId),
  ];
}

/** The filters of few values, which say what kind of transaction it is. */
function kindConditions(filter: TransactionFilter, bind: Bind): string[] {
  const { status, type, paymentMethod, currency } = filter;
  return [
    status === null ? [] : `status = ANY(${bind(plainArray(status.statuses))}::text[])`,
    type === null ? [] : `type = ${bind(type)}`,
    paymentMethod === null ? [] : `payment_method = ${bind(paymentMethod)}`,
    currency === null ? [] : `currency = ${bind(currency)}`,
  ].flat();
}

function amountConditions({ amountFrom, amountTo }: TransactionFilter, bind: Bind): string[] {
  const conditions = amountFrom === null ? [] : [`amount >= ${bind(amountFrom)}`];
  return amountTo === null ? conditions : [...conditions, `amount <= ${bind(amountTo)}`];
}

function expiredCondition({ status }: TransactionFilter, bind: Bind): string[] {
  if (status === null || status.expired === null) return [];
  return [
    `(status <> 'cancelled' OR (status_reason IS NOT DISTINCT FROM 'expired') = ${bind(status.expired)})`,
  ];
}

/** Without an index: they are asked for together with a status. */
function rowConditions({ failureCode, expiresTo }: TransactionFilter, bind: Bind): string[] {
  // Of what was captured, the reason says only why the rest was released.
  const conditions = failureCode === null ? [] : [`status_reason = ${bind(failureCode)} AND captured = 0`];
  if (expiresTo === null) return conditions;
  return [
    ...conditions,
    `expires_at <= ${bind(new Date(expiresTo))} AND status = 'authorized' AND capture_at IS NULL`,
  ];
}

/** Higher than that of any transaction. */
const HIGHEST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/** A UUIDv7 of this moment, all other bits the same. */
export function idAt(time: Millis, digit: '0' | 'f'): string {
  const hex = Math.min(Math.max(0, time), 2 ** 48 - 1)
    .toString(16)
    .padStart(12, '0');
  const rest = digit.repeat(4);
  return `${hex.slice(0, 8)}-${hex.slice(8)}-${rest}-${rest}-${rest.repeat(3)}`;
}

const KIND = ['currency', 'payment_method', 'type', 'status'];
/** Byte by byte, as the index has it: cheaper for every authorization. */
const KIND_ORDER = KIND.map((column) => `${column} COLLATE "C"`).join(', ');

/** Each kind of transaction that the merchant has: one look-up a kind, however many rows it has. */
export const KINDS = `WITH RECURSIVE kind AS (
    (SELECT ${KIND.join(', ')} FROM transaction WHERE merchant_id = $1 ORDER BY ${KIND_ORDER} LIMIT 1)
    UNION ALL
    SELECT next.* FROM kind k CROSS JOIN LATERAL (
      SELECT ${KIND.join(', ')} FROM transaction WHERE merchant_id = $1
        AND (${KIND_ORDER}) > (${KIND.map((column) => `k.${column}`).join(', ')})
      ORDER BY ${KIND_ORDER} LIMIT 1) next)`;

export const SAME_KIND = KIND.map((column) => `${column} COLLATE "C" = k.${column}`).join(' AND ');

/** The `most` newest ids of each kind that is wanted. */
function newestOfKinds(kinds: readonly string[], others: readonly string[], most: number): string {
  return `${KINDS} SELECT newest.id FROM kind k CROSS JOIN LATERAL (
      SELECT id FROM transaction WHERE ${all([SAME_KIND], others)} ORDER BY id DESC LIMIT ${most}) newest
    WHERE ${kinds.map((condition) => `k.${condition}`).join(' AND ')}`;
}

/** One search in one database transaction: which way to take is found out once. */
class Search {
  readonly #db: Queryable;
  readonly #page: TransactionPage;
  readonly #selective: readonly Selective[];
  /** The sandbox's test clock is ahead by this; ids are made by the real one. */
  readonly #clockOffsetMs: number;
  /** All rows that can match; null: too many to name them. */
  #candidates: readonly string[] | null = null;

  private constructor(db: Queryable, page: TransactionPage, clockOffsetMs: number) {
    this.#db = db;
    this.#page = page;
    this.#selective = selectiveOf(page.filter);
    this.#clockOffsetMs = clockOffsetMs;
  }

  static async begin(db: Queryable, page: TransactionPage): Promise<Search> {
    const search = new Search(db, page, page.filter.createdFrom === null ? 0 : await clockOffset(db));
    for (const selective of search.#selective) {
      search.#candidates = await search.#candidatesOf(selective);
      if (search.#candidates !== null) return search;
    }
    if (search.#selective.length > 0) search.#candidates = await search.#candidatesOfKinds();
    return search;
  }

  /** All ids of the kinds that are wanted; null when they are too many, or any kind will do. */
  async #candidatesOfKinds(): Promise<readonly string[] | null> {
    const { values, bind } = this.#parameters();
    const most = MAX_CANDIDATES + 1;
    const kinds = kindConditions(this.#page.filter, bind);
    if (kinds.length === 0) return null;
    const text = `${newestOfKinds(kinds, this.#idBounds(bind), most)} LIMIT ${most}`;
    const { rows } = await this.#db.query<{ id: string }>(text, values);
    return rows.length > MAX_CANDIDATES ? null : rows.map((row) => row.id);
  }

  /** All ids that match one selective filter; null when they are too many. */
  async #candidatesOf({ sources, ids }: Selective): Promise<readonly string[] | null> {
    const { values, bind } = this.#parameters();
    const parts = sources.map((source) => {
      const query = 'query' in source ? source.query(bind) : this.#idsIn(source, bind, this.#idBounds(bind));
      return `(${query} LIMIT ${MAX_CANDIDATES + 1})`;
    });
    const { rows } = await this.#db.query<{ id: string }>(parts.join(' UNION ALL '), values);
    if (rows.length > MAX_CANDIDATES) return null;
    return [...new Set([...ids, ...rows.map((row) => row.id)])];
  }

  async rows(): Promise<TransactionWithBalance[]> {
    const { limit, offset } = this.#page;
    const { values, bind } = this.#parameters();
    const page = `${this.#ids(bind, limit + offset)} ORDER BY id DESC LIMIT ${bind(limit)} OFFSET ${bind(offset)}`;
    const columns = `SELECT t.* FROM (${page}) page
      CROSS JOIN LATERAL (SELECT ${TRANSACTION_COLUMNS} FROM transaction WHERE transaction.id = page.id LIMIT 1) t`;
    const { rows } = await this.#db.query<BalanceRow>(`${withBalance(columns)} ORDER BY t.id DESC`, values);
    return rows.map(withPending);
  }

  /** How many match; `cap + 1` when they are more than `cap`. */
  async count(cap: number): Promise<number> {
    const { values, bind } = this.#parameters();
    const ids = this.#onlyRange(bind) ?? this.#ids(bind, cap + 1);
    const { rows } = await this.#db.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM (${ids} LIMIT ${cap + 1}) matching`,
      values,
    );
    return rows[0]?.count ?? 0;
  }

  /** A list by one selective filter alone is counted in the order of its index. */
  #onlyRange(bind: Bind): string | null {
    const [selective, second] = this.#selective;
    const [range, or] = selective?.sources ?? [];
    if (this.#candidates !== null || second !== undefined || or !== undefined) return null;
    if (range === undefined || 'query' in range || this.#hasMore()) return null;
    return this.#idsIn(range, bind, this.#timeConditions(bind));
  }

  /** Whether there are filters without an index of their own. */
  #hasMore(): boolean {
    const { filter } = this.#page;
    const others = [kindConditions, amountConditions, rowConditions];
    return others.some((conditions) => conditions(filter, () => '').length > 0);
  }

  /** The `most` newest ids with one value of a column, and what else is asked of them. */
  #newestIn(
    { condition, column, value }: OneValue,
    bind: Bind,
    others: readonly string[],
    most: number,
  ): string {
    const { before } = this.#page;
    // Of two columns at once, so that the index is entered there and not read up to there.
    const below = `(${column}, id) < (${bind(value)}, ${bind(before ?? HIGHEST_ID)})`;
    return `(SELECT id FROM transaction WHERE ${all(others, [condition(bind), below])}
      ORDER BY ${column} DESC, id DESC LIMIT ${most})`;
  }

  #idsIn({ condition, order }: Range, bind: Bind, others: readonly string[]): string {
    return `SELECT id FROM transaction WHERE ${all(others, [condition(bind)])} ORDER BY ${order}, id`;
  }

  /**
   * A query of the ids that match, at least the `most` newest of them, without an order. Candidates and
   * kinds as in the engine's batch: `CROSS JOIN LATERAL (… LIMIT …)` is one look-up each on any version.
   */
  #ids(bind: Bind, most: number): string {
    const { filter } = this.#page;
    const others = [...this.#timeConditions(bind), ...amountConditions(filter, bind)];
    others.push(...expiredCondition(filter, bind), ...rowConditions(filter, bind));
    others.push(...this.#selective.map(({ condition }) => condition(bind)));
    if (this.#candidates !== null) {
      const ids = `unnest(${bind(plainArray(this.#candidates))}::uuid[]) candidate(id)`;
      const conditions = all(['id = candidate.id'], kindConditions(filter, bind), others);
      return `SELECT found.id FROM ${ids} CROSS JOIN LATERAL (SELECT id FROM transaction WHERE ${conditions} LIMIT 1) found`;
    }
    const kinds = kindConditions(filter, bind);
    const walked = this.#selective.map(({ sources }) => sources).find((some) => some.every(isOneValue));
    if (walked !== undefined) {
      const newest = walked.map((source) => this.#newestIn(source, bind, [...kinds, ...others], most));
      return `SELECT id FROM (${newest.join(' UNION ALL ')}) newest`;
    }
    // With a frequent value of another filter: some of the kinds may have many rows and none with it.
    if (kinds.length === 0 || this.#selective.length > 0) {
      return `SELECT id FROM (SELECT id FROM transaction WHERE ${all(kinds, others)}
        ORDER BY id DESC LIMIT ${most}) newest`;
    }
    return `SELECT id FROM (${newestOfKinds(kinds, others, most)}) newest`;
  }

  /** The first parameter is the merchant's id. */
  #parameters(): { values: unknown[]; bind: Bind } {
    const { values, bind } = parameters();
    bind(this.#page.merchantId);
    return { values, bind };
  }

  #timeConditions(bind: Bind): string[] {
    const { createdFrom, createdTo } = this.#page.filter;
    const conditions = this.#idBounds(bind);
    if (createdFrom !== null) conditions.push(`created_at >= ${bind(new Date(createdFrom))}`);
    if (createdTo !== null) conditions.push(`created_at <= ${bind(new Date(createdTo))}`);
    return conditions;
  }

  /** Every index ends with the id, and ids begin with a time: a range of one is nearly one of the other. */
  #idBounds(bind: Bind): string[] {
    const { before, filter } = this.#page;
    const { createdFrom, createdTo } = filter;
    const from = createdFrom === null ? null : createdFrom - this.#clockOffsetMs - CLOCK_SLACK_MS;
    const conditions = before === null ? [] : [`id < ${bind(before)}`];
    if (from !== null) conditions.push(`id >= ${bind(idAt(from, '0'))}`);
    if (createdTo !== null) conditions.push(`id <= ${bind(idAt(createdTo + CLOCK_SLACK_MS, 'f'))}`);
    return conditions;
  }
}

export async function clockOffset(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ offset: bigint }>('SELECT clock_offset_ms AS offset FROM installation');
  return Number(rows[0]?.offset ?? 0n);
}
