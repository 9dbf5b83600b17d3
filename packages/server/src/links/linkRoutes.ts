/** Payment links and sessions: what merchants send payers to be paid by. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import Type, { type Static } from 'typebox';
import type { Deps } from '../app/deps.ts';
import type { LinkCommand } from '../core/command.ts';
import type { LinkKind, PaymentLink } from '../core/link.ts';
import { parseUuid, publicLinkIdOf } from '../core/values/ids.ts';
import { parseOrderReference } from '../core/values/orderReference.ts';
import { parseTime } from '../core/values/time.ts';
import { checkCustomerOf } from '../customers/requireCustomer.ts';
import { callOf } from '../engine/caller.ts';
import { ERRORS, refuseBody } from '../http/adminCommon.ts';
import { pageSchema } from '../http/adminSchemas.ts';
import type { App } from '../http/baseApp.ts';
import { merchantCallerOf } from '../http/caller.ts';
import { ApiError } from '../http/errors.ts';
import { exactJson } from '../http/exactJson.ts';
import { idempotencyKeyOf } from '../http/idempotencyKey.ts';
import { type PageQuery, readPage, wholePage } from '../http/page.ts';
import { valuesOf } from '../http/parseFields.ts';
import { readRecent, timeOfId } from '../http/recentRead.ts';
import { IdempotencyHeader } from '../http/schemas.ts';
import { throwTooBroad } from '../http/searchLimit.ts';
import { sendJson, sendTold } from '../http/send.ts';
import { merchantOf, PAYMENTS, SUMS, VIEWER } from '../identity/auth.ts';
import type { Pool } from '../postgres/pool.ts';
import { createLinkCommand, linkKeyOf, requireLink } from './linkCommands.ts';
import { parseLinkFilter } from './linkInput.ts';
import { type LinkFilter, listLinkEvents, listLinks, sumLinks } from './linksSql.ts';
import { linkAnswer, linkEventView, linkView, sumsView } from './linkViews.ts';
import * as bodies from './schemas.ts';

const PATHS = { link: '/v1/payment-links', session: '/v1/payment-sessions' } as const;
const COMMON = { tags: ['Payment links'], security: [{ merchantApiKey: [] }] };
const IdParams = Type.Object({
  id: Type.String({ examples: ['pl_019a2a21f46f706ea202a75adabcbb80'] }),
});

export function linkRoutes(app: App, deps: Deps): void {
  createLinkRoute(app, deps);
  sessionRoutes(app, deps);
  changeRoutes(app, deps);
  listRoutes(app, deps);
  linkRoute(app, deps);
}

function createLinkRoute(app: App, deps: Deps): void {
  app.post(
    PATHS.link,
    {
      config: PAYMENTS,
      schema: {
        ...COMMON,
        operationId: 'createPaymentLink',
        summary: 'Create a payment link',
        description:
          'Whoever has its `url` can pay it, by card or wallet, once at most unless it is `reusable`: of all who pay at the same time one does, and the others are charged nothing.',
        headers: IdempotencyHeader,
        body: bodies.LinkBody,
        response: { 201: Type.Ref('PaymentLink'), ...ERRORS },
      },
    },
    async (request, reply) => create(deps, request, reply, 'link', request.body),
  );
}

function sessionRoutes(app: App, deps: Deps): void {
  app.post(
    PATHS.session,
    {
      config: PAYMENTS,
      schema: {
        ...COMMON,
        operationId: 'createPaymentSession',
        summary: 'Create a payment session',
        description:
          'For a payer who is sent to its `url` now: it can be paid for 30 minutes, once. Its payment has `paymentSessionId`.',
        headers: IdempotencyHeader,
        body: bodies.SessionBody,
        response: { 201: Type.Ref('PaymentSession'), ...ERRORS },
      },
    },
    async (request, reply) => create(deps, request, reply, 'session', request.body),
  );
  app.get(
    `${PATHS.session}/:id`,
    {
      config: VIEWER,
      schema: {
        ...COMMON,
        operationId: 'getPaymentSession',
        summary: 'Get a payment session',
        params: Type.Object({ id: Type.String() }),
        response: { 200: Type.Ref('PaymentSession'), ...ERRORS },
      },
    },
    async (request, reply) =>
      sendLink(reply, await requireLink(deps, merchantOf(request).merchantId, 'session', request.params.id)),
  );
}

function changeRoutes(app: App, deps: Deps): void {
  const cancels = [
    { method: 'POST', url: `${PATHS.link}/:id/cancel`, operationId: 'cancelPaymentLink' },
    { method: 'DELETE', url: `${PATHS.link}/:id`, operationId: 'deletePaymentLink' },
  ] as const;
  for (const { method, url, operationId } of cancels)
    app.route({
      method,
      url,
      config: PAYMENTS,
      schema: {
        ...COMMON,
        operationId,
        summary: method === 'POST' ? 'Cancel a payment link' : 'Cancel a payment link, by DELETE',
        description:
          'Nobody can pay it from then on. As long as a payment by it is under way it is refused (409): its outcome comes first.',
        params: IdParams,
        headers: IdempotencyHeader,
        response: { 200: Type.Ref('PaymentLink'), ...ERRORS },
      },
      handler: async (request, reply) => {
        refuseBody(request);
        const link = linkKeyOf('link', (request.params as Static<typeof IdParams>).id);
        const path = url.replace(':id', publicLinkIdOf(link));
        return carryOut(deps, request, reply, path, 200, { kind: 'cancel_link', link });
      },
    });
  app.patch(
    `${PATHS.link}/:id`,
    {
      config: PAYMENTS,
      schema: {
        ...COMMON,
        operationId: 'updatePaymentLink',
        summary: 'Give a payment link another end',
        description: 'Only as long as it can be paid. Its history does not tell of it.',
        params: IdParams,
        headers: IdempotencyHeader,
        body: bodies.LinkPatch,
        response: { 200: Type.Ref('PaymentLink'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const { expiresAt } = valuesOf({ expiresAt: parseTime(request.body.expiresAt) });
      const link = linkKeyOf('link', request.params.id);
      const path = `${PATHS.link}/${publicLinkIdOf(link)}`;
      return carryOut(deps, request, reply, path, 200, { kind: 'extend_link', link, expiresAt });
    },
  );
}

function listRoutes(app: App, deps: Deps): void {
  app.get(
    PATHS.link,
    {
      config: VIEWER,
      schema: {
        ...COMMON,
        operationId: 'listPaymentLinks',
        summary: 'List payment links, newest first',
        querystring: bodies.LinkQuery,
        response: { 200: pageSchema('PaymentLink'), ...ERRORS },
      },
    },
    async (request, reply) => sendJson(reply, 200, await listPage(deps, request, reply, request.query)),
  );
  app.get(
    `${PATHS.link}/statistics`,
    {
      config: SUMS,
      schema: {
        ...COMMON,
        operationId: 'getPaymentLinkStatistics',
        summary: 'Count payment links by status, in each currency',
        querystring: bodies.SumsQuery,
        response: { 200: pageSchema('PaymentLinkSums'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const filter = { ...filterOf(request, parseLinkFilter(request.query)), status: null };
      const sums = await readRecent(deps, request, reply, { kind: 'figures' }, (pool) =>
        sumLinks(pool, filter),
      ).catch(throwTooBroad);
      return sendJson(reply, 200, exactJson(wholePage(sumsView(sums))));
    },
  );
  app.get(
    `${PATHS.link}/by-order-reference/:ref`,
    {
      config: VIEWER,
      schema: {
        ...COMMON,
        operationId: 'getPaymentLinkByOrderReference',
        summary: 'Get the newest payment link of an order',
        params: Type.Object({ ref: Type.String({ examples: ['ORDER-100045'] }) }),
        response: { 200: Type.Ref('PaymentLink'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const { orderReference } = valuesOf({ orderReference: parseOrderReference(request.params.ref) });
      const filter = filterOf(request, { orderReference, createdFrom: null, createdTo: null });
      const [link] = await listLinks(deps.pool, filter, null, 1).catch(throwTooBroad);
      if (link === undefined) throw new ApiError('payment_link_not_found');
      return sendLink(reply, link);
    },
  );
}

function linkRoute(app: App, deps: Deps): void {
  app.get(
    `${PATHS.link}/:id`,
    {
      config: VIEWER,
      schema: {
        ...COMMON,
        operationId: 'getPaymentLink',
        summary: 'Get a payment link',
        params: IdParams,
        response: { 200: Type.Ref('PaymentLink'), ...ERRORS },
      },
    },
    async (request, reply) =>
      sendLink(reply, await requireLink(deps, merchantOf(request).merchantId, 'link', request.params.id)),
  );
  app.get(
    `${PATHS.link}/:id/history`,
    {
      config: VIEWER,
      schema: {
        ...COMMON,
        operationId: 'getPaymentLinkHistory',
        summary: 'List what happened to a payment link, oldest first',
        params: IdParams,
        querystring: bodies.PageQuery,
        response: { 200: pageSchema('PaymentLinkEvent'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const { id } = await requireLink(deps, merchantOf(request).merchantId, 'link', request.params.id);
      const load = (after: string | null, limit: number) =>
        listLinkEvents(deps.pool, id, Number(after ?? 0), limit);
      const page = await readPage(deps, `history of link ${id}`, request.query, load, ({ seq }) =>
        String(seq),
      );
      return sendJson(reply, 200, exactJson({ ...page, items: page.items.map(linkEventView) }));
    },
  );
}

async function create(
  deps: Deps,
  request: FastifyRequest,
  reply: FastifyReply,
  kind: LinkKind,
  body: Static<typeof bodies.LinkBody>,
): Promise<FastifyReply> {
  const { merchantId } = merchantOf(request);
  const { customerId = null } = body;
  const id = customerId === null ? null : valuesOf({ customerId: parseUuid(customerId) }).customerId;
  const command = await createLinkCommand(deps, merchantId, kind, { ...body, customerId: id });
  const caller = merchantCallerOf(deps, request, {
    key: idempotencyKeyOf(request, false),
    path: PATHS[kind],
  });
  const told = await checkCustomerOf(deps, caller, id);
  if (told !== null) return sendTold(deps, request, reply, told);
  return carryOut(deps, request, reply, PATHS[kind], 201, command);
}

async function carryOut(
  deps: Deps,
  request: FastifyRequest,
  reply: FastifyReply,
  path: string,
  statusCode: number,
  command: LinkCommand,
): Promise<FastifyReply> {
  const caller = merchantCallerOf(deps, request, { key: idempotencyKeyOf(request, false), path });
  const told = await deps.engine.runOnce(
    callOf(caller, command, null, { render: (outcome) => linkAnswer(statusCode, outcome) }),
  );
  return sendTold(deps, request, reply, told);
}

function sendLink(reply: FastifyReply, link: PaymentLink): FastifyReply {
  return sendJson(reply, 200, exactJson(linkView(link)));
}

function filterOf(request: FastifyRequest, given: ReturnType<typeof parseLinkFilter>): LinkFilter {
  return { merchantId: merchantOf(request).merchantId, kind: 'link', status: null, ...given };
}

async function listPage(
  deps: Deps,
  request: FastifyRequest,
  reply: FastifyReply,
  query: Static<typeof bodies.LinkQuery>,
): Promise<string> {
  const filter = { ...filterOf(request, parseLinkFilter(query)), status: query.status ?? null };
  const read = (pool: Pool, before: string | null, limit: number) => listLinks(pool, filter, before, limit);
  const load = (before: string | null, limit: number) =>
    (filter.orderReference === null
      ? readRecent(deps, request, reply, { kind: 'list', after: timeOfId(before) }, (pool) =>
          read(pool, before, limit),
        )
      : read(deps.pool, before, limit)
    ).catch(throwTooBroad);
  const list = `payment links of ${filter.merchantId}`;
  const page = await readPage<PaymentLink>(deps, list, query as PageQuery, load, ({ id }) => id);
  return exactJson({ ...page, items: page.items.map(linkView) });
}
