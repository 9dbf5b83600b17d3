/** The browsers in which a user is signed in, and ending their sessions one by one. */
import Type from 'typebox';
import type { Deps, SignIn } from '../app/deps.ts';
import { iso } from '../core/values/time.ts';
import { ERRORS, idOf, refuseBody } from '../http/adminCommon.ts';
import { pageSchema } from '../http/adminSchemas.ts';
import type { App } from '../http/baseApp.ts';
import { ApiError } from '../http/errors.ts';
import { exactJson } from '../http/exactJson.ts';
import { checkCredential } from '../http/idempotentWrite.ts';
import { wholePage } from '../http/page.ts';
import { sendJson } from '../http/send.ts';
import { inTransaction } from '../postgres/pool.ts';
import { noteOwn } from './attempts.ts';
import { ANY_USER, userOf } from './auth.ts';
import { endSessionOf, endSessionsOf, listSessions } from './sessionsSql.ts';

const DASHBOARD = { tags: ['Dashboard'], security: [{ session: [] }] };
const NO_CONTENT = { 204: Type.Unsafe<undefined>(Type.Null()) };

export function sessionListRoutes(app: App, deps: Deps, signIn: SignIn): void {
  listRoute(app, deps);
  endRoutes(app, deps, signIn);
}

function listRoute(app: App, deps: Deps): void {
  app.get(
    '/v1/sessions',
    {
      config: ANY_USER,
      schema: {
        ...DASHBOARD,
        operationId: 'listSessions',
        summary: 'List the browsers in which you are signed in',
        response: { 200: pageSchema('SignedInSession'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const { id, sessionId } = userOf(request);
      const sessions = await listSessions(deps.pool, id);
      const items = sessions.map(({ createdAt, expiresAt, lastUsedAt, ...session }) => ({
        ...session,
        isThisOne: session.id === sessionId,
        createdAt: iso(createdAt),
        expiresAt: iso(expiresAt),
        lastUsedAt: iso(lastUsedAt),
      }));
      return sendJson(reply, 200, exactJson(wholePage(items)));
    },
  );
}

function endRoutes(app: App, deps: Deps, signIn: SignIn): void {
  app.delete(
    '/v1/sessions/:sessionId',
    {
      config: ANY_USER,
      schema: {
        ...DASHBOARD,
        operationId: 'endSession',
        summary: 'Sign out of one browser, at once',
        params: Type.Object({ sessionId: Type.String() }),
        response: { ...NO_CONTENT, ...ERRORS },
      },
    },
    async (request, reply) => {
      refuseBody(request);
      const id = idOf(request.params.sessionId, 'session_not_found');
      await inTransaction(deps.pool, async (db) => {
        await checkCredential(deps, db, request);
        if (!(await endSessionOf(db, userOf(request).id, id))) throw new ApiError('session_not_found');
        await noteOwn(db, request, 'session.end', { object: { kind: 'session', id } });
      });
      signIn.sessions.forget();
      return reply.code(204).send(undefined);
    },
  );
  app.post(
    '/v1/sessions/end-others',
    {
      config: ANY_USER,
      schema: {
        ...DASHBOARD,
        operationId: 'endOtherSessions',
        summary: 'Sign out of every browser but this one',
        response: { ...NO_CONTENT, ...ERRORS },
      },
    },
    async (request, reply) => {
      refuseBody(request);
      const { id, sessionId } = userOf(request);
      await inTransaction(deps.pool, async (db) => {
        await checkCredential(deps, db, request);
        await endSessionsOf(db, id, sessionId);
        await noteOwn(db, request, 'session.end_others');
      });
      signIn.sessions.forget();
      return reply.code(204).send(undefined);
    },
  );
}
