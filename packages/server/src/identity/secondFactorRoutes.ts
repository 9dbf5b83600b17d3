/** What protects the account of whoever is signed in: an authenticator app, and recovery codes. */
import type { FastifyRequest } from 'fastify';
import Type from 'typebox';
import type { Deps, SignIn } from '../app/deps.ts';
import { iso } from '../core/values/time.ts';
import { ERRORS } from '../http/adminCommon.ts';
import type { App } from '../http/baseApp.ts';
import { ApiError, fieldError } from '../http/errors.ts';
import { exactJson } from '../http/exactJson.ts';
import { checkCredential } from '../http/idempotentWrite.ts';
import { refuseOlderNodes } from '../http/olderNodes.ts';
import { sendJson } from '../http/send.ts';
import { inTransaction, type Queryable } from '../postgres/pool.ts';
import { lockOwnAccount, noteOwn, requireProof } from './attempts.ts';
import { ADMIN_USER, ANY_USER, ANY_USER_AT_FIRST, merchantOf, userOf } from './auth.ts';
import { findLink } from './oidc/oidcSql.ts';
import {
  codeOf,
  hashRecoveryCode,
  newRecoveryCodes,
  newTotpSecret,
  stepOfCode,
  totpUri,
} from './oneTimeCodes.ts';
import { listPasskeys } from './passkeysSql.ts';
import { passkeyView } from './passkeyViews.ts';
import {
  confirmTotp,
  deleteFactors,
  deleteTotp,
  type Factors,
  hasSecondFactor,
  keepPendingTotp,
  lockPendingTotp,
  readFactors,
  readRequirement,
  replaceRecoveryCodes,
  setRequirement,
} from './secondFactorsSql.ts';
import { endSessionsOf, setSecondFactorOfSessions } from './sessionsSql.ts';
import * as bodies from './userSchemas.ts';
import { findUser } from './usersSql.ts';

const DASHBOARD = { tags: ['Dashboard'], security: [{ session: [] }] };

export function secondFactorRoutes(app: App, deps: Deps, signIn: SignIn): void {
  readRoute(app, deps);
  beginTotpRoute(app, deps, signIn);
  confirmTotpRoute(app, deps, signIn);
  removeTotpRoute(app, deps, signIn);
  recoveryCodesRoute(app, deps, signIn);
}

/** Whether whoever is signed in must have a second factor. */
async function isRequired(deps: Deps, db: Queryable, request: FastifyRequest): Promise<boolean> {
  const merchantId = request.principal?.merchantId ?? null;
  return merchantId === null ? deps.config.mode === 'production' : readRequirement(db, merchantId);
}

function readRoute(app: App, deps: Deps): void {
  app.get(
    '/v1/session/security',
    {
      config: ANY_USER_AT_FIRST,
      schema: {
        ...DASHBOARD,
        operationId: 'getAccountSecurity',
        summary: 'What protects the account of whoever is signed in',
        response: { 200: Type.Ref('AccountSecurity'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const { id } = userOf(request);
      const { totp, recoveryCodes } = await readFactors(deps.pool, id);
      const passkeys = await listPasskeys(deps.pool, id);
      const link = await findLink(deps.pool, id);
      return sendJson(
        reply,
        200,
        exactJson({
          isSecondFactorRequired: await isRequired(deps, deps.pool, request),
          totp: totp === null ? null : { setUpAt: iso(totp.setUpAt) },
          passkeys: passkeys.map(passkeyView),
          recoveryCodesLeft: recoveryCodes,
          identity:
            link === null
              ? null
              : { ...link, linkedAt: iso(link.linkedAt), lastUsedAt: iso(link.lastUsedAt) },
        }),
      );
    },
  );
}

function beginTotpRoute(app: App, deps: Deps, signIn: SignIn): void {
  app.post(
    '/v1/session/totp',
    {
      config: ANY_USER_AT_FIRST,
      schema: {
        ...DASHBOARD,
        operationId: 'beginTotp',
        summary: 'Begin to set up an authenticator app',
        body: bodies.ProofBody,
        response: { 200: Type.Ref('TotpSecret'), ...ERRORS },
      },
    },
    async (request, reply) => {
      await requireProof(deps, signIn, request, request.body.password);
      const { id } = userOf(request);
      const user = await findUser(deps.pool, id);
      if (user === null) throw new ApiError('not_signed_in');
      const secret = newTotpSecret();
      request.showsSecret = true;
      await inTransaction(deps.pool, async (db) => {
        await checkCredential(deps, db, request);
        await refuseOlderNodes(db, 'protectedAccounts');
        await keepPendingTotp(db, id, deps.secrets.seal('totp secret', id, secret));
      });
      const issuer = deps.config.mode === 'sandbox' ? 'Plexy Pay sandbox' : 'Plexy Pay';
      return sendJson(reply, 200, exactJson({ secret, uri: totpUri(secret, issuer, user.email) }));
    },
  );
}

function confirmTotpRoute(app: App, deps: Deps, signIn: SignIn): void {
  app.post(
    '/v1/session/totp/confirm',
    {
      config: ANY_USER_AT_FIRST,
      schema: {
        ...DASHBOARD,
        operationId: 'confirmTotp',
        summary: 'Set up the authenticator app by its first code',
        body: bodies.TotpCodeBody,
        response: { 200: Type.Ref('RecoveryCodes'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const { id } = userOf(request);
      const typed = codeOf(request.body.code);
      if (typed?.kind !== 'totp') throw fieldError('invalid_request', 'code', 'must be 6 digits');
      request.showsSecret = true;
      const recoveryCodes = await inTransaction(deps.pool, async (db) => {
        await lockOwnAccount(deps, db, request);
        const sealed = await lockPendingTotp(db, id);
        if (sealed === null) throw new ApiError('totp_not_begun');
        const step = stepOfCode(deps.secrets.open('totp secret', id, sealed), typed.digits, Date.now(), null);
        if (step === null) throw new ApiError('wrong_second_factor');
        return setUpSecondFactor(db, request, { totp: true }, () => confirmTotp(db, id, step));
      });
      signIn.sessions.forget();
      return sendJson(reply, 200, exactJson({ recoveryCodes }));
    },
  );
}

/**
 * One more second factor of whoever is signed in. Every other session of theirs ends. Older nodes would go on to let them in
 * by the password alone, so beside these there is none.
 * @param db has their account locked
 * @param what is told of it to the audit log
 * @returns recovery codes when there were none; null: those of before still work
 * @throws ApiError 409 beside older nodes
 */
export async function setUpSecondFactor(
  db: Queryable,
  request: FastifyRequest,
  what: Readonly<Record<string, unknown>>,
  add: (before: Factors) => Promise<void>,
): Promise<readonly string[] | null> {
  const { id, sessionId } = userOf(request);
  await refuseOlderNodes(db, 'protectedAccounts');
  const before = await readFactors(db, id);
  await add(before);
  await endSessionsOf(db, id, sessionId);
  await setSecondFactorOfSessions(db, id, true);
  await noteOwn(db, request, 'second_factor.set_up', { after: what });
  return before.recoveryCodes > 0 ? null : makeRecoveryCodes(db, id);
}

async function makeRecoveryCodes(db: Queryable, userId: string): Promise<readonly string[]> {
  const codes = newRecoveryCodes();
  await replaceRecoveryCodes(db, userId, codes.map(hashRecoveryCode));
  return codes;
}

/**
 * Takes a second factor from whoever is signed in; with the last one the recovery codes go, too.
 * @param db has their account locked
 * @param remove answers with what is told of it to the audit log
 * @throws ApiError 422 when it is the last one, and one is required
 */
export async function removeSecondFactor(
  deps: Deps,
  db: Queryable,
  request: FastifyRequest,
  remove: () => Promise<Readonly<Record<string, unknown>>>,
): Promise<void> {
  const { id } = userOf(request);
  const before = await remove();
  await noteOwn(db, request, 'second_factor.remove', { before });
  if (hasSecondFactor(await readFactors(db, id))) return;
  if (await isRequired(deps, db, request)) throw new ApiError('last_second_factor');
  await deleteFactors(db, id);
  await setSecondFactorOfSessions(db, id, false);
}

function removeTotpRoute(app: App, deps: Deps, signIn: SignIn): void {
  app.post(
    '/v1/session/totp/remove',
    {
      config: ANY_USER,
      schema: {
        ...DASHBOARD,
        operationId: 'removeTotp',
        summary: 'Give up the authenticator app',
        body: bodies.ProofBody,
        response: { 204: Type.Unsafe<undefined>(Type.Null()), ...ERRORS },
      },
    },
    async (request, reply) => {
      await requireProof(deps, signIn, request, request.body.password);
      const { id } = userOf(request);
      await inTransaction(deps.pool, async (db) => {
        await lockOwnAccount(deps, db, request);
        await removeSecondFactor(deps, db, request, async () => {
          if (!(await deleteTotp(db, id))) throw new ApiError('totp_not_begun');
          return { totp: true };
        });
      });
      signIn.sessions.forget();
      return reply.code(204).send(undefined);
    },
  );
}

function recoveryCodesRoute(app: App, deps: Deps, signIn: SignIn): void {
  app.post(
    '/v1/session/recovery-codes',
    {
      config: ANY_USER,
      schema: {
        ...DASHBOARD,
        operationId: 'replaceRecoveryCodes',
        summary: 'Make new recovery codes, shown this once',
        body: bodies.ProofBody,
        response: { 200: Type.Ref('RecoveryCodes'), ...ERRORS },
      },
    },
    async (request, reply) => {
      await requireProof(deps, signIn, request, request.body.password);
      const { id } = userOf(request);
      request.showsSecret = true;
      const recoveryCodes = await inTransaction(deps.pool, async (db) => {
        await lockOwnAccount(deps, db, request);
        if (!hasSecondFactor(await readFactors(db, id))) throw new ApiError('no_second_factor');
        await noteOwn(db, request, 'second_factor.new_recovery_codes');
        return makeRecoveryCodes(db, id);
      });
      return sendJson(reply, 200, exactJson({ recoveryCodes }));
    },
  );
}

/** What a merchant asks of its users when they sign in. */
export function signInSettingsRoutes(app: App, deps: Deps, signIn: SignIn): void {
  app.get(
    '/v1/sign-in-settings',
    {
      config: ADMIN_USER,
      schema: {
        ...DASHBOARD,
        operationId: 'getSignInSettings',
        summary: 'What is asked of this merchant’s users when they sign in',
        response: { 200: Type.Ref('SignInSettings'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const { merchantId } = merchantOf(request);
      return sendJson(
        reply,
        200,
        exactJson({ requireSecondFactor: await readRequirement(deps.pool, merchantId) }),
      );
    },
  );
  app.patch(
    '/v1/sign-in-settings',
    {
      config: ADMIN_USER,
      schema: {
        ...DASHBOARD,
        operationId: 'updateSignInSettings',
        summary: 'Require a second factor of this merchant’s users, or not',
        body: bodies.SignInSettingsBody,
        response: { 200: Type.Ref('SignInSettings'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const { merchantId } = merchantOf(request);
      const { requireSecondFactor } = request.body;
      await inTransaction(deps.pool, async (db) => {
        await checkCredential(deps, db, request);
        const before = await setRequirement(db, merchantId, requireSecondFactor);
        if (before === requireSecondFactor) return;
        if (requireSecondFactor) await refuseOlderNodes(db, 'protectedAccounts');
        await noteOwn(db, request, 'merchant.require_second_factor', {
          object: { kind: 'merchant', id: merchantId },
          before: { requireSecondFactor: before },
          after: { requireSecondFactor },
        });
      });
      signIn.sessions.forget();
      return sendJson(reply, 200, exactJson({ requireSecondFactor }));
    },
  );
}
