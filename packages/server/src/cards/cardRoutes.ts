/** The cards that a merchant's customers have on file: list, default, consent, delete. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import Type from 'typebox';
import type { Deps } from '../app/deps.ts';
import type { AuditAction } from '../auditLog/auditEntry.ts';
import { isCardTokenId } from '../core/values/ids.ts';
import { lockCustomer } from '../customers/customersSql.ts';
import { requireCustomer } from '../customers/requireCustomer.ts';
import { ERRORS, refuseBody } from '../http/adminCommon.ts';
import { pageSchema } from '../http/adminSchemas.ts';
import type { App } from '../http/baseApp.ts';
import { ApiError } from '../http/errors.ts';
import { exactJson } from '../http/exactJson.ts';
import { writeOnce } from '../http/idempotentWrite.ts';
import { wholePage } from '../http/page.ts';
import { IdempotencyHeader } from '../http/schemas.ts';
import { sendJson } from '../http/send.ts';
import { MANAGER, merchantOf, VIEWER } from '../identity/auth.ts';
import type { Queryable } from '../postgres/pool.ts';
import * as store from './cardsOnFileSql.ts';
import { cardView } from './cardViews.ts';
import { CardPatch } from './schemas.ts';

const PATH = '/v1/customers/:id/cards';
const COMMON = { tags: ['Customers'], security: [{ merchantApiKey: [] }] };
const CustomerParams = Type.Object({ id: Type.String() });
const Params = Type.Object({
  id: Type.String(),
  cardId: Type.String({ examples: ['ct_5f0c1b0e8f2d4c6a9b7e3d1f5a2c4e68'] }),
});

export function cardRoutes(app: App, deps: Deps): void {
  readRoutes(app, deps);
  app.patch(
    `${PATH}/:cardId`,
    {
      config: MANAGER,
      schema: {
        ...COMMON,
        operationId: 'updateCustomerCard',
        summary: 'Make a card the customer’s default',
        params: Params,
        headers: IdempotencyHeader,
        body: CardPatch,
        response: { 200: Type.Ref('CardOnFile'), ...ERRORS },
      },
    },
    async (request, reply) =>
      change(deps, request, reply, request.params, 'card.make_default', store.makeDefault),
  );
  app.delete(
    `${PATH}/:cardId/consent`,
    {
      config: MANAGER,
      schema: {
        ...COMMON,
        operationId: 'withdrawCardConsent',
        summary: 'Withdraw the consent to charge a card without its customer',
        description:
          'From then on the merchant cannot charge it alone. It stays on file for the customer’s own use, until it is deleted.',
        params: Params,
        headers: IdempotencyHeader,
        response: { 200: Type.Ref('CardOnFile'), ...ERRORS },
      },
    },
    async (request, reply) => {
      refuseBody(request);
      return change(deps, request, reply, request.params, 'card.withdraw_consent', store.withdrawConsent);
    },
  );
  app.delete(
    `${PATH}/:cardId`,
    {
      config: MANAGER,
      schema: {
        ...COMMON,
        operationId: 'deleteCustomerCard',
        summary: 'Delete a card on file',
        description:
          'It can be charged no more, and what banks know it by is forgotten. Payments that it has made stay as they are.',
        params: Params,
        headers: IdempotencyHeader,
        response: { 200: Type.Ref('DeletedCard'), ...ERRORS },
      },
    },
    async (request, reply) => {
      refuseBody(request);
      return change(deps, request, reply, request.params, 'card.delete', store.deleteCards);
    },
  );
}

function readRoutes(app: App, deps: Deps): void {
  app.get(
    PATH,
    {
      config: VIEWER,
      schema: {
        ...COMMON,
        operationId: 'listCustomerCards',
        summary: 'List a customer’s cards on file, newest first',
        params: CustomerParams,
        response: { 200: pageSchema('CardOnFile'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const { merchantId } = merchantOf(request);
      const { id: customerId } = await requireCustomer(deps.pool, merchantId, request.params.id);
      const cards = await store.listCards(deps.pool, merchantId, customerId);
      return sendJson(reply, 200, exactJson(wholePage(cards.map(cardView))));
    },
  );
  app.get(
    `${PATH}/:cardId`,
    {
      config: VIEWER,
      schema: {
        ...COMMON,
        operationId: 'getCustomerCard',
        summary: 'Get a card on file',
        params: Params,
        response: { 200: Type.Ref('CardOnFile'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const { merchantId } = merchantOf(request);
      const { id: customerId } = await requireCustomer(deps.pool, merchantId, request.params.id);
      const card = await requireCard(deps.pool, merchantId, customerId, request.params.cardId);
      return sendJson(reply, 200, exactJson(cardView(card)));
    },
  );
}

type CardAction = Extract<AuditAction, `card.${string}`>;

/** @throws ApiError 404 for a customer or a card that is unknown, malformed or another merchant's */
async function change(
  deps: Deps,
  request: FastifyRequest,
  reply: FastifyReply,
  params: { readonly id: string; readonly cardId: string },
  action: CardAction,
  carryOut: (db: Queryable, customerId: string, id: string) => Promise<void>,
): Promise<FastifyReply> {
  const { merchantId } = merchantOf(request);
  const { id: customerId } = await requireCustomer(deps.pool, merchantId, params.id);
  return writeOnce(deps, request, reply, {
    path: `/v1/customers/${customerId}/cards/${params.cardId}${action === 'card.withdraw_consent' ? '/consent' : ''}`,
    statusCode: 200,
    work: async (db) => {
      if ((await lockCustomer(db, merchantId, customerId)) === null) throw new ApiError('customer_not_found');
      const { id } = await requireCard(db, merchantId, customerId, params.cardId);
      await carryOut(db, customerId, id);
      const body =
        action === 'card.delete'
          ? { id, deleted: true }
          : cardView(await requireCard(db, merchantId, customerId, id));
      const audit = { action, object: { kind: 'card', id }, after: { customerId } } as const;
      return { effectId: customerId, body, audit };
    },
  });
}

async function requireCard(
  db: Queryable,
  merchantId: string,
  customerId: string,
  id: string,
): Promise<store.CustomerCard> {
  const card = isCardTokenId(id) ? await store.findCard(db, merchantId, customerId, id) : null;
  if (card === null) throw new ApiError('card_not_found');
  return card;
}
