import Type from 'typebox';
import type { Deps } from '../app/deps.ts';
import { parseCurrency } from '../core/values/currency.ts';
import { lastDigitsOf, parseIin } from '../core/values/iin.ts';
import { parsePhone } from '../core/values/phone.ts';
import { ADMIN, ERRORS, idOf, OPERATOR } from '../http/adminCommon.ts';
import * as bodies from '../http/adminSchemas.ts';
import type { App } from '../http/baseApp.ts';
import { ApiError } from '../http/errors.ts';
import { exactJson } from '../http/exactJson.ts';
import { operatorWrite } from '../http/idempotentWrite.ts';
import { readPage, wholePage } from '../http/page.ts';
import { valuesOf } from '../http/parseFields.ts';
import { IdempotencyHeader } from '../http/schemas.ts';
import { sendJson } from '../http/send.ts';
import { newId } from '../installation/newId.ts';
import { walletHolderView, walletView } from './views.ts';
import {
  findWalletHolder,
  insertWallet,
  insertWalletHolder,
  listWalletHolders,
  listWallets,
} from './walletHoldersSql.ts';

const Params = Type.Object({ holderId: Type.String() });

/** Where they are, and where they were while wallet holders were called customers: not documented any more. */
const PATHS = [
  { base: '/v1/admin/wallet-holders', documented: ADMIN },
  { base: '/v1/admin/customers', documented: { ...ADMIN, hide: true } },
] as const;
type Path = (typeof PATHS)[number];

export function adminWalletHolderRoutes(app: App, deps: Deps): void {
  for (const path of PATHS) {
    createRoute(app, deps, path);
    readRoutes(app, deps, path);
    walletRoutes(app, deps, path);
  }
}

function createRoute(app: App, deps: Deps, { base, documented }: Path): void {
  app.post(
    base,
    {
      config: OPERATOR,
      schema: {
        ...documented,
        operationId: 'createWalletHolder',
        summary: 'Create a wallet holder',
        headers: IdempotencyHeader,
        body: bodies.WalletHolderBody,
        response: { 201: Type.Ref('WalletHolder'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const { phoneNumber: phone, iin } = valuesOf({
        phoneNumber: parsePhone(request.body.phoneNumber),
        iin: parseIin(request.body.iin),
      });
      const stored = { phone, iinHash: deps.secrets.hashIin(iin), iinLast4: lastDigitsOf(iin) };
      return operatorWrite(deps, request, reply, {
        path: base,
        statusCode: 201,
        work: async (db) => {
          const holder = await insertWalletHolder(db, { id: newId(), ...stored });
          if (holder === null) throw alreadyExists('phoneNumber', 'belongs to another wallet holder');
          // Without what identifies a person: what is logged cannot be erased.
          const audit = {
            action: 'wallet_holder.create',
            object: { kind: 'wallet_holder', id: holder.id },
          } as const;
          return { effectId: holder.id, body: walletHolderView(holder), audit };
        },
      });
    },
  );
}

function readRoutes(app: App, deps: Deps, { base, documented }: Path): void {
  app.get(
    base,
    {
      config: OPERATOR,
      schema: {
        ...documented,
        operationId: 'listWalletHolders',
        summary: 'List wallet holders, newest first, or find some',
        querystring: bodies.WalletHolderQuery,
        response: { 200: bodies.pageSchema('WalletHolder'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const { phoneNumber, iinLast4 = null } = request.query;
      const phone =
        phoneNumber === undefined ? null : valuesOf({ phoneNumber: parsePhone(phoneNumber) }).phoneNumber;
      const load = (before: string | null, limit: number) =>
        listWalletHolders(deps.pool, { before, phone, iinLast4, limit });
      const page = await readPage(deps, 'walletHolders', request.query, load, ({ id }) => id);
      return sendJson(reply, 200, exactJson({ ...page, items: page.items.map(walletHolderView) }));
    },
  );

  app.get(
    `${base}/:holderId`,
    {
      config: OPERATOR,
      schema: {
        ...documented,
        operationId: 'getWalletHolder',
        summary: 'Get a wallet holder',
        params: Params,
        response: { 200: Type.Ref('WalletHolder'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const holder = await findWalletHolder(deps.pool, holderIdOf(request.params.holderId));
      if (holder === null) throw new ApiError('wallet_holder_not_found');
      return sendJson(reply, 200, exactJson(walletHolderView(holder)));
    },
  );
}

function walletRoutes(app: App, deps: Deps, { base, documented }: Path): void {
  app.post(
    `${base}/:holderId/wallets`,
    {
      config: OPERATOR,
      schema: {
        ...documented,
        operationId: 'createWallet',
        summary: 'Create a wallet holder’s wallet in a currency, empty',
        params: Params,
        headers: IdempotencyHeader,
        body: bodies.WalletBody,
        response: { 201: Type.Ref('Wallet'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const holderId = holderIdOf(request.params.holderId);
      const { currency } = valuesOf({ currency: parseCurrency(request.body.currency) });
      const approval = request.body.requiresConfirmation === true ? 'customer' : 'none';
      return operatorWrite(deps, request, reply, {
        path: `${base}/${holderId}/wallets`,
        statusCode: 201,
        work: async (db) => {
          if ((await findWalletHolder(db, holderId)) === null) throw new ApiError('wallet_holder_not_found');
          const wallet = await insertWallet(db, { id: newId(), holderId, currency, approval });
          if (wallet === null) throw alreadyExists('currency', 'is that of a wallet that the holder has');
          const object = { kind: 'wallet', id: wallet.id };
          const audit = {
            action: 'wallet.create',
            object,
            after: { holderId, currency, approval },
          } as const;
          return { effectId: wallet.id, body: walletView(wallet), audit };
        },
      });
    },
  );

  app.get(
    `${base}/:holderId/wallets`,
    {
      config: OPERATOR,
      schema: {
        ...documented,
        operationId: 'listWallets',
        summary: 'List a wallet holder’s wallets with their balances',
        params: Params,
        querystring: bodies.NoQuery,
        response: { 200: bodies.pageSchema('Wallet'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const id = holderIdOf(request.params.holderId);
      if ((await findWalletHolder(deps.pool, id)) === null) throw new ApiError('wallet_holder_not_found');
      const wallets = await listWallets(deps.pool, id);
      return sendJson(reply, 200, exactJson(wholePage(wallets.map(walletView))));
    },
  );
}

function holderIdOf(text: string): string {
  return idOf(text, 'wallet_holder_not_found');
}

function alreadyExists(path: string, message: string): ApiError {
  return new ApiError('already_exists', `${path} ${message}`, [{ path, message }]);
}
