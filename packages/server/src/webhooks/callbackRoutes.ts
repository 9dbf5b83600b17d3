/** What proves to a merchant that a callback of a link comes from here: one secret for all of them. */
import Type from 'typebox';
import type { Deps } from '../app/deps.ts';
import { iso } from '../core/values/time.ts';
import { refuseBody } from '../http/adminCommon.ts';
import type { App } from '../http/baseApp.ts';
import { ApiError } from '../http/errors.ts';
import { exactJson } from '../http/exactJson.ts';
import { IdempotencyHeader } from '../http/schemas.ts';
import { sendJson } from '../http/send.ts';
import { merchantOf, VIEWER } from '../identity/auth.ts';
import {
  type CallbackSecret,
  countCallbackSecrets,
  findCallbackSecret,
  lockCallbacks,
  rotateCallbackSecret,
} from './callbacksSql.ts';
import { ERRORS, MERCHANT_ADMIN, WEBHOOKS, webhookWrite } from './common.ts';
import { bearerTokenOf, generateSecret } from './sign.ts';

const PATH = '/v1/callback-secret';
/** Each signature makes the header longer, and receivers bound theirs. */
const MAX_SECRETS = 10;

export function callbackRoutes(app: App, deps: Deps): void {
  app.get(
    PATH,
    {
      config: VIEWER,
      schema: {
        ...WEBHOOKS,
        operationId: 'getCallbackSecret',
        summary: 'Since when the callback secret is known, without it',
        response: { 200: Type.Ref('CallbackSecret'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const found = await findCallbackSecret(deps.pool, merchantOf(request).merchantId);
      return sendJson(reply, 200, exactJson(viewOf(found)));
    },
  );
  app.post(
    `${PATH}/rotate`,
    {
      config: MERCHANT_ADMIN,
      schema: {
        ...WEBHOOKS,
        operationId: 'rotateCallbackSecret',
        summary: 'Make a new callback secret; shows it once',
        description:
          'What is sent to the `callbackUrl` of a link has `Authorization: Bearer` and `bearerToken`, from the next attempt on, and is signed with `secret` as every webhook is; for 24 hours the secret before it signs as well.',
        headers: IdempotencyHeader,
        response: { 200: Type.Ref('ShownCallbackSecret'), ...ERRORS },
      },
    },
    async (request, reply) => {
      refuseBody(request);
      const { merchantId } = merchantOf(request);
      return webhookWrite(deps, request, reply, {
        path: `${PATH}/rotate`,
        shownOnce: ['secret', 'bearerToken'],
        statusCode: 200,
        work: async (db) => {
          await lockCallbacks(db, merchantId);
          if ((await countCallbackSecrets(db, merchantId)) >= MAX_SECRETS)
            throw new ApiError('too_many_webhook_secrets');
          const secret = generateSecret();
          const sealed = deps.secrets.seal('callback secret', merchantId, secret);
          const made = await rotateCallbackSecret(db, merchantId, sealed);
          const object = { kind: 'callback_secret', id: merchantId };
          const body = { ...viewOf(made), secret, bearerToken: bearerTokenOf(secret) };
          return { effectId: merchantId, body, audit: { action: 'callback_secret.rotate', object } as const };
        },
      });
    },
  );
}

function viewOf(secret: CallbackSecret | null) {
  return {
    createdAt: iso(secret?.shownAt ?? null),
    previousSecretValidUntil: iso(secret?.oldSecretUntil ?? null),
  };
}
