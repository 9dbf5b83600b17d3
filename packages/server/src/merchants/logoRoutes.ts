/** The logo that a merchant's payers see. */
import Type from 'typebox';
import type { Deps } from '../app/deps.ts';
import { ADMIN, ERRORS, OPERATOR } from '../http/adminCommon.ts';
import type { App } from '../http/baseApp.ts';
import { ApiError } from '../http/errors.ts';
import { operatorWrite } from '../http/idempotentWrite.ts';
import { valuesOf } from '../http/parseFields.ts';
import { closed, IdempotencyHeader } from '../http/schemas.ts';
import type { Queryable } from '../postgres/pool.ts';
import { MAX_LOGO_BYTES, parseLogo } from './logo.ts';
import { deleteLogo, putLogo } from './logosSql.ts';
import { findMerchant, lockMerchant } from './merchantsSql.ts';
import { merchantIdOf } from './requireMerchant.ts';
import { merchantView } from './views.ts';

const PATH = '/v1/admin/merchants/:merchantId/checkout-logo';
const Params = Type.Object({ merchantId: Type.String() });
const LogoBody = Type.Object(
  {
    png: Type.String({
      description: `A PNG of at most ${MAX_LOGO_BYTES / 1024} KB and 1,024 pixels each way, in base64.`,
    }),
  },
  closed,
);

export function logoRoutes(app: App, deps: Deps): void {
  const common = { ...ADMIN, params: Params, headers: IdempotencyHeader };
  const response = { 200: Type.Ref('Merchant'), ...ERRORS };
  app.put(
    PATH,
    {
      config: OPERATOR,
      schema: {
        ...common,
        operationId: 'setCheckoutLogo',
        summary: 'Set the logo that a merchant’s payers see',
        body: LogoBody,
        response,
      },
    },
    async (request, reply) => {
      const { png: logo } = valuesOf({ png: parseLogo(request.body.png) });
      const id = merchantIdOf(request.params.merchantId);
      return operatorWrite(
        deps,
        request,
        reply,
        logoWrite(id, logo.hash, (db) => putLogo(db, id, logo)),
      );
    },
  );
  app.delete(
    PATH,
    {
      config: OPERATOR,
      schema: {
        ...common,
        operationId: 'deleteCheckoutLogo',
        summary: 'Take a merchant’s logo away',
        response,
      },
    },
    async (request, reply) => {
      const id = merchantIdOf(request.params.merchantId);
      return operatorWrite(
        deps,
        request,
        reply,
        logoWrite(id, null, (db) => deleteLogo(db, id)),
      );
    },
  );
}

/** @param checkoutLogo what the audit log tells of it */
function logoWrite(id: string, checkoutLogo: string | null, change: (db: Queryable) => Promise<void>) {
  return {
    path: PATH.replace(':merchantId', id),
    statusCode: 200 as const,
    work: async (db: Queryable) => {
      if ((await lockMerchant(db, id)) === null) throw new ApiError('merchant_not_found');
      await change(db);
      const merchant = await findMerchant(db, id);
      if (merchant === null) throw new Error(`merchant ${id} went away while it was locked`);
      const object = { kind: 'merchant', id };
      const audit = { action: 'merchant.update', merchantId: id, object, after: { checkoutLogo } } as const;
      return { effectId: id, body: merchantView(merchant), audit };
    },
  };
}
