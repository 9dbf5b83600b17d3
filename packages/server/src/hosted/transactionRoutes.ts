/** Transactions, in major units. */
import Type from 'typebox';
import type { Deps } from '../app/deps.ts';
import type { Transaction } from '../core/transaction.ts';
import { publicLinkIdOf } from '../core/values/ids.ts';
import { parseOrderReference } from '../core/values/orderReference.ts';
import { listEvents } from '../feed/eventsSql.ts';
import type { App } from '../http/baseApp.ts';
import { ApiError, fieldError } from '../http/errors.ts';
import { exactJson } from '../http/exactJson.ts';
import { valuesOf } from '../http/parseFields.ts';
import { closed } from '../http/schemas.ts';
import { throwTooBroad } from '../http/searchLimit.ts';
import { sendJson } from '../http/send.ts';
import { merchantOf } from '../identity/auth.ts';
import { requireLink } from '../links/linkCommands.ts';
import {
  findTransactionOf,
  listTransactions,
  NO_FILTER,
  type TransactionFilter,
  type TransactionWithBalance,
} from '../payments/lookupsSql.ts';
import { transactionIdOf } from '../payments/transactionRoutes.ts';
import { READS } from './common.ts';
import { MAX_TOTAL, numberedPage, PageQuery, type Rows } from './pages.ts';
import { foundPayment, hostedEvent, hostedTransaction } from './views.ts';

const PATH = '/v1/transactions';
const IdParams = Type.Object({ id: Type.String() });
const SearchQuery = Type.Object(
  { transactionId: Type.Optional(Type.String()), orderReference: Type.Optional(Type.String()) },
  closed,
);

export function hostedTransactionRoutes(app: App, deps: Deps): void {
  listRoutes(app, deps);
  transactionRoute(app, deps);
  searchRoute(app, deps);
}

function listRoutes(app: App, deps: Deps): void {
  app.get(PATH, { config: READS, schema: { hide: true, querystring: PageQuery } }, async (request, reply) => {
    const load = pageOf(deps, merchantOf(request).merchantId, NO_FILTER);
    return sendJson(reply, 200, await numberedPage(request.query, load, hostedTransaction));
  });
  app.get(
    `${PATH}/by-order-reference/:ref`,
    {
      config: READS,
      schema: { hide: true, params: Type.Object({ ref: Type.String() }), querystring: PageQuery },
    },
    async (request, reply) => {
      const { orderReference } = valuesOf({ orderReference: parseOrderReference(request.params.ref) });
      const load = pageOf(deps, merchantOf(request).merchantId, { ...NO_FILTER, orderReference });
      return sendJson(reply, 200, await numberedPage(request.query, load, hostedTransaction));
    },
  );
  app.get(
    `${PATH}/by-payment-link/:id`,
    { config: READS, schema: { hide: true, params: IdParams, querystring: PageQuery } },
    async (request, reply) => {
      const { merchantId } = merchantOf(request);
      const link = await requireLink(deps, merchantId, 'link', request.params.id);
      const load = pageOf(deps, merchantId, { ...NO_FILTER, paymentLinkId: publicLinkIdOf(link) });
      return sendJson(reply, 200, await numberedPage(request.query, load, hostedTransaction));
    },
  );
}

function transactionRoute(app: App, deps: Deps): void {
  app.get(
    `${PATH}/:id`,
    { config: READS, schema: { hide: true, params: IdParams } },
    async (request, reply) => {
      const found = await requireTransaction(deps, merchantOf(request).merchantId, request.params.id);
      return sendJson(reply, 200, exactJson(hostedTransaction(found)));
    },
  );
  app.get(
    `${PATH}/:id/history`,
    { config: READS, schema: { hide: true, params: IdParams, querystring: PageQuery } },
    async (request, reply) => {
      const { merchantId } = merchantOf(request);
      const { id, currency, eventCount } = await requireTransaction(deps, merchantId, request.params.id);
      // The numbers of its events have no gaps.
      const load = async (limit: number, offset: number) => ({
        rows: await listEvents(deps.pool, id, offset, limit),
        total: eventCount,
      });
      const page = await numberedPage(request.query, load, (event) => hostedEvent(event, currency));
      return sendJson(reply, 200, page);
    },
  );
}

/** One payment by its id, or the newest of an order. */
function searchRoute(app: App, deps: Deps): void {
  app.get(
    '/v1/payments/search',
    { config: READS, schema: { hide: true, querystring: SearchQuery } },
    async (request, reply) => {
      const { transactionId, orderReference } = request.query;
      const { merchantId } = merchantOf(request);
      const found =
        transactionId !== undefined
          ? await requireTransaction(deps, merchantId, transactionId)
          : await newestOf(deps, merchantId, orderReference);
      if (orderReference !== undefined && found.orderReference !== orderReference)
        throw new ApiError('transaction_not_found');
      return sendJson(reply, 200, exactJson(foundPayment(found)));
    },
  );
}

/** @throws ApiError 400 without an order, 404 for one that has no payment */
async function newestOf(deps: Deps, merchantId: string, given: string | undefined): Promise<Transaction> {
  if (given === undefined)
    throw fieldError('invalid_request', 'transactionId', 'or orderReference is required');
  const { orderReference } = valuesOf({ orderReference: parseOrderReference(given) });
  const load = pageOf(deps, merchantId, { ...NO_FILTER, orderReference, type: 'payment' });
  const { rows } = await load(1, 0);
  if (rows[0] === undefined) throw new ApiError('transaction_not_found');
  return rows[0];
}

function pageOf(deps: Deps, merchantId: string, filter: TransactionFilter) {
  return async (limit: number, offset: number): Promise<Rows<TransactionWithBalance>> => {
    const wanted = { merchantId, filter, limit, offset, before: null, countTo: MAX_TOTAL };
    const { rows, total } = await listTransactions(deps.pool, wanted).catch(throwTooBroad);
    return { rows, total: total ?? 0 };
  };
}

/** @throws ApiError 404 for an id that is unknown, malformed or another merchant's */
export async function requireTransaction(
  deps: Deps,
  merchantId: string,
  id: string,
): Promise<TransactionWithBalance> {
  const transaction = await findTransactionOf(deps.pool, merchantId, transactionIdOf(id));
  if (transaction === null) throw new ApiError('transaction_not_found');
  return transaction;
}
