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
import { findCustomer, insertCustomer, insertWallet, listCustomers, listWallets } from './customersSql.ts';
import { customerView, walletView } from './views.ts';

const Params = Type.Object({ customerId: Type.String() });

export function adminCustomerRoutes(app: App, deps: Deps): void {
  createRoute(app, deps);
  readRoutes(app, deps);
  walletRoutes(app, deps);
}

function createRoute(app: App, deps: Deps): void {
  app.post(
    '/v1/admin/customers',
    {
      config: OPERATOR,
      schema: {
        ...ADMIN,
        operationId: 'createCustomer',
        summary: 'Create a customer',
        headers: IdempotencyHeader,
        body: bodies.CustomerBody,
        response: { 201: Type.Ref('Customer'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const { phoneNumber: phone, iin } = valuesOf({
        phoneNumber: parsePhone(request.body.phoneNumber),
        iin: parseIin(request.body.iin),
      });
      const stored = { phone, iinHash: deps.secrets.hashIin(iin), iinLast4: lastDigitsOf(iin) };
      return operatorWrite(deps, request, reply, {
        path: '/v1/admin/customers',
        statusCode: 201,
        work: async (db) => {
          const customer = await insertCustomer(db, { id: newId(), ...stored });
          if (customer === null) throw alreadyExists('phoneNumber', 'belongs to another customer');
          // Without what identifies a person: what is logged cannot be erased.
          const audit = { action: 'customer.create', object: { kind: 'customer', id: customer.id } } as const;
          return { effectId: customer.id, body: customerView(customer), audit };
        },
      });
    },
  );
}

function readRoutes(app: App, deps: Deps): void {
  app.get(
    '/v1/admin/customers',
    {
      config: OPERATOR,
      schema: {
        ...ADMIN,
        operationId: 'listCustomers',
        summary: 'List customers, newest first, or find some',
        querystring: bodies.CustomerQuery,
        response: { 200: bodies.pageSchema('Customer'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const { phoneNumber, iinLast4 = null } = request.query;
      const phone =
        phoneNumber === undefined ? null : valuesOf({ phoneNumber: parsePhone(phoneNumber) }).phoneNumber;
      const load = (before: string | null, limit: number) =>
        listCustomers(deps.pool, { before, phone, iinLast4, limit });
      const page = await readPage(deps, 'customers', request.query, load, ({ id }) => id);
      return sendJson(reply, 200, exactJson({ ...page, items: page.items.map(customerView) }));
    },
  );

  app.get(
    '/v1/admin/customers/:customerId',
    {
      config: OPERATOR,
      schema: {
        ...ADMIN,
        operationId: 'getCustomer',
        summary: 'Get a customer',
        params: Params,
        response: { 200: Type.Ref('Customer'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const customer = await findCustomer(deps.pool, customerIdOf(request.params.customerId));
      if (customer === null) throw new ApiError('customer_not_found');
      return sendJson(reply, 200, exactJson(customerView(customer)));
    },
  );
}

function walletRoutes(app: App, deps: Deps): void {
  app.post(
    '/v1/admin/customers/:customerId/wallets',
    {
      config: OPERATOR,
      schema: {
        ...ADMIN,
        operationId: 'createWallet',
        summary: 'Create a customer’s wallet in a currency, empty',
        params: Params,
        headers: IdempotencyHeader,
        body: bodies.WalletBody,
        response: { 201: Type.Ref('Wallet'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const customerId = customerIdOf(request.params.customerId);
      const { currency } = valuesOf({ currency: parseCurrency(request.body.currency) });
      const approval = request.body.requiresConfirmation === true ? 'customer' : 'none';
      return operatorWrite(deps, request, reply, {
        path: `/v1/admin/customers/${customerId}/wallets`,
        statusCode: 201,
        work: async (db) => {
          if ((await findCustomer(db, customerId)) === null) throw new ApiError('customer_not_found');
          const wallet = await insertWallet(db, { id: newId(), customerId, currency, approval });
          if (wallet === null) throw alreadyExists('currency', 'is that of a wallet that the customer has');
          const object = { kind: 'wallet', id: wallet.id };
          const audit = {
            action: 'wallet.create',
            object,
            after: { customerId, currency, approval },
          } as const;
          return { effectId: wallet.id, body: walletView(wallet), audit };
        },
      });
    },
  );

  app.get(
    '/v1/admin/customers/:customerId/wallets',
    {
      config: OPERATOR,
      schema: {
        ...ADMIN,
        operationId: 'listWallets',
        summary: 'List a customer’s wallets with their balances',
        params: Params,
        querystring: bodies.NoQuery,
        response: { 200: bodies.pageSchema('Wallet'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const id = customerIdOf(request.params.customerId);
      if ((await findCustomer(deps.pool, id)) === null) throw new ApiError('customer_not_found');
      const wallets = await listWallets(deps.pool, id);
      return sendJson(reply, 200, exactJson(wholePage(wallets.map(walletView))));
    },
  );
}

function customerIdOf(text: string): string {
  return idOf(text, 'customer_not_found');
}

function alreadyExists(path: string, message: string): ApiError {
  return new ApiError('already_exists', `${path} ${message}`, [{ path, message }]);
}
