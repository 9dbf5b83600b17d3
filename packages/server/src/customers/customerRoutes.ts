/** A merchant's customers: made, found, changed, erased. */
import type { FastifyRequest } from 'fastify';
import Type from 'typebox';
import type { Deps } from '../app/deps.ts';
import type { AuditAction } from '../auditLog/auditEntry.ts';
import { deleteCards } from '../cards/cardsOnFileSql.ts';
import { type Parsed, parsed } from '../core/values/parse.ts';
import { parseText } from '../core/values/text.ts';
import { ERRORS, refuseBody } from '../http/adminCommon.ts';
import { NoQuery, pageSchema } from '../http/adminSchemas.ts';
import type { App } from '../http/baseApp.ts';
import { ApiError } from '../http/errors.ts';
import { exactJson } from '../http/exactJson.ts';
import { idempotencyKeyOf } from '../http/idempotencyKey.ts';
import { type Done, writeOnce } from '../http/idempotentWrite.ts';
import { readPage, wholePage } from '../http/page.ts';
import { valuesOf } from '../http/parseFields.ts';
import { readRecent, timeOfId } from '../http/recentRead.ts';
import { IdempotencyHeader } from '../http/schemas.ts';
import { throwTooBroad } from '../http/searchLimit.ts';
import { sendJson } from '../http/send.ts';
import { MANAGER, merchantOf, SUMS, VIEWER } from '../identity/auth.ts';
import { newId } from '../installation/newId.ts';
import type { Queryable } from '../postgres/pool.ts';
import { EMPTY_PROFILE, parseProfile } from './customerInput.ts';
import * as store from './customersSql.ts';
import { customerView } from './customerViews.ts';
import { exportRoute } from './exportRoute.ts';
import { requireCustomer } from './requireCustomer.ts';
import * as bodies from './schemas.ts';

const PATH = '/v1/customers';
const CUSTOMERS = { tags: ['Customers'], security: [{ merchantApiKey: [] }] };
const Params = Type.Object({ id: Type.String() });

export function customerRoutes(app: App, deps: Deps): void {
  createRoute(app, deps);
  readRoutes(app, deps);
  changeRoute(app, deps);
  eraseRoute(app, deps);
  exportRoute(app, deps);
}

function createRoute(app: App, deps: Deps): void {
  app.post(
    PATH,
    {
      config: MANAGER,
      schema: {
        ...CUSTOMERS,
        operationId: 'createCustomer',
        summary: 'Create a customer',
        headers: IdempotencyHeader,
        body: bodies.CustomerBody,
        response: { 201: Type.Ref('Customer'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const { merchantId } = merchantOf(request);
      const profile = { ...EMPTY_PROFILE, ...parseProfile(request.body) };
      return writeOnce(deps, request, reply, {
        path: PATH,
        statusCode: 201,
        work: async (db) => {
          const customer = await store.insertCustomer(db, merchantId, newId(), profile);
          if (customer === null) throw referenceTaken();
          return shown(db, request, 'customer.create', customer);
        },
      });
    },
  );
}

function readRoutes(app: App, deps: Deps): void {
  app.get(
    PATH,
    {
      config: VIEWER,
      schema: {
        ...CUSTOMERS,
        operationId: 'listCustomers',
        summary: 'List customers, newest first, or find some',
        querystring: bodies.CustomerQuery,
        response: { 200: pageSchema('Customer'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const { merchantId } = merchantOf(request);
      const search = searchOf(request.query);
      const load = (before: string | null, limit: number) =>
        readRecent(deps, request, reply, { kind: 'list', after: timeOfId(before) }, (pool) =>
          store.listCustomers(pool, merchantId, search, before, limit),
        ).catch(throwTooBroad);
      const page = await readPage(deps, `customers of ${merchantId}`, request.query, load, ({ id }) => id);
      return sendJson(reply, 200, exactJson({ ...page, items: page.items.map(customerView) }));
    },
  );

  app.get(
    `${PATH}/:id`,
    {
      config: VIEWER,
      schema: {
        ...CUSTOMERS,
        operationId: 'getCustomer',
        summary: 'Get a customer',
        params: Params,
        response: { 200: Type.Ref('Customer'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const { merchantId } = merchantOf(request);
      const customer = await requireCustomer(deps.pool, merchantId, request.params.id);
      return sendJson(reply, 200, exactJson(customerView(customer)));
    },
  );

  app.get(
    `${PATH}/:id/totals`,
    {
      config: SUMS,
      schema: {
        ...CUSTOMERS,
        operationId: 'getCustomerTotals',
        summary: 'What a customer spent, by currency',
        params: Params,
        querystring: NoQuery,
        response: { 200: pageSchema('CustomerTotals'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const { merchantId } = merchantOf(request);
      const { id } = await requireCustomer(deps.pool, merchantId, request.params.id);
      const sums = await readRecent(deps, request, reply, { kind: 'figures' }, (pool) =>
        store.sumCustomer(pool, merchantId, id),
      ).catch(throwTooBroad);
      return sendJson(reply, 200, exactJson(wholePage(sums)));
    },
  );
}

function changeRoute(app: App, deps: Deps): void {
  app.patch(
    `${PATH}/:id`,
    {
      config: MANAGER,
      schema: {
        ...CUSTOMERS,
        operationId: 'updateCustomer',
        summary: 'Change a customer',
        params: Params,
        headers: IdempotencyHeader,
        body: bodies.CustomerPatch,
        response: { 200: Type.Ref('Customer'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const { merchantId } = merchantOf(request);
      const changes = parseProfile(request.body);
      const { id } = await requireCustomer(deps.pool, merchantId, request.params.id);
      return writeOnce(deps, request, reply, {
        path: `${PATH}/${id}`,
        statusCode: 200,
        work: async (db) => {
          const before = await store.lockCustomer(db, merchantId, id);
          if (before === null) throw new ApiError('customer_not_found');
          if (before.erasedAt !== null) throw new ApiError('customer_erased');
          const customer = await store.updateCustomer(db, id, { ...before, ...changes });
          if (customer === null) throw referenceTaken();
          return shown(db, request, 'customer.update', customer, { changed: Object.keys(changes) });
        },
      });
    },
  );
}

function eraseRoute(app: App, deps: Deps): void {
  app.delete(
    `${PATH}/:id`,
    {
      config: { ...MANAGER, role: 'admin' },
      schema: {
        ...CUSTOMERS,
        operationId: 'eraseCustomer',
        summary: 'Erase a customer’s personal data, for good',
        params: Params,
        headers: IdempotencyHeader,
        response: { 200: Type.Ref('Customer'), ...ERRORS },
      },
    },
    async (request, reply) => {
      refuseBody(request);
      const { merchantId } = merchantOf(request);
      const { id } = await requireCustomer(deps.pool, merchantId, request.params.id);
      return writeOnce(deps, request, reply, {
        path: `${PATH}/${id}`,
        statusCode: 200,
        work: async (db) => {
          const before = await store.lockCustomer(db, merchantId, id);
          if (before === null) throw new ApiError('customer_not_found');
          await deleteCards(db, id, null);
          const customer = before.erasedAt === null ? await store.eraseCustomer(db, id) : before;
          const body = customerView(customer);
          await store.replaceAnswers(db, merchantId, id, exactJson(body));
          return {
            effectId: id,
            body,
            audit: { action: 'customer.erase', object: { kind: 'customer', id } },
          };
        },
      });
    },
  );
}

/** An answer that shows a customer. The audit log is told the names of fields alone: what it holds is never erased. */
async function shown(
  db: Queryable,
  request: FastifyRequest,
  action: AuditAction,
  customer: store.Customer,
  after: Readonly<Record<string, unknown>> | null = null,
): Promise<Done> {
  const { id } = customer;
  await store.noteAnswerKey(db, merchantOf(request).merchantId, id, idempotencyKeyOf(request, false));
  return {
    effectId: id,
    body: customerView(customer),
    audit: { action, object: { kind: 'customer', id }, after },
  };
}

interface GivenSearch {
  readonly query?: string;
  readonly reference?: string;
}

/** @throws ApiError 400 naming every parameter that is wrong */
function searchOf({ query, reference }: GivenSearch): store.CustomerSearch {
  const text = (value: string | undefined): Parsed<string | null> =>
    value === undefined ? parsed(null) : parseText(value, { max: 255 });
  const values = valuesOf({ query: text(query?.trim()), reference: text(reference) });
  return { text: values.query, phone: phoneBeginningOf(values.query), reference: values.reference };
}

/** How numbers that begin so are stored, where a text may be the beginning of a phone number as people write it. */
export function phoneBeginningOf(text: string | null): string | null {
  const compact = text?.replace(/[\p{Zs}\p{Pd}.()]/gu, '') ?? '';
  if (!/^\+?\d+$/.test(compact)) return null;
  if (compact.startsWith('+')) return compact;
  return compact.startsWith('8') ? `+7${compact.slice(1)}` : `+${compact}`;
}

function referenceTaken(): ApiError {
  const message = 'is that of another customer of yours';
  return new ApiError('already_exists', `reference ${message}`, [{ path: 'reference', message }]);
}
