import type { FastifyRequest } from 'fastify';
import Type from 'typebox';
import type { Deps } from '../app/deps.ts';
import { parsed } from '../core/values/parse.ts';
import { parseText } from '../core/values/text.ts';
import { iso } from '../core/values/time.ts';
import { ERRORS } from '../http/adminCommon.ts';
import { pageSchema } from '../http/adminSchemas.ts';
import type { App } from '../http/baseApp.ts';
import { exactJson } from '../http/exactJson.ts';
import { readPage } from '../http/page.ts';
import { valuesOf } from '../http/parseFields.ts';
import { readRecent, timeOfId } from '../http/recentRead.ts';
import { Cursor, closed, Limit } from '../http/schemas.ts';
import { throwTooBroad } from '../http/searchLimit.ts';
import { sendJson } from '../http/send.ts';
import { merchantOf, VIEWER } from '../identity/auth.ts';
import type { RequestLogEntry } from './loggedRequest.ts';
import { type LoggedRequest, listRequests } from './requestLogSql.ts';

const Text = Type.String();
const MaybeText = Type.Union([Text, Type.Null()]);

export const LoggedRequestView = Type.Object(
  {
    id: Type.String({ format: 'uuid' }),
    at: Type.String({ format: 'date-time' }),
    method: Text,
    route: Type.String({ description: 'The route’s pattern.', examples: ['/v1/transactions/:id'] }),
    path: Type.String({
      description: 'As it was sent, without the query; API keys and long numbers are masked.',
    }),
    status: Type.Integer(),
    latencyMs: Type.Integer({ description: 'Milliseconds, rounded up.' }),
    requestId: Text,
    idempotencyKey: MaybeText,
    reason: Type.Union([Text, Type.Null()], { description: 'Of an error.' }),
    credentialId: Type.String({ description: 'The API key, or the session of a user.' }),
  },
  { $id: 'LoggedRequest' },
);

const Query = Type.Object(
  {
    limit: Limit,
    cursor: Cursor,
    status: Type.Optional(Type.Enum(['2xx', '3xx', '4xx', '5xx'])),
    method: Type.Optional(Type.Enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE'])),
    text: Type.Optional(
      Type.String({ description: 'Part of the path, reason, request id or Idempotency-Key.' }),
    ),
  },
  closed,
);

const DESCRIPTION = `Every request with one of the merchant's API keys, and what users changed, of the last 7 days. Bodies are
never kept. It is written in the background within a second; a node that is asked more than 500 times a
second keeps the errors, and as many of the others as it may.`;

const MAX_TEXT_LENGTH = 255;

export function requestLogRoutes(app: App, deps: Deps): void {
  app.get(
    '/v1/request-log',
    {
      config: VIEWER,
      schema: {
        operationId: 'listRequests',
        summary: 'List API requests of the last 7 days, newest first',
        description: DESCRIPTION,
        tags: ['Developers'],
        security: [{ merchantApiKey: [] }],
        querystring: Query,
        response: { 200: pageSchema('LoggedRequest'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const { merchantId } = merchantOf(request);
      const { status, method = null, text: given } = request.query;
      const { text } = valuesOf({
        text: given === undefined ? parsed(null) : parseText(given, { max: MAX_TEXT_LENGTH }),
      });
      const statusClass = status === undefined ? null : Number(status[0]);
      const load = (before: string | null, limit: number) =>
        readRecent(deps, request, reply, { kind: 'list', after: timeOfId(before) }, (pool) =>
          listRequests(pool, merchantId, { statusClass, method, text }, before, limit),
        );
      const list = `requests of ${merchantId}`;
      const page = await readPage(deps, list, request.query, load, ({ id }) => id).catch(throwTooBroad);
      return sendJson(reply, 200, exactJson({ ...page, items: page.items.map(view) }));
    },
  );
}

function view({ at, latency, ...row }: LoggedRequest) {
  return { ...row, at: iso(at), latencyMs: Math.ceil(latency / 1_000) };
}

/** What is kept of an answered request; null: nothing. A page that somebody only looks at is nobody's API call. */
export function logEntryOf(
  request: FastifyRequest,
  { route, status, latencyMs }: Pick<RequestLogEntry, 'route' | 'status' | 'latencyMs'>,
): RequestLogEntry | null {
  const { principal, method } = request;
  if (principal?.merchantId == null || (principal.user !== null && method === 'GET')) return null;
  // Of an answer that showed a secret not even the key is kept.
  const key = request.showsSecret ? undefined : request.headers['idempotency-key'];
  return {
    merchantId: principal.merchantId,
    at: Date.now(),
    method,
    route,
    url: request.url,
    status,
    latencyMs,
    requestId: request.id,
    idempotencyKey: typeof key === 'string' ? key : null,
    reason: request.errorReason,
    credentialId: principal.apiKeyId,
  };
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Its answer shows a secret, this once. */
    showsSecret: boolean;
    /** Why it was refused, for the log. */
    errorReason: string | null;
  }
}
