/**
 * Signing in at the identity provider (OpenID Connect, authorization code with PKCE):
 *
 *   POST /v1/session/oidc           a page of ours asks for the provider's address, and goes there
 *   GET  /v1/session/oidc/callback  the provider sends the browser back; what it tells is proved, and kept for the page
 *   POST /v1/session/oidc/finish    the page begins the session, with a code if the account has a second factor here
 *
 * What is kept in between is a row, found by a cookie of this browser and used once. The session begins with a request of our own
 * page: another site can send a browser to the callback, but not sign it in.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import Type from 'typebox';
import type { Deps, SignIn } from '../../app/deps.ts';
import { auditActorOf } from '../../auditLog/auditActor.ts';
import { insertAuditEntries } from '../../auditLog/auditLogSql.ts';
import { networkOf } from '../../http/addresses.ts';
import { ERRORS } from '../../http/adminCommon.ts';
import type { App } from '../../http/baseApp.ts';
import { clientAddressOf } from '../../http/clientAddress.ts';
import { ApiError, fieldError } from '../../http/errors.ts';
import { exactJson } from '../../http/exactJson.ts';
import { sendJson } from '../../http/send.ts';
import { newId } from '../../installation/newId.ts';
import type { Queryable } from '../../postgres/pool.ts';
import { count } from '../attempts.ts';
import { begin, sendSession } from '../beginSession.ts';
import { choose } from '../chooseAccount.ts';
import { callerOf, rememberBrowser } from '../knownBrowsers.ts';
import { newPassword } from '../passwords.ts';
import { type Proof, proofOf, useUp } from '../proofs.ts';
import { requireSameOrigin, type Surface } from '../sessions.ts';
import { forgiveAttempt, type SignedInBy } from '../sessionsSql.ts';
import * as bodies from '../userSchemas.ts';
import { findHashOfAddress, insertUser } from '../usersSql.ts';
import {
  accountsOf,
  type Candidate,
  type Identity,
  type IdentityRefusal,
  type OpenedAccount,
} from './identities.ts';
import { Journeys } from './journeys.ts';
import {
  type Arrived,
  findArrival,
  findCandidates,
  insertLink,
  isLinkedToAnother,
  keepSession,
  useArrival,
  useLink,
} from './oidcSql.ts';

const OPEN = { tags: ['Dashboard'], security: [] };

export function oidcSignInRoutes(app: App, deps: Deps, surface: Surface, signIn: SignIn): void {
  const journeys = new Journeys(deps, surface, signIn.provider);
  beginRoute(app, deps, signIn, journeys);
  callbackRoute(app, signIn, journeys);
  finishRoute(app, deps, surface, signIn, journeys);
}

function beginRoute(app: App, deps: Deps, signIn: SignIn, journeys: Journeys): void {
  app.post(
    '/v1/session/oidc',
    {
      config: { auth: 'none' },
      schema: {
        ...OPEN,
        operationId: 'beginOidcSignIn',
        summary: 'Begin to sign in at the identity provider',
        description:
          'Answers with the address that the browser is to be sent to, and a cookie. The provider sends the browser back to `/v1/session/oidc/callback`, which leads to the page `next` with `oidc=proved` in its query: that page calls `/v1/session/oidc/finish`. When it was not signed in there, `oidc` is the reason.',
        body: bodies.OidcSignInBody,
        response: { 200: Type.Ref('IdentityProviderUrl'), ...ERRORS },
      },
    },
    async (request, reply) => {
      requireSameOrigin(request, deps.config.publicUrl);
      const { again = false } = request.body;
      const next = ownPageOf(request.body.next ?? '/dashboard');
      const left = await journeys.depart(request, { isAgain: again, next, userId: null });
      await signIn.strangers.ask(networkOf(clientAddressOf(request)), () => left.keep(deps.signIns, reply));
      return sendJson(reply, 200, exactJson({ url: left.url }));
    },
  );
}

/**
 * A page of the dashboard, in the one spelling that browsers have for it: `/dashboard/..//evil.example` begins like one, and would
 * lead to another server.
 * @throws ApiError 400
 */
function ownPageOf(text: string): string {
  const { pathname, search } = new URL(text, 'http://here');
  if (/^\/dashboard(?:\/|$)/.test(pathname)) return `${pathname}${search}`;
  throw fieldError('invalid_request', 'next', 'must be a page below /dashboard');
}

function callbackRoute(app: App, signIn: SignIn, journeys: Journeys): void {
  app.get(
    '/v1/session/oidc/callback',
    { config: { auth: 'none' }, schema: { hide: true } },
    async (request, reply) => {
      const { next, outcome } = isAdmitted(signIn, request)
        ? await journeys.arrive(request, reply)
        : { next: '/dashboard', outcome: 'too_many_sign_ins' };
      const target = new URL(next, 'http://here');
      target.searchParams.set('oidc', outcome);
      return reply.code(303).header('location', `${target.pathname}${target.search}`).send();
    },
  );
}

/** Each of the three requests of a sign-in is counted for itself: an office gets in as fast as with passwords. */
function isAdmitted({ strangers }: SignIn, request: FastifyRequest): boolean {
  try {
    strangers.admit(`callback ${networkOf(clientAddressOf(request))}`);
    return true;
  } catch (error) {
    if (error instanceof ApiError) return false;
    throw error;
  }
}

function finishRoute(app: App, deps: Deps, surface: Surface, signIn: SignIn, journeys: Journeys): void {
  app.post(
    '/v1/session/oidc/finish',
    {
      config: { auth: 'none' },
      schema: {
        ...OPEN,
        operationId: 'finishOidcSignIn',
        summary: 'Sign in as whom the identity provider has told',
        description:
          'Answers like `POST /v1/session`: 401 `second_factor_required` wants a `code` as well, unless the provider has asked for a second factor; 422 `merchant_required` wants a `merchantId`. Both for 10 minutes.',
        body: bodies.OidcFinishBody,
        response: { 200: Type.Ref('Session'), ...ERRORS },
      },
    },
    async (request, reply) => {
      requireSameOrigin(request, deps.config.publicUrl);
      signIn.strangers.admit(`finish ${networkOf(clientAddressOf(request))}`);
      const hash = journeys.hashOf(request);
      const arrived = hash === null ? null : await findArrival(deps.signIns, hash);
      if (arrived === null || arrived.userId !== null) throw new ApiError('identity_not_proved');
      const accounts = await accountsOfIdentity(deps, request, arrived, surface);
      const chosen = await choose(deps, accounts, request.body.merchantId);
      if (chosen === null) throw new ApiError('identity_not_known');
      const { userId, sessionId } = await beginFor(deps, signIn, request, reply, {
        ...{ arrived, chosen, isShared: accounts.length > 1, code: request.body.code },
      });
      journeys.setCookie(reply, null);
      rememberBrowser(reply, deps.config, deps.secrets, chosen.email);
      return sendSession(deps, reply, userId, sessionId);
    },
  );
}

const REASONS_OF_REFUSALS = {
  nobody: 'identity_not_known',
  not_active: 'identity_not_known',
  linked_to_another: 'identity_not_known',
  not_an_operator: 'identity_not_known',
  email_not_verified: 'email_not_verified',
} as const satisfies Readonly<Record<IdentityRefusal, string>>;

/** @throws ApiError 403 */
async function accountsOfIdentity(
  deps: Deps,
  request: FastifyRequest,
  { id, identity }: Arrived,
  surface: Surface,
): Promise<readonly OpenedAccount[]> {
  const found = await findCandidates(deps.signIns, identity);
  const accounts = accountsOf(identity, found, surface);
  if (typeof accounts !== 'string') return accounts;
  // It opens nothing, and is not tried again and again.
  if (!(await useArrival(deps.signIns, id))) throw new ApiError('identity_not_proved');
  await noteRefusal(deps, request, identity, found, accounts);
  throw new ApiError(REASONS_OF_REFUSALS[accounts]);
}

/** Who it was is told by issuer and subject, which the provider has proved. */
async function noteRefusal(
  deps: Deps,
  request: FastifyRequest,
  { issuer, subject }: Identity,
  found: readonly Candidate[],
  because: IdentityRefusal,
): Promise<void> {
  const named = found.length === 0 ? [{ id: null, merchantId: null }] : found;
  const after = { wrong: 'identity', because, issuer, subject };
  await insertAuditEntries(
    deps.signIns,
    named.map(({ id, merchantId }) => ({
      ...{ actor: auditActorOf(request), action: 'session.sign_in_failed' as const, merchantId, after },
      object: { kind: 'user', id },
    })),
  );
}

interface Opening {
  readonly arrived: Arrived;
  readonly chosen: OpenedAccount;
  /** Whether the identity opens others, too. */
  readonly isShared: boolean;
  readonly code: string | undefined;
}

const SIGNED_IN_BY = {
  totp: 'openid_connect_and_code',
  recovery_code: 'openid_connect_and_recovery_code',
} as const satisfies Readonly<Record<Proof['kind'], SignedInBy>>;

/** Counted like an attempt with a password: a lock-out of the account holds here, too, and codes cannot be guessed. */
async function beginFor(
  deps: Deps,
  signIn: SignIn,
  request: FastifyRequest,
  reply: FastifyReply,
  { arrived, chosen, isShared, code }: Opening,
): Promise<{ userId: string; sessionId: string }> {
  const { identity } = arrived;
  const userId = chosen.id ?? newId();
  const account = { id: userId, merchantId: chosen.merchantId };
  const caller = callerOf(request, deps.secrets, chosen.email);
  signIn.lockOuts.requireNone(caller.subjects);
  await count(deps, signIn, caller);
  const proof = identity.hasSecondFactor ? null : await proofOf(deps, request, account, { code, caller });
  const passwordHash = chosen.id === null ? await unknownPassword(deps, signIn, chosen.email) : null;
  const idToken = deps.secrets.open('id token', arrived.id, arrived.idToken);
  const sessionId = await begin(deps, signIn.sessions, request, reply, {
    account: { ...account, passwordHash: null },
    signedInBy: proof === null ? 'openid_connect' : SIGNED_IN_BY[proof.kind],
    hasSecondFactor: proof !== null || identity.hasSecondFactor,
    before: async (db) => {
      if (!(await useArrival(db, arrived.id))) throw new ApiError('identity_not_proved');
      if (proof !== null && !(await useUp(db, userId, proof))) throw new ApiError('wrong_second_factor');
      if (passwordHash !== null)
        await createOperator(db, request, identity, { id: userId, email: chosen.email, passwordHash });
      if (chosen.isNew) await link(db, request, identity, account);
      if (!(await useLink(db, userId, identity))) throw new ApiError('identity_not_known');
      await forgiveAttempt(db, caller.subjects, isShared);
    },
    after: (db, id) =>
      keepSession(db, id, deps.secrets.seal('id token', id, idToken), identity.authenticatedAt),
  });
  signIn.lockOuts.forget(caller.subjects);
  return { userId, sessionId };
}

/** A user whom the mapping creates has a password that nobody knows: it can be reset like any other. */
async function unknownPassword({ signIns }: Deps, { passwords }: SignIn, email: string): Promise<string> {
  return passwords.hash(newPassword(), await findHashOfAddress(signIns, email));
}

async function createOperator(
  db: Queryable,
  request: FastifyRequest,
  { name, issuer, subject }: Identity,
  { id, email, passwordHash }: { readonly id: string; readonly email: string; readonly passwordHash: string },
): Promise<void> {
  const user = { id, merchantId: null, email, name: name ?? email, role: 'operator' as const };
  if ((await insertUser(db, { ...user, passwordHash })) === null) throw new ApiError('identity_not_known');
  const after = { email, name: user.name, role: user.role, issuer, subject };
  await insertAuditEntries(db, [
    {
      actor: auditActorOf(request),
      action: 'user.create',
      merchantId: null,
      object: { kind: 'user', id },
      after,
    },
  ]);
}

/** Another request of the same identity may have linked it just now, which is as good. */
async function link(
  db: Queryable,
  request: FastifyRequest,
  identity: Identity,
  { id, merchantId }: { readonly id: string; readonly merchantId: string | null },
): Promise<void> {
  if (await isLinkedToAnother(db, { id, merchantId }, identity)) throw new ApiError('identity_not_known');
  if (!(await insertLink(db, id, identity))) return;
  const { issuer, subject, email } = identity;
  const after = { issuer, subject, email };
  await insertAuditEntries(db, [
    {
      actor: auditActorOf(request),
      action: 'identity.link',
      merchantId,
      object: { kind: 'user', id },
      after,
    },
  ]);
}
