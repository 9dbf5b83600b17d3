/** Signing in to the dashboard, and out. */

import type { FastifyReply, FastifyRequest } from 'fastify';
import Type from 'typebox';
import type { Deps, SignIn } from '../app/deps.ts';
import { auditActorOf } from '../auditLog/auditActor.ts';
import type { AuditAction } from '../auditLog/auditEntry.ts';
import { insertAuditEntries } from '../auditLog/auditLogSql.ts';
import { passGate } from '../engine/gateSql.ts';
import { ERRORS, refuseBody } from '../http/adminCommon.ts';
import type { App } from '../http/baseApp.ts';
import { ApiError, fieldError } from '../http/errors.ts';
import { exactJson } from '../http/exactJson.ts';
import { checkCredential } from '../http/idempotentWrite.ts';
import { valuesOf } from '../http/parseFields.ts';
import { sendJson } from '../http/send.ts';
import { newId } from '../installation/newId.ts';
import { findMerchant } from '../merchants/merchantsSql.ts';
import { inTransaction, type StatementRunner } from '../postgres/pool.ts';
import { ANY_USER, userOf } from './auth.ts';
import { callerOf, rememberBrowser, type SignInCaller } from './knownBrowsers.ts';
import { weaknessOf } from './passwordStrength.ts';
import type { Surface } from './sessions.ts';
import { isServed, newToken, requireSameOrigin, type Sessions } from './sessions.ts';
import {
  type AttemptSubject,
  beginSession,
  countAttempt,
  endSession,
  endSessionsOf,
  findLocks,
  forgiveAttempt,
  readLockOuts,
} from './sessionsSql.ts';
import { parseEmail, parsePassword } from './signIn.ts';
import * as bodies from './userSchemas.ts';
import {
  type Credentials,
  findCredentials,
  findPasswordHash,
  findUser,
  setPasswordHash,
  type User,
} from './usersSql.ts';

const tags = ['Dashboard'];
const security = [{ session: [] }];
const NO_CONTENT = { 204: Type.Unsafe<undefined>(Type.Null()) };

export function sessionRoutes(app: App, deps: Deps, surface: Surface, signIn: SignIn): void {
  signInRoute(app, deps, surface, signIn);
  readRoute(app, deps);
  signOutRoutes(app, deps, signIn);
  passwordRoute(app, deps, signIn);
}

function signInRoute(app: App, deps: Deps, surface: Surface, signIn: SignIn): void {
  app.post(
    '/v1/session',
    {
      config: { auth: 'none' },
      schema: {
        operationId: 'signIn',
        summary: 'Sign in to the dashboard',
        description:
          'Answers with the cookie `plexy_session`, in production `__Host-plexy_session`; with an ADMIN_PORT operators sign in there and get `plexy_operator` (`__Host-plexy_operator`), merchants’ users on the other. Too many attempts for one account or from one address have to wait: 429 with `Retry-After`. An e-mail address and a password that open accounts of several merchants are answered with 422 `merchant_required`: each of `details` has the id of a merchant, and its name behind it, to be sent as `merchantId`.',
        tags,
        security: [],
        body: bodies.SignInBody,
        response: { 200: Type.Ref('Session'), ...ERRORS },
      },
    },
    async (request, reply) => {
      if (request.headers.origin !== undefined) requireSameOrigin(request, deps.config.publicUrl);
      const { password, merchantId } = request.body;
      const { email } = valuesOf({ email: parseEmail(request.body.email) });
      const caller = callerOf(request, deps.secrets, email);
      // All that can be refused without the database comes first, and counts for nobody.
      signIn.lockOuts.requireNone(caller.subjects);
      if (!caller.known) signIn.strangers.admit(caller.network);
      const account = await signIn.passwords.inPlace(caller, async () => {
        await count(deps, signIn, caller);
        // Operators' passwords cannot be tried where merchants come in, and the other way round.
        const found = (await findCredentials(deps.signIns, email)).filter((one) =>
          isServed(surface, one.merchantId),
        );
        const hashes = found.map(({ passwordHash }) => passwordHash);
        const proved = await signIn.passwords.verify(password, hashes, caller.known);
        const chosen = await choose(
          deps,
          found.filter((_, i) => proved[i]),
          merchantId,
        ).catch(async (error: unknown) => {
          if (error instanceof ApiError && error.reason === 'wrong_credentials')
            await noteFailure(deps, request, found, caller.subjects);
          throw error;
        });
        await begin(deps, signIn.sessions, request, reply, chosen, { caller, isShared: found.length > 1 });
        return chosen;
      });
      signIn.lockOuts.forget(caller.subjects);
      rememberBrowser(reply, deps.config, deps.secrets, email);
      return sendSession(deps, reply, account.id);
    },
  );
}

/** In place of a merchant's id: the account of an operator. */
const OPERATOR_ACCOUNT = 'operator';

/**
 * Which of the accounts that the password proves is signed in to.
 * @throws ApiError 401 when there is none; 422 when there are several, and which is not said
 */
async function choose(
  { signIns }: Deps,
  proved: readonly Credentials[],
  merchantId: string | undefined,
): Promise<Credentials> {
  const idOfAccount = (account: Credentials): string => account.merchantId ?? OPERATOR_ACCOUNT;
  const named = merchantId === undefined ? proved : proved.filter((one) => idOfAccount(one) === merchantId);
  const [first, ...others] = named;
  if (first === undefined) throw new ApiError('wrong_credentials');
  if (others.length === 0) return first;
  const details = [];
  for (const account of named) {
    const merchant = account.merchantId === null ? null : await findMerchant(signIns, account.merchantId);
    details.push({ path: 'merchantId', message: `${idOfAccount(account)} ${merchant?.name ?? ''}`.trim() });
  }
  throw new ApiError('merchant_required', undefined, details);
}

/** @throws ApiError 429 */
async function count(deps: Deps, { lockOuts }: SignIn, { subjects }: SignInCaller): Promise<void> {
  lockOuts.hear(await findLocks(deps.signIns, subjects));
  await inTransaction(deps.signIns, async (db) => {
    if (deps.config.mode === 'sandbox') await passGate(db);
    lockOuts.hear(await countAttempt(db, subjects));
  });
}

interface Attempt {
  readonly caller: SignInCaller;
  /** Whether other accounts have the same e-mail address. */
  readonly isShared: boolean;
}

/** A new session with a new token, in place of the one that the browser had. @throws ApiError 401 */
async function begin(
  deps: Deps,
  sessions: Sessions,
  request: FastifyRequest,
  reply: FastifyReply,
  credentials: Credentials,
  { caller, isShared }: Attempt,
): Promise<void> {
  const { token, hash: tokenHash } = newToken();
  const before = sessions.tokenHashOf(request);
  const begun = await inTransaction(deps.signIns, async (db) => {
    if (deps.config.mode === 'sandbox') await passGate(db);
    await forgiveAttempt(db, caller.subjects, isShared);
    if (before !== null) await endSession(db, before);
    const id = newId();
    const user = await beginSession(db, { id, hash: tokenHash }, credentials);
    if (user !== null) await note(db, request, 'session.sign_in', { ...credentials, sessionId: id });
    return user;
  });
  if (begun === null) throw new ApiError('wrong_credentials');
  sessions.setCookie(reply, token);
}

/** Somebody who signs in, or tries to: no credential of the request names them. */
interface Entering extends Pick<Credentials, 'id' | 'merchantId'> {
  /** Null: they did not get in. */
  readonly sessionId: string | null;
}

/** Tells the audit log. Who fails is not known, only whose account it was. */
async function note(
  db: StatementRunner,
  request: FastifyRequest,
  action: AuditAction,
  { id, merchantId, sessionId }: Entering,
): Promise<void> {
  const actor = {
    ...auditActorOf(request),
    ...(sessionId === null
      ? {}
      : { kind: 'user' as const, id, isOperator: merchantId === null, credentialId: sessionId }),
  };
  await insertAuditEntries(db, [{ actor, action, merchantId, object: { kind: 'user', id } }]);
}

/** What was typed is not kept: people type passwords into the field for the e-mail address. */
async function noteFailure(
  deps: Deps,
  request: FastifyRequest,
  accounts: readonly Pick<Credentials, 'id' | 'merchantId'>[],
  attempt: readonly AttemptSubject[],
): Promise<void> {
  // While it lasts nobody gets as far as this: each lock-out was begun by the attempt that failed.
  const locks = await readLockOuts(deps.signIns, attempt);
  const named = accounts.length === 0 ? [{ id: null, merchantId: null }] : accounts;
  const entries = named.flatMap(({ id, merchantId }) => {
    const whose = { actor: auditActorOf(request), object: { kind: 'user', id }, merchantId };
    return [
      { ...whose, action: 'session.sign_in_failed' as const },
      ...locks.map((after) => ({ ...whose, action: 'session.lock_out' as const, after })),
    ];
  });
  await insertAuditEntries(deps.signIns, entries);
}

function readRoute(app: App, deps: Deps): void {
  app.get(
    '/v1/session',
    {
      config: ANY_USER,
      schema: {
        operationId: 'getSession',
        summary: 'Who is signed in',
        tags,
        security,
        response: { 200: Type.Ref('Session'), ...ERRORS },
      },
    },
    async (request, reply) => sendSession(deps, reply, userOf(request).id),
  );
}

async function sendSession(deps: Deps, reply: FastifyReply, userId: string): Promise<FastifyReply> {
  const user = await findUser(deps.pool, userId);
  if (user === null) throw new ApiError('not_signed_in');
  const { id, email, name, role, merchantId } = user;
  const found = merchantId === null ? null : await findMerchant(deps.pool, merchantId);
  const merchant = found === null ? null : { id: found.id, name: found.name, timeZone: found.timeZone };
  const { mode } = deps.config;
  return sendJson(reply, 200, exactJson({ user: { id, email, name, role }, merchant, mode }));
}

function signOutRoutes(app: App, deps: Deps, { sessions }: SignIn): void {
  app.delete(
    '/v1/session',
    {
      config: ANY_USER,
      schema: {
        operationId: 'signOut',
        summary: 'Sign out of this browser',
        tags,
        security,
        response: { ...NO_CONTENT, ...ERRORS },
      },
    },
    async (request, reply) => {
      refuseBody(request);
      const token = sessions.tokenHashOf(request);
      await inTransaction(deps.pool, async (db) => {
        await noteOwn(db, request, 'session.sign_out');
        if (token !== null) await endSession(db, token);
      });
      sessions.forget();
      sessions.setCookie(reply, null);
      return reply.code(204).send(undefined);
    },
  );
  app.post(
    '/v1/session/sign-out-everywhere',
    {
      config: ANY_USER,
      schema: {
        operationId: 'signOutEverywhere',
        summary: 'Sign out of every browser, this one too',
        tags,
        security,
        response: { ...NO_CONTENT, ...ERRORS },
      },
    },
    async (request, reply) => {
      refuseBody(request);
      await inTransaction(deps.pool, async (db) => {
        await noteOwn(db, request, 'session.sign_out_everywhere');
        await endSessionsOf(db, userOf(request).id, null);
      });
      sessions.forget();
      sessions.setCookie(reply, null);
      return reply.code(204).send(undefined);
    },
  );
}

/** Tells the audit log what somebody who is signed in does to their own account. */
async function noteOwn(db: StatementRunner, request: FastifyRequest, action: AuditAction): Promise<void> {
  const object = { kind: 'user', id: userOf(request).id };
  const merchantId = request.principal?.merchantId ?? null;
  await insertAuditEntries(db, [{ actor: auditActorOf(request), action, merchantId, object }]);
}

function passwordRoute(app: App, deps: Deps, signIn: SignIn): void {
  app.post(
    '/v1/session/password',
    {
      config: ANY_USER,
      schema: {
        operationId: 'changePassword',
        summary: 'Change the password; other sessions end',
        tags,
        security,
        body: bodies.PasswordBody,
        response: { ...NO_CONTENT, ...ERRORS },
      },
    },
    async (request, reply) => {
      const { id, sessionId } = userOf(request);
      const user = await findUser(deps.pool, id);
      const stored = await findPasswordHash(deps.pool, id);
      if (user === null || stored === null) throw new ApiError('not_signed_in');
      const password = await newPasswordOf(request.body.new, user);
      // Whoever sits down at somebody's browser must not be free to guess.
      const caller = { ...callerOf(request, deps.secrets, user.email), known: true };
      signIn.lockOuts.requireNone(caller.subjects);
      await signIn.passwords.inPlace(caller, async () => {
        await count(deps, signIn, caller);
        const [isRight] = await signIn.passwords.verify(request.body.current, [stored], true);
        if (isRight !== true) {
          await noteFailure(deps, request, [user], caller.subjects);
          throw new ApiError('wrong_credentials');
        }
        const passwordHash = await signIn.passwords.hash(password, stored);
        await inTransaction(deps.signIns, async (db) => {
          await forgiveAttempt(db, caller.subjects, false);
          await checkCredential(db, request);
          if (!(await setPasswordHash(db, id, passwordHash, stored))) throw new ApiError('wrong_credentials');
          await endSessionsOf(db, id, sessionId);
          await noteOwn(db, request, 'user.change_password');
        });
      });
      signIn.lockOuts.forget(caller.subjects);
      signIn.sessions.forget();
      return reply.code(204).send(undefined);
    },
  );
}

/** @throws ApiError 400 saying why it is too easy to guess */
async function newPasswordOf(text: string, user: User): Promise<string> {
  const { new: password } = valuesOf({ new: parsePassword(text) });
  const weakness = await weaknessOf(password, user);
  if (weakness !== null) throw fieldError('invalid_request', 'new', weakness);
  return password;
}
