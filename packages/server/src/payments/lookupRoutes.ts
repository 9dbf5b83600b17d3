/** Looking transactions up: one by its id, its history, and lists. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import Type, { type Static } from 'typebox';
import type { Deps } from '../app/deps.ts';
import { parseOrderReference } from '../core/values/orderReference.ts';
import { parsed } from '../core/values/parse.ts';
import { requireCustomer } from '../customers/requireCustomer.ts';
import { listEvents } from '../feed/eventsSql.ts';
import type { App } from '../http/baseApp.ts';
import { openCursor, sealCursor } from '../http/cursor.ts';
import { ApiError } from '../http/errors.ts';
import { exactJson } from '../http/exactJson.ts';
import { invalidFields, valuesOf } from '../http/parseFields.ts';
import { readRecent, timeOfId } from '../http/recentRead.ts';
import * as schemas from '../http/schemas.ts';
import { throwTooBroad } from '../http/searchLimit.ts';
import { sendJson } from '../http/send.ts';
import { merchantOf, VIEWER } from '../identity/auth.ts';
import { namesOfUsers } from '../identity/usersSql.ts';
import type { Pool } from '../postgres/pool.ts';
import { FilterQuery, parseFilter } from './lookupFilters.ts';
import {
  findTransactionOf,
  listTransactions,
  NO_FILTER,
  type TransactionFilter,
  type TransactionPage,
  type TransactionRows,
  type TransactionWithBalance,
} from './lookupsSql.ts';
import { transactionIdOf } from './transactionRoutes.ts';
import { eventView, transactionView, usersIn } from './transactionViews.ts';

const tags = ['Transactions'];
const security = [{ merchantApiKey: [] }];
const errors = { '4xx': Type.Ref('Error'), '5xx': Type.Ref('Error') } as const;

const CursorQuery = { limit: schemas.Limit, cursor: schemas.Cursor };

/** Paging by number counts no further than this. */
const MAX_TOTAL = 10_000;
const MAX_SIZE = 100;
const DEFAULT_SIZE = 20;

const ListQuery = Type.Object(
  {
    ...FilterQuery,
    // Without the default of `limit`: whether it was given tells the two ways of paging apart.
    limit: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: MAX_SIZE,
        description: 'The most items to return; 20 by default.',
      }),
    ),
    cursor: schemas.Cursor,
    page: Type.Optional(
      Type.Integer({
        minimum: 1,
        description: 'In place of `cursor` and `limit`: the number of a page, from 1; rows 1 to 10,000 only.',
      }),
    ),
    size: Type.Optional(
      Type.Integer({ minimum: 1, maximum: MAX_SIZE, description: 'Rows of a numbered page; 20 by default.' }),
    ),
  },
  schemas.closed,
);
type ListQuery = Static<typeof ListQuery>;

const ItemsPage = Type.Object({
  items: Type.Array(Type.Ref('Transaction')),
  nextCursor: schemas.NextCursor,
});

const NumberedPage = Type.Object({
  data: Type.Array(Type.Ref('Transaction')),
  page: Type.Integer(),
  size: Type.Integer(),
  total: Type.Integer({ description: 'How many there are: exact up to 10,000.' }),
  totalCapped: Type.Optional(Type.Literal(true, { description: 'There are more than `total`.' })),
});

export function lookupRoutes(app: App, deps: Deps): void {
  listRoute(app, deps);
  listByRoutes(app, deps);
  transactionRoute(app, deps);
  historyRoute(app, deps);
}

function listRoute(app: App, deps: Deps): void {
  app.get(
    '/v1/transactions',
    {
      config: VIEWER,
      schema: {
        operationId: 'listTransactions',
        summary: 'List payments and refunds, newest first',
        description:
          'All filters that are given must hold. Paging by `cursor` never skips or repeats a row while others are being added. With `page` or `size` it answers numbered pages instead. Filters that match many rows each, but hardly any together, may be refused with `search_too_broad`.',
        tags,
        security,
        querystring: ListQuery,
        response: { 200: Type.Union([ItemsPage, NumberedPage]), ...errors },
      },
    },
    async (request, reply) => {
      const { merchantId } = merchantOf(request);
      const { query } = request;
      const filter = parseFilter(query);
      const numbered = query.page !== undefined || query.size !== undefined;
      const page = numbered ? numberedPage : cursorPage;
      return sendJson(
        reply,
        200,
        await page(listed(deps, request, reply, filter), merchantId, filter, query),
      );
    },
  );
}

function listByRoutes(app: App, deps: Deps): void {
  app.get(
    '/v1/transactions/by-order-reference/:ref',
    {
      config: VIEWER,
      schema: {
        operationId: 'listTransactionsByOrderReference',
        summary: 'List the payments and refunds of one order, newest first',
        description: 'An order reference need not be unique. None has it: an empty list.',
        tags,
        security,
        params: Type.Object({ ref: Type.String({ examples: ['ORDER-100045'] }) }),
        querystring: Type.Object(CursorQuery, schemas.closed),
        response: { 200: ItemsPage, ...errors },
      },
    },
    async (request, reply) => {
      const { orderReference } = valuesOf({ orderReference: parseOrderReference(request.params.ref) });
      const { merchantId } = merchantOf(request);
      const filter = { ...NO_FILTER, orderReference };
      return sendJson(
        reply,
        200,
        await cursorPage(listed(deps, request, reply, filter), merchantId, filter, request.query),
      );
    },
  );
  app.get(
    '/v1/transactions/by-payment-link/:id',
    {
      config: VIEWER,
      schema: {
        operationId: 'listTransactionsByPaymentLink',
        summary: 'List the payments by one payment link, newest first',
        tags,
        security,
        params: Type.Object({ id: Type.String({ examples: ['pl_019a2a21f46f706ea202a75adabcbb80'] }) }),
        querystring: Type.Object(CursorQuery, schemas.closed),
        response: { 200: ItemsPage, ...errors },
      },
    },
    async (request, reply) => {
      const { merchantId } = merchantOf(request);
      const { id } = request.params;
      if (!/^pl_[0-9a-f]{32}$/.test(id)) throw new ApiError('transaction_not_found');
      const filter = { ...NO_FILTER, paymentLinkId: id };
      const lists = listed(deps, request, reply, filter);
      const body = await cursorPage(lists, merchantId, filter, request.query, (rows) => {
        if (rows.length === 0 && request.query.cursor === undefined)
          throw new ApiError('transaction_not_found');
      });
      return sendJson(reply, 200, body);
    },
  );
  app.get(
    '/v1/customers/:id/transactions',
    {
      config: VIEWER,
      schema: {
        operationId: 'listTransactionsByCustomer',
        summary: 'List the payments and refunds of a customer, newest first',
        tags: ['Customers'],
        security,
        params: Type.Object({ id: Type.String() }),
        querystring: Type.Object(CursorQuery, schemas.closed),
        response: { 200: ItemsPage, ...errors },
      },
    },
    async (request, reply) => {
      const { merchantId } = merchantOf(request);
      const { id: customerId } = await requireCustomer(deps.pool, merchantId, request.params.id);
      const filter = { ...NO_FILTER, customerId };
      return sendJson(
        reply,
        200,
        await cursorPage(listed(deps, request, reply, filter), merchantId, filter, request.query),
      );
    },
  );
}

const IdParams = Type.Object({ id: Type.String({ description: 'Either spelling of the id.' }) });

function transactionRoute(app: App, deps: Deps): void {
  app.get(
    '/v1/transactions/:id',
    {
      config: VIEWER,
      schema: {
        operationId: 'getTransaction',
        summary: 'Get a payment or a refund as it is now',
        tags,
        security,
        params: IdParams,
        response: { 200: Type.Ref('Transaction'), ...errors },
      },
    },
    async (request, reply) => {
      const transaction = await findOwn(deps, merchantOf(request).merchantId, request.params.id);
      return sendJson(reply, 200, exactJson(rowView(transaction)));
    },
  );
}

function historyRoute(app: App, deps: Deps): void {
  app.get(
    '/v1/transactions/:id/history',
    {
      config: VIEWER,
      schema: {
        operationId: 'getTransactionHistory',
        summary: 'List what happened to a transaction, oldest first',
        description:
          'A payment’s history tells of each refund when it is done; what happened to the refund before is in the refund’s own history, and a payment’s refunds are listed by `GET /v1/transactions?parentTransactionId=`.',
        tags,
        security,
        params: IdParams,
        querystring: Type.Object(CursorQuery, schemas.closed),
        response: {
          200: Type.Object({
            items: Type.Array(Type.Ref('TransactionEvent')),
            nextCursor: schemas.NextCursor,
          }),
          ...errors,
        },
      },
    },
    async (request, reply) => {
      const { merchantId } = merchantOf(request);
      const { id } = await findOwn(deps, merchantId, request.params.id);
      const list = `history of ${id}`;
      const { limit = DEFAULT_SIZE } = request.query;
      const after = Number(cursorOf(deps, list, request.query.cursor) ?? 0);
      const events = await listEvents(deps.pool, id, after, limit + 1);
      const names = await namesOfUsers(deps.pool, merchantId, usersIn(events));
      return sendJson(
        reply,
        200,
        itemsPage(
          deps,
          list,
          events,
          limit,
          (event) => eventView(event, names),
          ({ seq }) => String(seq),
        ),
      );
    },
  );
}

/** @throws ApiError 404 for an id that is unknown, malformed or another merchant's */
async function findOwn(deps: Deps, merchantId: string, id: string): Promise<TransactionWithBalance> {
  const transaction = await findTransactionOf(deps.pool, merchantId, transactionIdOf(id));
  if (transaction === null) throw new ApiError('transaction_not_found');
  return transaction;
}

/** @throws ApiError 400 for a cursor that is not of this list */
function cursorOf(deps: Deps, list: string, cursor: string | undefined): string | null {
  const field = cursor === undefined ? parsed(null) : openCursor(deps.secrets, list, cursor);
  return valuesOf({ cursor: field }).cursor;
}

/** `{items, nextCursor}` of at most `limit` rows; one row more shows that there is a next page. */
function itemsPage<Row>(
  deps: Deps,
  list: string,
  rows: readonly Row[],
  limit: number,
  view: (row: Row) => Record<string, unknown>,
  positionOf: (row: Row) => string,
): string {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  const nextCursor =
    rows.length > limit && last !== undefined ? sealCursor(deps.secrets, list, positionOf(last)) : null;
  return exactJson({ items: items.map(view), nextCursor });
}

/** How the rows of one request are read. */
interface Lists {
  readonly deps: Deps;
  /** @param before where the page begins */
  read(before: string | null, work: (pool: Pool) => Promise<TransactionRows>): Promise<TransactionRows>;
}

/** Whoever asks what an order, a link or a payment has may be about to do it again: that is never read from a standby. */
function listed(deps: Deps, request: FastifyRequest, reply: FastifyReply, filter: TransactionFilter): Lists {
  const { orderReference, paymentLinkId, parentTransactionId } = filter;
  const isLookUp = [orderReference, paymentLinkId, parentTransactionId].some((id) => id !== null);
  return {
    deps,
    read: (before, work) =>
      isLookUp
        ? work(deps.pool)
        : readRecent(deps, request, reply, { kind: 'list', after: timeOfId(before) }, work),
  };
}

async function cursorPage(
  lists: Lists,
  merchantId: string,
  filter: TransactionFilter,
  { cursor, limit = DEFAULT_SIZE }: Pick<ListQuery, 'cursor' | 'limit'>,
  check: (rows: readonly TransactionWithBalance[]) => void = () => undefined,
): Promise<string> {
  const list = `transactions of ${merchantId}`;
  const { deps } = lists;
  const before = cursorOf(deps, list, cursor);
  const { rows } = await search(lists, {
    merchantId,
    filter,
    limit: limit + 1,
    offset: 0,
    before,
    countTo: null,
  });
  check(rows);
  return itemsPage(deps, list, rows, limit, rowView, (row) => row.id);
}

/** @throws ApiError 400 for a mix of both ways of paging, or a page beyond the last row that is counted */
async function numberedPage(
  lists: Lists,
  merchantId: string,
  filter: TransactionFilter,
  { cursor, limit, page = 1, size = DEFAULT_SIZE }: ListQuery,
): Promise<string> {
  const mixed = Object.entries({ cursor, limit }).filter(([, value]) => value !== undefined);
  if (mixed.length > 0) {
    const details = mixed.map(([path]) => ({ path, message: 'must not be combined with page and size' }));
    throw invalidFields(details, 'invalid_request');
  }
  const offset = (page - 1) * size;
  if (offset >= MAX_TOTAL) {
    const message = `must be at most ${Math.ceil(MAX_TOTAL / size)} with this size; use cursor to go further`;
    throw invalidFields([{ path: 'page', message }], 'invalid_request');
  }
  const wanted = { merchantId, filter, limit: size, offset, before: null, countTo: MAX_TOTAL };
  const { rows, total } = await search(lists, wanted);
  const counted = total ?? 0;
  const capped = counted > MAX_TOTAL ? { totalCapped: true } : {};
  return exactJson({
    data: rows.map(rowView),
    page,
    size,
    total: Math.min(counted, MAX_TOTAL),
    ...capped,
  });
}

function rowView(row: TransactionWithBalance): Record<string, unknown> {
  return transactionView(row, row.balance, row.pendingOperation);
}

/** @throws ApiError 400 when it is the filters that take too long */
async function search(lists: Lists, page: TransactionPage): Promise<TransactionRows> {
  try {
    return await lists.read(page.before, (pool) => listTransactions(pool, page));
  } catch (error) {
    const filtered = Object.values(page.filter).some((value) => value !== null);
    if (filtered) throwTooBroad(error);
    throw error;
  }
}
