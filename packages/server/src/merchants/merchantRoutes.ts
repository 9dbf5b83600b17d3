import Type, { type Static } from 'typebox';
import type { Mode } from '../app/config.ts';
import type { Deps } from '../app/deps.ts';
import { changedValues } from '../auditLog/auditEntry.ts';
import { parseCurrency } from '../core/values/currency.ts';
import { parsed } from '../core/values/parse.ts';
import { isProtected, isReturnTarget } from '../core/values/returnUrl.ts';
import { parseTimeZone } from '../core/values/timeZone.ts';
import { ADMIN, ERRORS, OPERATOR, parseName } from '../http/adminCommon.ts';
import * as bodies from '../http/adminSchemas.ts';
import type { App } from '../http/baseApp.ts';
import { ApiError, fieldError } from '../http/errors.ts';
import { exactJson } from '../http/exactJson.ts';
import { operatorWrite } from '../http/idempotentWrite.ts';
import { readPage } from '../http/page.ts';
import { invalidFields, valuesOf } from '../http/parseFields.ts';
import { IdempotencyHeader } from '../http/schemas.ts';
import { sendJson } from '../http/send.ts';
import { newId } from '../installation/newId.ts';
import { balancesJson, merchantStatementJson } from './balanceRoutes.ts';
import {
  findMerchant,
  insertMerchant,
  listMerchants,
  lockMerchant,
  type MerchantSettings,
  updateMerchant,
} from './merchantsSql.ts';
import { merchantIdOf, requireMerchant } from './requireMerchant.ts';
import { merchantView } from './views.ts';

const Params = Type.Object({ merchantId: Type.String() });
const DEFAULTS = {
  captureMode: 'manual',
  captureDelay: 0,
  authorizationTtl: 7 * 86_400,
  linkCaptureDelay: 3_600,
  linkHold: 5 * 86_400,
  returnOrigins: [],
  timeZone: null,
  requireIdempotencyKey: false,
  checkoutColor: null,
  checkoutOrigins: [],
} as const;

export function adminMerchantRoutes(app: App, deps: Deps): void {
  writeRoutes(app, deps);
  readRoutes(app, deps);
  balanceRoutes(app, deps);
}

function writeRoutes(app: App, deps: Deps): void {
  app.post(
    '/v1/admin/merchants',
    {
      config: OPERATOR,
      schema: {
        ...ADMIN,
        operationId: 'createMerchant',
        summary: 'Create a merchant',
        headers: IdempotencyHeader,
        body: bodies.MerchantBody,
        response: { 201: Type.Ref('Merchant'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const settings = checkedSettings(deps.config.mode, DEFAULTS, request.body);
      return operatorWrite(deps, request, reply, {
        path: '/v1/admin/merchants',
        statusCode: 201,
        work: async (db) => {
          const merchant = await insertMerchant(db, newId(), settings);
          const { id } = merchant;
          const made = {
            action: 'merchant.create',
            merchantId: id,
            object: { kind: 'merchant', id },
          } as const;
          return { effectId: id, body: merchantView(merchant), audit: { ...made, after: settings } };
        },
      });
    },
  );

  app.patch(
    '/v1/admin/merchants/:merchantId',
    {
      config: OPERATOR,
      schema: {
        ...ADMIN,
        operationId: 'updateMerchant',
        summary: 'Change settings of a merchant, from now on',
        params: Params,
        headers: IdempotencyHeader,
        body: bodies.MerchantPatch,
        response: { 200: Type.Ref('Merchant'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const id = merchantIdOf(request.params.merchantId);
      return operatorWrite(deps, request, reply, {
        path: `/v1/admin/merchants/${id}`,
        statusCode: 200,
        work: async (db) => {
          const before = await lockMerchant(db, id);
          if (before === null) throw new ApiError('merchant_not_found');
          const after = await updateMerchant(db, id, checkedSettings(deps.config.mode, before, request.body));
          if (after === null) throw new Error(`merchant ${id} went away while it was locked`);
          const object = { kind: 'merchant', id };
          const changes = changedValues(before, after);
          const audit = { action: 'merchant.update', merchantId: id, object, ...changes } as const;
          return { effectId: id, body: merchantView(after), audit };
        },
      });
    },
  );
}

function readRoutes(app: App, deps: Deps): void {
  app.get(
    '/v1/admin/merchants',
    {
      config: OPERATOR,
      schema: {
        ...ADMIN,
        operationId: 'listMerchants',
        summary: 'List merchants, newest first',
        querystring: bodies.ListQuery,
        response: { 200: bodies.pageSchema('Merchant'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const load = (before: string | null, limit: number) => listMerchants(deps.pool, before, limit);
      const page = await readPage(deps, 'merchants', request.query, load, ({ id }) => id);
      return sendJson(reply, 200, exactJson({ ...page, items: page.items.map(merchantView) }));
    },
  );

  app.get(
    '/v1/admin/merchants/:merchantId',
    {
      config: OPERATOR,
      schema: {
        ...ADMIN,
        operationId: 'getMerchant',
        summary: 'Get a merchant with its settings',
        params: Params,
        response: { 200: Type.Ref('Merchant'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const merchant = await findMerchant(deps.pool, merchantIdOf(request.params.merchantId));
      if (merchant === null) throw new ApiError('merchant_not_found');
      return sendJson(reply, 200, exactJson(merchantView(merchant)));
    },
  );
}

function balanceRoutes(app: App, deps: Deps): void {
  app.get(
    '/v1/admin/merchants/:merchantId/balances',
    {
      config: OPERATOR,
      schema: {
        ...ADMIN,
        operationId: 'listMerchantBalances',
        summary: 'List what a merchant has, by currency',
        params: Params,
        querystring: bodies.NoQuery,
        response: { 200: bodies.pageSchema('MerchantBalance'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const id = merchantIdOf(request.params.merchantId);
      await requireMerchant(deps.pool, id);
      return sendJson(reply, 200, await balancesJson(deps, id));
    },
  );

  app.get(
    '/v1/admin/merchants/:merchantId/statement',
    {
      config: OPERATOR,
      schema: {
        ...ADMIN,
        operationId: 'getMerchantStatement',
        summary: 'What moved on a merchant’s balance, newest first',
        params: Params,
        querystring: bodies.StatementQuery,
        response: { 200: Type.Ref('MerchantStatement'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const { currency } = valuesOf({ currency: parseCurrency(request.query.currency) });
      const id = merchantIdOf(request.params.merchantId);
      await requireMerchant(deps.pool, id);
      return sendJson(
        reply,
        200,
        await merchantStatementJson(deps, request, reply, id, currency, request.query),
      );
    },
  );
}

/** @throws ApiError 400 naming what is wrong of what was sent */
function checkedSettings(
  mode: Mode,
  before: Omit<MerchantSettings, 'name'>,
  sent: Static<typeof bodies.MerchantPatch>,
): MerchantSettings {
  const settings = { name: '', ...before, ...sent };
  const { captureMode, captureDelay, authorizationTtl, returnOrigins, requireIdempotencyKey } = settings;
  const { linkCaptureDelay, linkHold, checkoutOrigins } = settings;
  const { name, timeZone } = valuesOf({
    name: parseName(settings.name),
    timeZone: settings.timeZone === null ? parsed(null) : parseTimeZone(settings.timeZone),
  });
  // Whatever the mode: each payment may have its own.
  if (captureDelay >= authorizationTtl) {
    throw sent.captureDelay === undefined
      ? fieldError('invalid_request', 'authorizationTtl', `must be more than captureDelay (${captureDelay})`)
      : fieldError(
          'invalid_request',
          'captureDelay',
          `must be less than authorizationTtl (${authorizationTtl})`,
        );
  }
  // What was listed before there was a rule must not be in the way of another setting.
  if (sent.returnOrigins !== undefined) checkReturnOrigins(mode, sent.returnOrigins);
  if (sent.checkoutOrigins !== undefined) checkCheckoutOrigins(mode, sent.checkoutOrigins);
  return {
    name,
    captureMode,
    captureDelay,
    authorizationTtl,
    linkCaptureDelay,
    linkHold,
    returnOrigins,
    timeZone,
    requireIdempotencyKey,
    checkoutColor: settings.checkoutColor?.toLowerCase() ?? null,
    checkoutOrigins,
  };
}

/** Nothing but what an origin is made of: it is written into a policy. */
const ORIGIN = /^https?:\/\/[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?$/;

/** @throws ApiError 400 naming each that is none */
function checkCheckoutOrigins(mode: Mode, origins: readonly string[]): void {
  const details = origins.flatMap((origin, i) => {
    const isOrigin = ORIGIN.test(origin) && URL.canParse(origin) && new URL(origin).origin === origin;
    const message = !isOrigin
      ? 'must be an origin as in https://shop.example'
      : mode === 'production' && !isProtected(origin)
        ? 'must begin with https:// in production'
        : null;
    return message === null ? [] : [{ path: `checkoutOrigins.${i}`, message }];
  });
  if (details.length > 0) throw invalidFields(details);
}

/** @throws ApiError 400 naming each that payers may not be sent to */
function checkReturnOrigins(mode: Mode, origins: readonly string[]): void {
  const details = origins.flatMap((origin, i) => {
    const message = !isReturnTarget(origin)
      ? 'must be an origin as in https://shop.example, or the scheme of an app as in myapp://'
      : mode === 'production' && !isProtected(origin)
        ? 'must begin with https:// in production'
        : null;
    return message === null ? [] : [{ path: `returnOrigins.${i}`, message }];
  });
  if (details.length > 0) throw invalidFields(details);
}
