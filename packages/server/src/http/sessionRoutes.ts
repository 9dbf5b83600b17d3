/** Signing in to the dashboard, and out. */
import { hash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import Type from 'typebox';
import { v7 as uuidv7 } from 'uuid';
import type { AuditAction } from '../domain/auditLog.ts';
import { parseEmail, parsePassword } from '../domain/signIn.ts';
import { insertAuditEntries } from '../store/auditLog.ts';
import { passGate } from '../store/gate.ts';
import { findMerchant } from '../store/merchants.ts';
import { inTransaction, type StatementRunner } from '../store/postgres.ts';
import {
  type AttemptSubject,
  beginSession,
  countAttempt,
  endSession,
  endSessionsOf,
  forgiveAttempt,
  readLockOuts,
} from '../store/sessions.ts';
import {
  type Credentials,
  findCredentials,
  findPasswordHash,
  findUser,
  setPasswordHash,
} from '../store/users.ts';
import { networkOf } from './addresses.ts';
import { ERRORS, refuseBody } from './adminCommon.ts';
import { auditActorOf } from './auditActor.ts';
import { ANY_USER, userOf } from './auth.ts';
import type { App } from './bareApp.ts';
import { clientAddressOf } from './clientAddress.ts';
import type { Deps, SignIn, Surface } from './deps.ts';
import { ApiError, tooManySignIns } from './errors.ts';
import { exactJson } from './exactJson.ts';
import { sendJson } from './execute.ts';
import { valuesOf } from './fields.ts';
import { checkCredential } from './operatorWrite.ts';
import { isServed, newToken, requireSameOrigin, type Sessions } from './sessions.ts';
import * as bodies from './userSchemas.ts';

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
          'Answers with the cookie `plexy_session`, in production `__Host-plexy_session`; with an ADMIN_PORT operators sign in there and get `plexy_operator` (`__Host-plexy_operator`), merchants’ users on the other. Too many attempts for one account or from one address have to wait: 429 with `Retry-After`.',
        tags,
        security: [],
        body: bodies.SignInBody,
        response: { 200: Type.Ref('Session'), ...ERRORS },
      },
    },
    async (request, reply) => {
      if (request.headers.origin !== undefined) requireSameOrigin(request, deps.config.publicUrl);
      const { email, password } = request.body;
      const { email: address } = valuesOf({ email: parseEmail(email) });
      // Before it counts: nobody is locked out because others crowd the door.
      signIn.passwords.requireRoom();
      const attempt = subjectsOf(address, clientAddressOf(request));
      await count(deps, attempt);
      const found = await findCredentials(deps.pool, address);
      // Operators' passwords cannot be tried where merchants come in, and the other way round.
      const credentials = found !== null && isServed(surface, found.merchantId) ? found : null;
      const proved = await signIn.passwords.verify(password, credentials?.passwordHash ?? null);
      if (!proved || credentials === null) {
        await noteFailure(deps, request, found, attempt);
        throw new ApiError('wrong_credentials');
      }
      await begin(deps, signIn.sessions, request, reply, credentials, attempt);
      return sendSession(deps, reply, credentials.id);
    },
  );
}

function subjectsOf(email: string, address: string): AttemptSubject[] {
  return [
    { kind: 'account', subject: `account ${hash('sha256', email, 'base64url')}` },
    { kind: 'address', subject: `address ${hash('sha256', networkOf(address), 'base64url')}` },
  ];
}

/** @throws ApiError 429 */
async function count(deps: Deps, attempt: readonly AttemptSubject[]): Promise<void> {
  await inTransaction(deps.pool, async (db) => {
    if (deps.config.mode === 'sandbox') await passGate(db);
    const waitMs = await countAttempt(db, attempt);
    if (waitMs > 0) throw tooManySignIns(Math.ceil(waitMs / 1_000));
  });
}

/** A new session with a new token, in place of the one that the browser had. @throws ApiError 401 */
async function begin(
  deps: Deps,
  sessions: Sessions,
  request: FastifyRequest,
  reply: FastifyReply,
  credentials: Credentials,
  attempt: readonly AttemptSubject[],
): Promise<void> {
  const { token, hash: tokenHash } = newToken();
  const before = sessions.tokenHashOf(request);
  const begun = await inTransaction(deps.pool, async (db) => {
    if (deps.config.mode === 'sandbox') await passGate(db);
    await forgiveAttempt(db, attempt);
    if (before !== null) await endSession(db, before);
    const id = uuidv7();
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
  account: Pick<Credentials, 'id' | 'merchantId'> | null,
  attempt: readonly AttemptSubject[],
): Promise<void> {
  const { id = null, merchantId = null } = account ?? {};
  const whose = { actor: auditActorOf(request), object: { kind: 'user', id }, merchantId };
  // While it lasts nobody gets as far as this: each lock-out was begun by the attempt that failed.
  const locks = await readLockOuts(deps.pool, attempt);
  await insertAuditEntries(deps.pool, [
    { ...whose, action: 'session.sign_in_failed' },
    ...locks.map((after) => ({ ...whose, action: 'session.lock_out' as const, after })),
  ]);
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

function passwordRoute(app: App, deps: Deps, { passwords, sessions }: SignIn): void {
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
      const { new: password } = valuesOf({ new: parsePassword(request.body.new) });
      const { id, sessionId } = userOf(request);
      const user = await findUser(deps.pool, id);
      const stored = await findPasswordHash(deps.pool, id);
      if (user === null) throw new ApiError('not_signed_in');
      // Whoever sits down at somebody's browser must not be free to guess.
      const attempt = subjectsOf(user.email, clientAddressOf(request));
      await count(deps, attempt);
      if (!(await passwords.verify(request.body.current, stored))) {
        await noteFailure(deps, request, user, attempt);
        throw new ApiError('wrong_credentials');
      }
      const passwordHash = await passwords.hash(password);
      await inTransaction(deps.pool, async (db) => {
        await forgiveAttempt(db, attempt);
        await checkCredential(db, request);
        if (!(await setPasswordHash(db, id, passwordHash, stored))) throw new ApiError('wrong_credentials');
        await endSessionsOf(db, id, sessionId);
        await noteOwn(db, request, 'user.change_password');
      });
      sessions.forget();
      return reply.code(204).send(undefined);
    },
  );
}
