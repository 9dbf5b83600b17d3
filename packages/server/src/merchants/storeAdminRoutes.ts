import Type from 'typebox';
import type { Deps } from '../app/deps.ts';
import { parseUuid } from '../core/values/ids.ts';
import { ADMIN, ERRORS, OPERATOR, parseName } from '../http/adminCommon.ts';
import * as bodies from '../http/adminSchemas.ts';
import type { App } from '../http/baseApp.ts';
import { fieldError } from '../http/errors.ts';
import { operatorWrite } from '../http/idempotentWrite.ts';
import { valuesOf } from '../http/parseFields.ts';
import { IdempotencyHeader } from '../http/schemas.ts';
import { sendJson } from '../http/send.ts';
import { newId } from '../installation/newId.ts';
import { merchantIdOf, requireMerchant } from './requireMerchant.ts';
import { placesJson } from './storeRoutes.ts';
import { findStore, insertStore, insertTerminal } from './storesSql.ts';
import { placeView } from './views.ts';

const Params = Type.Object({ merchantId: Type.String() });

/** A merchant's stores, and the terminals in them: names that payments may carry. */
export function adminStoreRoutes(app: App, deps: Deps): void {
  createStoreRoute(app, deps);
  createTerminalRoute(app, deps);
  listRoutes(app, deps);
}

function createStoreRoute(app: App, deps: Deps): void {
  app.post(
    '/v1/admin/merchants/:merchantId/stores',
    {
      config: OPERATOR,
      schema: {
        ...ADMIN,
        operationId: 'createStore',
        summary: 'Create a store of a merchant',
        params: Params,
        headers: IdempotencyHeader,
        body: bodies.StoreBody,
        response: { 201: Type.Ref('Store'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const merchantId = merchantIdOf(request.params.merchantId);
      const { name } = valuesOf({ name: parseName(request.body.name) });
      return operatorWrite(deps, request, reply, {
        path: `/v1/admin/merchants/${merchantId}/stores`,
        statusCode: 201,
        work: async (db) => {
          await requireMerchant(db, merchantId);
          const store = await insertStore(db, { id: newId(), merchantId, name });
          const object = { kind: 'store', id: store.id };
          const audit = { action: 'store.create', merchantId, object, after: { name } } as const;
          return { effectId: store.id, body: placeView(store), audit };
        },
      });
    },
  );
}

function createTerminalRoute(app: App, deps: Deps): void {
  app.post(
    '/v1/admin/merchants/:merchantId/terminals',
    {
      config: OPERATOR,
      schema: {
        ...ADMIN,
        operationId: 'createTerminal',
        summary: 'Create a terminal in a store of a merchant',
        params: Params,
        headers: IdempotencyHeader,
        body: bodies.TerminalBody,
        response: { 201: Type.Ref('Terminal'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const merchantId = merchantIdOf(request.params.merchantId);
      const { name, storeId } = valuesOf({
        name: parseName(request.body.name),
        storeId: parseUuid<'StoreId'>(request.body.storeId),
      });
      return operatorWrite(deps, request, reply, {
        path: `/v1/admin/merchants/${merchantId}/terminals`,
        statusCode: 201,
        work: async (db) => {
          await requireMerchant(db, merchantId);
          if ((await findStore(db, merchantId, storeId)) === null)
            throw fieldError('invalid_request', 'storeId', 'is not one of this merchant’s stores');
          const terminal = await insertTerminal(db, { id: newId(), merchantId, storeId, name });
          const object = { kind: 'terminal', id: terminal.id };
          const audit = { action: 'terminal.create', merchantId, object, after: { name, storeId } } as const;
          return { effectId: terminal.id, body: placeView(terminal), audit };
        },
      });
    },
  );
}

const LISTS = {
  stores: { operationId: 'listStores', summary: 'List a merchant’s stores, newest first', name: 'Store' },
  terminals: {
    operationId: 'listTerminals',
    summary: 'List a merchant’s terminals, newest first',
    name: 'Terminal',
  },
} as const;

function listRoutes(app: App, deps: Deps): void {
  for (const noun of ['stores', 'terminals'] as const) {
    const { operationId, summary, name } = LISTS[noun];
    app.get(
      `/v1/admin/merchants/:merchantId/${noun}`,
      {
        config: OPERATOR,
        schema: {
          ...ADMIN,
          operationId,
          summary,
          params: Params,
          querystring: bodies.ListQuery,
          response: { 200: bodies.pageSchema(name), ...ERRORS },
        },
      },
      async (request, reply) => {
        const id = merchantIdOf(request.params.merchantId);
        await requireMerchant(deps.pool, id);
        return sendJson(reply, 200, await placesJson(deps, noun, id, request.query));
      },
    );
  }
}
