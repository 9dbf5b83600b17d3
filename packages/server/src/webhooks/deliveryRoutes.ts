/** What was sent to a merchant's webhook endpoints, how it went, and sending it again. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import Type, { type Static } from 'typebox';
import type { Deps } from '../app/deps.ts';
import { type MessageKey, parseMessageId, parseTransactionId } from '../core/values/ids.ts';
import { parsed } from '../core/values/parse.ts';
import { parseTime } from '../core/values/time.ts';
import { positionBefore } from '../feed/eventListsSql.ts';
import { refuseBody } from '../http/adminCommon.ts';
import { pageSchema } from '../http/adminSchemas.ts';
import type { App } from '../http/baseApp.ts';
import { ApiError, fieldError } from '../http/errors.ts';
import { exactJson } from '../http/exactJson.ts';
import { readPage } from '../http/page.ts';
import { valuesOf } from '../http/parseFields.ts';
import { IdempotencyHeader } from '../http/schemas.ts';
import { sendJson } from '../http/send.ts';
import { MANAGER, merchantOf, VIEWER } from '../identity/auth.ts';
import { readClock } from '../installation/installationSql.ts';
import { newId } from '../installation/newId.ts';
import type { Queryable } from '../postgres/pool.ts';
import {
  ERRORS,
  endpointIdOf,
  PATH,
  Params,
  requireEnabled,
  requireEndpoint,
  requireRegistered,
  WEBHOOKS,
  webhookWrite,
} from './common.ts';
import { findDelivery, listAttempts, listDeliveries, requeue } from './deliveriesSql.ts';
import { insertReplay } from './replaysSql.ts';
import * as bodies from './schemas.ts';
import { deliveryView, deliveryWithAttempts, replayView } from './views.ts';

const DeliveryParams = Type.Object({ id: Type.String(), deliveryId: Type.String() });

export function webhookDeliveryRoutes(app: App, deps: Deps): void {
  readRoutes(app, deps);
  testRoute(app, deps);
  resendRoute(app, deps);
  replayRoute(app, deps);
}

function readRoutes(app: App, deps: Deps): void {
  app.get(
    `${PATH}/:id/deliveries`,
    {
      config: VIEWER,
      schema: {
        ...WEBHOOKS,
        operationId: 'listWebhookDeliveries',
        summary: 'List deliveries to an endpoint, newest first',
        params: Params,
        querystring: bodies.DeliveryQuery,
        response: { 200: pageSchema('WebhookDelivery'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const endpoint = await requireEndpoint(deps.pool, request, request.params.id);
      return listRoute(deps, reply, endpoint.id, request.query);
    },
  );
  app.get(
    `${PATH}/:id/deliveries/:deliveryId`,
    {
      config: VIEWER,
      schema: {
        ...WEBHOOKS,
        operationId: 'getWebhookDelivery',
        summary: 'Get a delivery with its body and attempts',
        params: DeliveryParams,
        response: { 200: Type.Ref('WebhookDeliveryWithAttempts'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const endpoint = await requireEndpoint(deps.pool, request, request.params.id);
      const delivery = await findDelivery(deps.pool, endpoint.id, messageKeyOf(request.params.deliveryId));
      if (delivery === null) throw new ApiError('webhook_delivery_not_found');
      const attempts = await listAttempts(deps.pool, delivery);
      return sendJson(reply, 200, exactJson(deliveryWithAttempts(delivery, attempts)));
    },
  );
}

async function listRoute(
  deps: Deps,
  reply: FastifyReply,
  endpointId: string,
  query: Static<typeof bodies.DeliveryQuery>,
): Promise<FastifyReply> {
  const { status = null, event: name = null, transactionId: id } = query;
  const { transactionId } = valuesOf({
    transactionId: id === undefined ? parsed(null) : parseTransactionId(id),
  });
  const filter = { status, name, transactionId };
  const load = (before: string | null, limit: number) =>
    listDeliveries(deps.pool, endpointId, filter, before === null ? null : BigInt(before), limit);
  const list = `deliveries to ${endpointId} ${status} ${name} ${transactionId}`;
  const page = await readPage(deps, list, query, load, (delivery) => String(delivery.id));
  return sendJson(reply, 200, exactJson({ ...page, items: page.items.map(deliveryView) }));
}

/** Malformed ids and unknown ones are answered alike. @throws ApiError 404 */
function messageKeyOf(text: string): MessageKey {
  const key = parseMessageId(text);
  if (!key.ok) throw new ApiError('webhook_delivery_not_found');
  return key.value;
}

function testRoute(app: App, deps: Deps): void {
  app.post(
    `${PATH}/:id/test`,
    {
      config: MANAGER,
      schema: {
        ...WEBHOOKS,
        operationId: 'testWebhookEndpoint',
        summary: 'Send a test webhook',
        description: `Sends an event named \`${bodies.TEST_EVENT}\`, whatever the endpoint asks for: the same envelope and headers; \`data\` holds the \`endpointId\` alone. It is retried like any other. The delivery with the id of this answer tells how it went.`,
        params: Params,
        headers: IdempotencyHeader,
        response: { 201: Type.Ref('WebhookDelivery'), ...ERRORS },
      },
    },
    async (request, reply) => {
      refuseBody(request);
      const { merchantId } = merchantOf(request);
      const endpointId = endpointIdOf(request.params.id);
      return webhookWrite(deps, request, reply, {
        path: `${PATH}/${endpointId}/test`,
        statusCode: 201,
        work: async (db) => {
          requireRegistered(await requireEnabled(db, request, endpointId));
          const id = newId();
          const name = bodies.TEST_EVENT;
          const body = JSON.stringify({ name, merchantId, data: { endpointId } });
          const key = { transactionId: id, seq: 0, familyId: id };
          const message = { ...key, merchantId, name, eventAt: await readClock(db), round: 0, body };
          await requeue(db, endpointId, [{ ...message, callbackUrl: null }], false);
          const object = { kind: 'webhook_endpoint', id: endpointId };
          const audit = { action: 'webhook_endpoint.test', object } as const;
          return { effectId: id, body: await viewOf(db, endpointId, key), audit };
        },
      });
    },
  );
}

async function viewOf(db: Queryable, endpointId: string, key: MessageKey) {
  const delivery = await findDelivery(db, endpointId, key);
  if (delivery === null) throw new Error('the delivery went away in its own transaction');
  return deliveryView(delivery);
}

function resendRoute(app: App, deps: Deps): void {
  app.post(
    `${PATH}/:id/deliveries/:deliveryId/resend`,
    {
      config: MANAGER,
      schema: {
        ...WEBHOOKS,
        operationId: 'resendWebhookDelivery',
        summary: 'Send a webhook again',
        description:
          'The same bytes with the same `webhook-id`, marked by `webhook-replay: true`, and retried like a new one. One that is pending is attempted now. It keeps its place before later events of its payment.',
        params: DeliveryParams,
        headers: IdempotencyHeader,
        response: { 200: Type.Ref('WebhookDelivery'), ...ERRORS },
      },
    },
    async (request, reply) => resend(deps, request, reply, request.params),
  );
}

function resend(
  deps: Deps,
  request: FastifyRequest,
  reply: FastifyReply,
  { id, deliveryId }: Static<typeof DeliveryParams>,
): Promise<FastifyReply> {
  refuseBody(request);
  const { merchantId } = merchantOf(request);
  const endpointId = endpointIdOf(id);
  const key = messageKeyOf(deliveryId);
  return webhookWrite(deps, request, reply, {
    path: `${PATH}/${endpointId}/deliveries/${deliveryId}/resend`,
    statusCode: 200,
    work: async (db) => {
      await requireEnabled(db, request, endpointId);
      const delivery = await findDelivery(db, endpointId, key);
      if (delivery === null) throw new ApiError('webhook_delivery_not_found');
      await requeue(db, endpointId, [{ ...delivery, merchantId, round: 0 }], true);
      const object = { kind: 'webhook_endpoint', id: endpointId };
      const audit = { action: 'webhook_delivery.resend', object, after: { deliveryId } } as const;
      return { effectId: endpointId, body: await viewOf(db, endpointId, key), audit };
    },
  });
}

function replayRoute(app: App, deps: Deps): void {
  app.post(
    `${PATH}/:id/replay`,
    {
      config: MANAGER,
      schema: {
        ...WEBHOOKS,
        operationId: 'replayWebhooks',
        summary: 'Send all webhooks of a time range again',
        description:
          'Every event from `from` to `to` that the endpoint asks for, whether it was sent to it before or not, in the background. Marked by `webhook-replay: true`, each with the `webhook-id` that it has always had; the bytes are those that were sent before, if it was. Events still pending are attempted now.',
        params: Params,
        headers: IdempotencyHeader,
        body: bodies.ReplayBody,
        response: { 201: Type.Ref('WebhookReplay'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const { merchantId } = merchantOf(request);
      const endpointId = endpointIdOf(request.params.id);
      const range = rangeOf(request.body, await readClock(deps.pool));
      return webhookWrite(deps, request, reply, {
        path: `${PATH}/${endpointId}/replay`,
        statusCode: 201,
        work: async (db) => {
          await requireEnabled(db, request, endpointId);
          const id = newId();
          const after = await positionBefore(db, range.from);
          await insertReplay(db, { id, endpointId, merchantId, ...range, after });
          const object = { kind: 'webhook_endpoint', id: endpointId };
          const body = replayView(id, endpointId, range);
          const sent = { replayId: id, from: body.from, to: body.to };
          const audit = { action: 'webhook_endpoint.replay', object, after: sent } as const;
          return { effectId: id, body, audit };
        },
      });
    },
  );
}

/** @throws ApiError 400 */
function rangeOf({ from, to }: Static<typeof bodies.ReplayBody>, now: number): { from: number; to: number } {
  const times = valuesOf({ from: parseTime(from), to: to === undefined ? parsed(now) : parseTime(to) });
  if (times.to < times.from) throw fieldError('invalid_request', 'to', 'must not be before from');
  return times;
}
