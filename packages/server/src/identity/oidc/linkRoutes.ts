/** Linking the account of whoever is signed in to who they are at the identity provider, and unlinking it. */
import Type from 'typebox';
import type { Deps, SignIn } from '../../app/deps.ts';
import { ERRORS } from '../../http/adminCommon.ts';
import type { App } from '../../http/baseApp.ts';
import { ApiError } from '../../http/errors.ts';
import { exactJson } from '../../http/exactJson.ts';
import { checkCredential } from '../../http/idempotentWrite.ts';
import { sendJson } from '../../http/send.ts';
import { inTransaction } from '../../postgres/pool.ts';
import { lockOwnAccount, noteOwn, requireProof } from '../attempts.ts';
import { ANY_USER, userOf } from '../auth.ts';
import type { Surface } from '../sessions.ts';
import { endSessionsOf } from '../sessionsSql.ts';
import * as bodies from '../userSchemas.ts';
import { Journeys } from './journeys.ts';
import { deleteLink, findArrival, insertLink, isLinkedToAnother, useArrival } from './oidcSql.ts';

const DASHBOARD = { tags: ['Dashboard'], security: [{ session: [] }] };
const NO_CONTENT = { 204: Type.Unsafe<undefined>(Type.Null()) };
/** The page that the browser comes back to. */
const SECURITY_PAGE = '/dashboard/account/security';

export function oidcLinkRoutes(app: App, deps: Deps, surface: Surface, signIn: SignIn): void {
  const journeys = new Journeys(deps, surface, signIn.provider);
  beginRoute(app, deps, signIn, journeys);
  confirmRoute(app, deps, signIn, journeys);
  removeRoute(app, deps, signIn);
}

function beginRoute(app: App, deps: Deps, signIn: SignIn, journeys: Journeys): void {
  app.post(
    '/v1/session/oidc/link',
    {
      config: ANY_USER,
      schema: {
        ...DASHBOARD,
        operationId: 'beginOidcLink',
        summary: 'Begin to link your account to the identity provider',
        description:
          'Answers with the address that the browser is to be sent to. It comes back to the dashboard’s page Security with `oidc=link` in the query, which calls `/v1/session/oidc/link/confirm`.',
        body: bodies.ProofBody,
        response: { 200: Type.Ref('IdentityProviderUrl'), ...ERRORS },
      },
    },
    async (request, reply) => {
      await requireProof(deps, signIn, request, request.body.password);
      const { id: userId } = userOf(request);
      const left = await journeys.depart(request, { isAgain: false, next: SECURITY_PAGE, userId });
      await inTransaction(deps.pool, async (db) => {
        await checkCredential(deps, db, request);
        await left.keep(db, reply);
      });
      return sendJson(reply, 200, exactJson({ url: left.url }));
    },
  );
}

function confirmRoute(app: App, deps: Deps, signIn: SignIn, journeys: Journeys): void {
  app.post(
    '/v1/session/oidc/link/confirm',
    {
      config: ANY_USER,
      schema: {
        ...DASHBOARD,
        operationId: 'confirmOidcLink',
        summary: 'Link your account to whom the identity provider has told',
        body: bodies.NoBody,
        response: { ...NO_CONTENT, ...ERRORS },
      },
    },
    async (request, reply) => {
      const { id } = userOf(request);
      const merchantId = request.principal?.merchantId ?? null;
      const hash = journeys.hashOf(request);
      const arrived = hash === null ? null : await findArrival(deps.pool, hash);
      if (arrived === null || arrived.userId !== id) throw new ApiError('identity_not_proved');
      const { issuer, subject, email } = arrived.identity;
      await inTransaction(deps.pool, async (db) => {
        await lockOwnAccount(deps, db, request);
        if (!(await useArrival(db, arrived.id))) throw new ApiError('identity_not_proved');
        if (await isLinkedToAnother(db, { id, merchantId }, arrived.identity))
          throw new ApiError('already_exists', 'this identity is linked to another user');
        if (!(await insertLink(db, id, arrived.identity)))
          throw new ApiError('already_exists', 'your account is linked already: unlink it first');
        await noteOwn(db, request, 'identity.link', { after: { issuer, subject, email } });
      });
      journeys.setCookie(reply, null);
      signIn.sessions.forget();
      return reply.code(204).send(undefined);
    },
  );
}

function removeRoute(app: App, deps: Deps, signIn: SignIn): void {
  app.post(
    '/v1/session/oidc/unlink',
    {
      config: ANY_USER,
      schema: {
        ...DASHBOARD,
        operationId: 'unlinkOidc',
        summary: 'Unlink your account; your other sessions end',
        body: bodies.ProofBody,
        response: { ...NO_CONTENT, ...ERRORS },
      },
    },
    async (request, reply) => {
      await requireProof(deps, signIn, request, request.body.password);
      const { id, sessionId } = userOf(request);
      await inTransaction(deps.pool, async (db) => {
        await lockOwnAccount(deps, db, request);
        const link = await deleteLink(db, id);
        if (link === null) throw new ApiError('no_identity');
        const { issuer, subject } = link;
        await endSessionsOf(db, id, sessionId);
        await noteOwn(db, request, 'identity.unlink', { before: { issuer, subject } });
      });
      signIn.sessions.forget();
      return reply.code(204).send(undefined);
    },
  );
}
