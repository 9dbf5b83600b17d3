/** Payment links, in minor units. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import Type, { type Static } from 'typebox';
import type { Deps } from '../app/deps.ts';
import type { LinkCommand, Outcome } from '../core/command.ts';
import { parseUuid, publicLinkIdOf } from '../core/values/ids.ts';
import { parseOrderReference } from '../core/values/orderReference.ts';
import { parsed } from '../core/values/parse.ts';
import { parseTime } from '../core/values/time.ts';
import { checkCustomerOf } from '../customers/requireCustomer.ts';
import { callOf, type MerchantCaller } from '../engine/caller.ts';
import type { Told } from '../engine/engine.ts';
import type { Answer } from '../engine/idempotency.ts';
import type { App } from '../http/baseApp.ts';
import { ApiError } from '../http/errors.ts';
import { exactJson } from '../http/exactJson.ts';
import { valuesOf } from '../http/parseFields.ts';
import { throwTooBroad } from '../http/searchLimit.ts';
import { sendJson } from '../http/send.ts';
import { merchantOf } from '../identity/auth.ts';
import { createLinkCommand, linkKeyOf, requireLink } from '../links/linkCommands.ts';
import { type LinkFilter, listLinks, pageOfLinks, sumLinks } from '../links/linksSql.ts';
import { sumsView } from '../links/linkViews.ts';
import type { LinkBody } from '../links/schemas.ts';
import { minorAmountOf } from './bodies.ts';
import { hostedCallerOf, isGiven, READS, SUMS, sendTranslated, WRITES } from './common.ts';
import { MAX_TOTAL, numberedPage, PageQuery } from './pages.ts';
import { hostedLink } from './views.ts';
import { translated } from './words.ts';

const PATH = '/v1/payment-links';
const maybe = <T extends Type.TSchema>(schema: T) => Type.Optional(Type.Union([schema, Type.Null()]));

/** Clients send what they have: what is not known is not looked at, and null is as good as absent. */
const HostedLinkBody = Type.Object({
  amount: Type.Unknown(),
  currency: Type.String(),
  orderReference: Type.String(),
  description: maybe(Type.String()),
  expiresAt: maybe(Type.String()),
  metadata: maybe(Type.Record(Type.String(), Type.Unknown())),
  customerId: maybe(Type.String()),
  autoClearing: maybe(Type.Boolean()),
  validation: maybe(Type.Boolean()),
  /** Of the first payment of several; `parentTransactionId`, which such a one has not, is passed over. */
  recurring: maybe(
    Type.Object({
      type: Type.Enum(['cof_initial']),
      frequency: maybe(Type.Integer({ minimum: 1, maximum: 366 })),
      expiry: maybe(Type.String()),
    }),
  ),
});
const HostedLinkPatch = Type.Object({ expiresAt: Type.String() });
const IdParams = Type.Object({ id: Type.String() });

export function hostedLinkRoutes(app: App, deps: Deps): void {
  changeRoutes(app, deps);
  findRoutes(app, deps);
}

function changeRoutes(app: App, deps: Deps): void {
  app.post(PATH, { config: WRITES, schema: { hide: true, body: HostedLinkBody } }, async (request, reply) => {
    const body = linkBodyOf(request.body);
    const command = await createLinkCommand(deps, merchantOf(request).merchantId, 'link', body);
    const caller = hostedCallerOf(deps, request, PATH);
    const before = await checkCustomerOf(deps, caller, body.customerId ?? null);
    const told = before ?? (await runLinkCommand(deps, caller, 201, command));
    return sendLink(deps, request, reply, told);
  });
  app.patch(
    `${PATH}/:id`,
    { config: WRITES, schema: { hide: true, params: IdParams, body: HostedLinkPatch } },
    async (request, reply) => {
      const { expiresAt } = valuesOf({ expiresAt: parseTime(request.body.expiresAt) });
      const link = linkKeyOf('link', request.params.id);
      const caller = hostedCallerOf(deps, request, `${PATH}/${publicLinkIdOf(link)}`);
      const told = await runLinkCommand(deps, caller, 200, { kind: 'extend_link', link, expiresAt });
      return sendLink(deps, request, reply, told);
    },
  );
  for (const [method, url] of [
    ['DELETE', `${PATH}/:id`],
    ['POST', `${PATH}/:id/cancel`],
  ] as const)
    app.route({
      method,
      url,
      config: WRITES,
      schema: { hide: true, params: IdParams },
      handler: async (request, reply) => {
        const link = linkKeyOf('link', (request.params as Static<typeof IdParams>).id);
        const caller = hostedCallerOf(deps, request, url.replace(':id', publicLinkIdOf(link)));
        const told = await runLinkCommand(deps, caller, 200, { kind: 'cancel_link', link });
        return sendLink(deps, request, reply, told);
      },
    });
}

function findRoutes(app: App, deps: Deps): void {
  app.get(PATH, { config: READS, schema: { hide: true, querystring: PageQuery } }, async (request, reply) => {
    const filter = filterOf(request);
    const load = (limit: number, offset: number) =>
      pageOfLinks(deps.pool, filter, { limit, offset, countTo: MAX_TOTAL });
    return sendJson(reply, 200, await numberedPage(request.query, load, hostedLink));
  });
  app.get(`${PATH}/statistics`, { config: SUMS, schema: { hide: true } }, async (request, reply) => {
    const sums = await sumLinks(deps.pool, filterOf(request)).catch(throwTooBroad);
    return sendJson(reply, 200, exactJson({ data: sumsView(sums) }));
  });
  app.get(
    `${PATH}/by-order-reference/:ref`,
    { config: READS, schema: { hide: true, params: Type.Object({ ref: Type.String() }) } },
    async (request, reply) => {
      const orderReference = parseOrderReference(request.params.ref);
      const [link] = orderReference.ok
        ? await listLinks(deps.pool, { ...filterOf(request), orderReference: orderReference.value }, null, 1)
        : [];
      if (link === undefined) throw new ApiError('payment_link_not_found');
      return sendJson(reply, 200, exactJson(hostedLink(link)));
    },
  );
  app.get(
    `${PATH}/:id`,
    { config: READS, schema: { hide: true, params: IdParams } },
    async (request, reply) => {
      const link = await requireLink(deps, merchantOf(request).merchantId, 'link', request.params.id);
      return sendJson(reply, 200, exactJson(hostedLink(link)));
    },
  );
}

/** @throws ApiError 400 for a customer that is none of ours, or what is not served */
function linkBodyOf(sent: Static<typeof HostedLinkBody>): Static<typeof LinkBody> {
  const { amount, currency, orderReference, description, expiresAt, metadata } = sent;
  const { customerId: customer, autoClearing, validation } = sent;
  const { customerId } = valuesOf({ customerId: isGiven(customer) ? parseUuid(customer) : parsed(null) });
  const { type, frequency, expiry } = sent.recurring ?? {};
  const recurring = type === undefined ? null : whatIsGiven({ type, frequency, expiry });
  const given = { description, expiresAt, metadata, customerId, autoClearing, validation, recurring };
  return {
    ...whatIsGiven(given),
    ...{ amount: minorAmountOf(amount) as number, currency, orderReference },
  };
}

function whatIsGiven(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => isGiven(value)));
}

function runLinkCommand(
  { engine }: Pick<Deps, 'engine'>,
  caller: MerchantCaller,
  statusCode: number,
  command: LinkCommand,
): Promise<Told> {
  const render = (outcome: Outcome): Answer => {
    if (outcome.kind !== 'link') throw new Error(`a command on a link ended as ${outcome.kind}`);
    return { statusCode, body: exactJson(hostedLink(outcome.link)) };
  };
  return engine.runOnce(callOf(caller, command, null, { render }));
}

function sendLink(
  deps: Deps,
  request: FastifyRequest,
  reply: FastifyReply,
  told: Told,
): Promise<FastifyReply> {
  return sendTranslated(deps, request, reply, told, {
    success: (body) => body,
    error: (body) => translated(request.url, body),
  });
}

function filterOf(request: FastifyRequest): LinkFilter {
  const { merchantId } = merchantOf(request);
  return { merchantId, kind: 'link', status: null, orderReference: null, createdFrom: null, createdTo: null };
}
