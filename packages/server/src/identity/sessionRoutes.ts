/** Signing in to the dashboard, and out. */
import Type from 'typebox';
import type { Deps, SignIn } from '../app/deps.ts';
import { ERRORS, refuseBody } from '../http/adminCommon.ts';
import type { App } from '../http/baseApp.ts';
import { ApiError, fieldError } from '../http/errors.ts';
import { exactJson } from '../http/exactJson.ts';
import { checkCredential } from '../http/idempotentWrite.ts';
import { valuesOf } from '../http/parseFields.ts';
import { sendJson } from '../http/send.ts';
import { inTransaction } from '../postgres/pool.ts';
import { count, noteFailure, noteOwn, provePassword } from './attempts.ts';
import { ANY_USER_AT_FIRST, userOf } from './auth.ts';
import { begin, sendSession } from './beginSession.ts';
import { choose } from './chooseAccount.ts';
import { callerOf, rememberBrowser } from './knownBrowsers.ts';
import { findIdToken } from './oidc/oidcSql.ts';
import { weaknessOf } from './passwordStrength.ts';
import { proofOf, SIGNED_IN_BY, useUp } from './proofs.ts';
import { isServed, originOf, requireSameOrigin, type Surface } from './sessions.ts';
import { endSession, endSessionsOf, forgiveAttempt } from './sessionsSql.ts';
import { parseEmail, parsePassword } from './signIn.ts';
import * as bodies from './userSchemas.ts';
import { findCredentials, findUser, setPasswordHash, type User } from './usersSql.ts';

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
          'Answers with the cookie `plexy_session`, in production `__Host-plexy_session`; with an ADMIN_PORT operators sign in there and get `plexy_operator` (`__Host-plexy_operator`), merchants’ users on the other. A user with a second factor who sends no `code` is answered with 401 `second_factor_required`, whose `details` name the ways: `totp` (6 digits of the authenticator app), `recovery_code`; send the same again with `code`. Too many attempts for one account or from one address have to wait: 429 with `Retry-After`. An e-mail address and a password that open accounts of several merchants are answered with 422 `merchant_required`: each of `details` has the id of a merchant, and its name behind it, to be sent as `merchantId`.',
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
        const opened = found.filter((_, i) => proved[i]);
        const chosen = await choose(deps, opened, merchantId);
        if (chosen === null) {
          await noteFailure(deps, request, found, caller.subjects);
          throw new ApiError('wrong_credentials');
        }
        const proof = await proofOf(deps, request, chosen, { code: request.body.code, caller });
        const sessionId = await begin(deps, signIn.sessions, request, reply, {
          account: chosen,
          signedInBy: proof === null ? 'password' : SIGNED_IN_BY[proof.kind],
          before: async (db) => {
            if (proof !== null && !(await useUp(db, chosen.id, proof)))
              throw new ApiError('wrong_second_factor');
            await forgiveAttempt(db, caller.subjects, found.length > 1);
          },
        });
        return { ...chosen, sessionId };
      });
      signIn.lockOuts.forget(caller.subjects);
      rememberBrowser(reply, deps.config, deps.secrets, email);
      return sendSession(deps, reply, account.id, account.sessionId);
    },
  );
}

function readRoute(app: App, deps: Deps): void {
  app.get(
    '/v1/session',
    {
      config: ANY_USER_AT_FIRST,
      schema: {
        operationId: 'getSession',
        summary: 'Who is signed in',
        tags,
        security,
        response: { 200: Type.Ref('Session'), ...ERRORS },
      },
    },
    async (request, reply) => sendSession(deps, reply, userOf(request).id, userOf(request).sessionId),
  );
}

function signOutRoutes(app: App, deps: Deps, { sessions, provider }: SignIn): void {
  app.delete(
    '/v1/session',
    {
      config: ANY_USER_AT_FIRST,
      schema: {
        operationId: 'signOut',
        summary: 'Sign out of this browser',
        description:
          'A session that began at the identity provider is answered with 200 and the address at which the browser signs out there, too, where the provider offers that.',
        tags,
        security,
        response: { 200: Type.Ref('SignedOut'), ...NO_CONTENT, ...ERRORS },
      },
    },
    async (request, reply) => {
      refuseBody(request);
      const token = sessions.tokenHashOf(request);
      const { sessionId } = userOf(request);
      const idToken = await findIdToken(deps.pool, sessionId);
      await inTransaction(deps.pool, async (db) => {
        await noteOwn(db, request, 'session.sign_out');
        if (token !== null) await endSession(db, token);
      });
      sessions.forget();
      sessions.setCookie(reply, null);
      // Here the session is over, whatever the provider says.
      const url =
        idToken === null || provider === null
          ? null
          : await provider.signOutUrl(
              deps.secrets.open('id token', sessionId, idToken),
              new URL('/dashboard', originOf(request)).href,
            );
      if (url === null) return reply.code(204).send(undefined);
      return sendJson(reply, 200, exactJson({ url }));
    },
  );
  app.post(
    '/v1/session/sign-out-everywhere',
    {
      config: ANY_USER_AT_FIRST,
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

function passwordRoute(app: App, deps: Deps, signIn: SignIn): void {
  app.post(
    '/v1/session/password',
    {
      config: ANY_USER_AT_FIRST,
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
      const own = await findUser(deps.pool, id);
      if (own === null) throw new ApiError('not_signed_in');
      const password = await newPasswordOf(request.body.new, own);
      await provePassword(deps, signIn, request, request.body.current, async (proved) => {
        const passwordHash = await signIn.passwords.hash(password, proved.passwordHash);
        await inTransaction(deps.signIns, async (db) => {
          await checkCredential(deps, db, request);
          if (!(await setPasswordHash(db, id, passwordHash, proved.passwordHash)))
            throw new ApiError('wrong_credentials');
          await endSessionsOf(db, id, sessionId);
          // After the user, whom a sign-in locks before its attempt is taken back.
          await forgiveAttempt(db, proved.caller.subjects, false);
          await noteOwn(db, request, 'user.change_password');
        });
      });
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
