/** A merchant's webhook endpoints: where its events go. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import Type, { type Static } from 'typebox';
import type { Deps } from '../app/deps.ts';
import { type AuditAction, changedValues } from '../auditLog/auditEntry.ts';
import { type Parsed, parsed, refused } from '../core/values/parse.ts';
import { parseText } from '../core/values/text.ts';
import { untilComplete } from '../feed/eventsSql.ts';
import { refuseBody } from '../http/adminCommon.ts';
import { pageSchema } from '../http/adminSchemas.ts';
import type { App } from '../http/baseApp.ts';
import { ApiError } from '../http/errors.ts';
import { exactJson } from '../http/exactJson.ts';
import { readPage } from '../http/page.ts';
import { valuesOf } from '../http/parseFields.ts';
import { IdempotencyHeader } from '../http/schemas.ts';
import { sendJson } from '../http/send.ts';
import { merchantOf, VIEWER } from '../identity/auth.ts';
import { newId } from '../installation/newId.ts';
import type { Queryable } from '../postgres/pool.ts';
import { neverSentTo } from './addresses.ts';
import {
  ERRORS,
  endpointIdOf,
  MERCHANT_ADMIN,
  PATH,
  Params,
  requireEndpoint,
  requireRegistered,
  WEBHOOKS,
  webhookWrite,
} from './common.ts';
import * as store from './endpointsSql.ts';
import * as bodies from './schemas.ts';
import { generateSecret } from './sign.ts';
import { PER_ENDPOINT, PER_FAILING } from './slots.ts';
import { endpointView } from './views.ts';

/** Each has connections and a share of every claim. */
const MAX_ENDPOINTS = 50;
/** So long an endpoint waits for transactions under way, so that it gets nothing of what was before it. */
const BEFORE_LIMIT_MS = 2_000;

export function webhookEndpointRoutes(app: App, deps: Deps): void {
  createRoute(app, deps);
  readRoutes(app, deps);
  changeRoutes(app, deps);
  for (const action of ACTIONS) actionRoute(app, deps, action);
}

function createRoute(app: App, deps: Deps): void {
  app.post(
    PATH,
    {
      config: MERCHANT_ADMIN,
      schema: {
        ...WEBHOOKS,
        operationId: 'createWebhookEndpoint',
        summary: 'Create a webhook endpoint; shows its secret once',
        description: DELIVERY_RULES,
        headers: IdempotencyHeader,
        body: bodies.EndpointBody,
        response: { 201: Type.Ref('WebhookEndpointWithSecret'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const { merchantId } = merchantOf(request);
      const { url } = request.body;
      const id = newId();
      const fields = {
        events: [],
        description: null,
        bearerToken: null,
        ...fieldsOf(deps, id, request.body),
        url,
      };
      await untilComplete(deps.pool, BEFORE_LIMIT_MS);
      return webhookWrite(deps, request, reply, {
        path: PATH,
        shownOnce: 'secret',
        statusCode: 201,
        work: async (db) => {
          if ((await store.countEndpoints(db, merchantId)) >= MAX_ENDPOINTS)
            throw new ApiError('too_many_webhook_endpoints');
          const secret = generateSecret();
          const sealed = deps.secrets.seal('webhook secret', id, secret);
          const endpoint = await store.insertEndpoint(db, { id, merchantId, ...fields, secret: sealed });
          const after = settingsOf(endpoint);
          const audit = { action: 'webhook_endpoint.create', object: { kind: KIND, id }, after } as const;
          return { effectId: id, body: { ...endpointView(endpoint), secret }, audit };
        },
      });
    },
  );
}

const DELIVERY_RULES = `Sends every change of status of the merchant's transactions to a URL, from now on: at
least once, those of one payment and its refunds in their order. Headers are those of Standard Webhooks
(\`webhook-id\`, \`webhook-timestamp\`, \`webhook-signature\`), so that its libraries verify them.

Any 2xx within 15 s is a success; redirects are not followed. Otherwise it is sent again after 5 s, 5 min,
30 min, 2 h, 5 h, 10 h, 10 h and 24 h (each give or take 20 %, or after \`Retry-After\` if that is longer), the
same bytes with the same \`webhook-id\`; then that delivery has failed and the next one of its payment follows.

A 410, or five days of nothing but failures, disables the endpoint. A disabled one is sent nothing: what was
pending is kept and goes on when it is enabled again, what happens meanwhile is not queued. A replay sends that. A test, a resend and a replay are
refused (422) until it is enabled.

A merchant has ${MAX_ENDPOINTS} endpoints at most. Each is sent ${PER_ENDPOINT} webhooks at a time by each node, ${PER_FAILING} while it fails.`;

function readRoutes(app: App, deps: Deps): void {
  app.get(
    PATH,
    {
      config: VIEWER,
      schema: {
        ...WEBHOOKS,
        operationId: 'listWebhookEndpoints',
        summary: 'List webhook endpoints, newest first',
        querystring: bodies.EndpointQuery,
        response: { 200: pageSchema('WebhookEndpoint'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const { merchantId } = merchantOf(request);
      const { kind = 'registered' } = request.query;
      const load = (before: string | null, limit: number) =>
        store.listEndpoints(deps.pool, merchantId, kind, before, limit);
      const list = `${kind === 'callback' ? 'callbacks' : 'webhook endpoints'} of ${merchantId}`;
      const page = await readPage(deps, list, request.query, load, ({ id }) => id);
      return sendJson(reply, 200, exactJson({ ...page, items: page.items.map(endpointView) }));
    },
  );
  app.get(
    `${PATH}/:id`,
    {
      config: VIEWER,
      schema: {
        ...WEBHOOKS,
        operationId: 'getWebhookEndpoint',
        summary: 'Get a webhook endpoint',
        params: Params,
        response: { 200: Type.Ref('WebhookEndpoint'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const endpoint = await requireEndpoint(deps.pool, request, request.params.id);
      return sendJson(reply, 200, exactJson(endpointView(endpoint)));
    },
  );
}

function changeRoutes(app: App, deps: Deps): void {
  app.patch(
    `${PATH}/:id`,
    {
      config: MERCHANT_ADMIN,
      schema: {
        ...WEBHOOKS,
        operationId: 'updateWebhookEndpoint',
        summary: 'Change a webhook endpoint, from the next attempt on',
        params: Params,
        headers: IdempotencyHeader,
        body: bodies.EndpointPatch,
        response: { 200: Type.Ref('WebhookEndpoint'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const changes = fieldsOf(deps, endpointIdOf(request.params.id), request.body);
      const token = request.body.bearerToken === undefined ? {} : { bearerToken: 'changed' };
      const action = 'webhook_endpoint.update';
      const update = { path: '', action, ofRegistered: true, changed: token } as const;
      return change(deps, request, reply, request.params.id, update, (db, merchantId, id) =>
        store.updateEndpoint(db, merchantId, id, changes),
      );
    },
  );
  app.delete(
    `${PATH}/:id`,
    {
      config: MERCHANT_ADMIN,
      schema: {
        ...WEBHOOKS,
        operationId: 'deleteWebhookEndpoint',
        summary: 'Delete a webhook endpoint with what is pending',
        params: Params,
        headers: IdempotencyHeader,
        response: { 200: Type.Ref('DeletedWebhookEndpoint'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const { merchantId } = merchantOf(request);
      const id = endpointIdOf(request.params.id);
      return webhookWrite(deps, request, reply, {
        path: `${PATH}/${id}`,
        statusCode: 200,
        work: async (db) => {
          const deleted = await store.deleteEndpoint(db, merchantId, id);
          if (deleted === null) throw new ApiError('webhook_endpoint_not_found');
          const before = settingsOf(deleted);
          const audit = { action: 'webhook_endpoint.delete', object: { kind: KIND, id }, before } as const;
          return { effectId: id, body: { id, deleted: true }, audit };
        },
      });
    },
  );
}

interface Action {
  readonly name: 'enable' | 'disable' | 'rotate-secret';
  readonly operationId: string;
  readonly summary: string;
  readonly description: string;
}

const ACTIONS: readonly Action[] = [
  {
    name: 'enable',
    operationId: 'enableWebhookEndpoint',
    summary: 'Enable a webhook endpoint again',
    description:
      'It goes on with what was pending, and gets every event from now on. What happened while it was disabled was not queued: a replay sends that.',
  },
  {
    name: 'disable',
    operationId: 'disableWebhookEndpoint',
    summary: 'Disable a webhook endpoint',
    description: 'It is sent nothing until it is enabled again. What is pending is kept.',
  },
  {
    name: 'rotate-secret',
    operationId: 'rotateWebhookSecret',
    summary: 'Rotate a webhook secret; shows the new one once',
    description:
      'For 24 hours every webhook is signed with both secrets, the new one first, so that either verifies it; also after another rotation meanwhile. No more than 10 secrets sign at once.',
  },
];

function actionRoute(app: App, deps: Deps, { name, ...documented }: Action): void {
  const rotates = name === 'rotate-secret';
  app.post(
    `${PATH}/:id/${name}`,
    {
      config: MERCHANT_ADMIN,
      schema: {
        ...WEBHOOKS,
        ...documented,
        params: Params,
        headers: IdempotencyHeader,
        response: { 200: Type.Ref(rotates ? 'WebhookEndpointWithSecret' : 'WebhookEndpoint'), ...ERRORS },
      },
    },
    async (request, reply) => {
      refuseBody(request);
      const secret = generateSecret();
      if (name === 'enable') await untilComplete(deps.pool, BEFORE_LIMIT_MS);
      const act = (db: Queryable, merchantId: string, id: string) => {
        if (rotates) return rotate(db, merchantId, id, deps.secrets.seal('webhook secret', id, secret));
        return name === 'enable'
          ? store.enableEndpoint(db, merchantId, id)
          : store.disableEndpoint(db, merchantId, id);
      };
      const action = ACTED[name];
      const shown = rotates ? { shown: { secret } } : {};
      const call = { path: `/${name}`, action, ofRegistered: rotates, ...shown };
      return change(deps, request, reply, request.params.id, call, act);
    },
  );
}

const ACTED = {
  enable: 'webhook_endpoint.enable',
  disable: 'webhook_endpoint.disable',
  'rotate-secret': 'webhook_endpoint.rotate_secret',
} as const;

interface Change {
  /** Of the route, after the endpoint's. */
  readonly path: string;
  readonly action: AuditAction;
  /** Whether it is of settings that callbacks do not have. */
  readonly ofRegistered: boolean;
  /** What the audit log cannot see of the endpoint before and after. */
  readonly changed?: Readonly<Record<string, string>>;
  /** What the answer has besides, this once. */
  readonly shown?: { readonly secret: string };
}

/** Each signature makes the header longer, and receivers bound theirs. */
const MAX_SECRETS = 10;

async function rotate(
  db: Queryable,
  merchantId: string,
  id: string,
  secret: string,
): Promise<store.WebhookEndpoint | null> {
  if ((await store.countSecrets(db, merchantId, id)) >= MAX_SECRETS)
    throw new ApiError('too_many_webhook_secrets');
  return store.rotateSecret(db, merchantId, id, secret);
}

type Act = (db: Queryable, merchantId: string, id: string) => Promise<store.WebhookEndpoint | null>;

/** Changes one endpoint, and answers what it is then. */
function change(
  deps: Deps,
  request: FastifyRequest,
  reply: FastifyReply,
  id: string,
  { path, action, ofRegistered, changed = {}, shown }: Change,
  act: Act,
): Promise<FastifyReply> {
  const { merchantId } = merchantOf(request);
  const endpointId = endpointIdOf(id);
  return webhookWrite(deps, request, reply, {
    path: `${PATH}/${endpointId}${path}`,
    ...(shown === undefined ? {} : { shownOnce: 'secret' }),
    statusCode: 200,
    work: async (db) => {
      const earlier = await store.lockEndpoint(db, merchantId, endpointId);
      if (earlier !== null && ofRegistered) requireRegistered(earlier);
      const endpoint = earlier === null ? null : await act(db, merchantId, endpointId);
      if (earlier === null || endpoint === null) throw new ApiError('webhook_endpoint_not_found');
      const { before, after } = changedValues(settingsOf(earlier), settingsOf(endpoint));
      const object = { kind: KIND, id: endpointId };
      const audit = { action, object, before, after: { ...after, ...changed } };
      return { effectId: endpointId, body: { ...endpointView(endpoint), ...shown }, audit };
    },
  });
}

/** What the audit log calls an endpoint. */
const KIND = 'webhook_endpoint';

/** What the audit log tells of an endpoint. A URL's query may hold what only the receiver is to know. */
function settingsOf(endpoint: store.WebhookEndpoint) {
  const { url, events, description, hasBearerToken, status, disabledReason } = endpointView(endpoint);
  const shownUrl = url.includes('?') ? `${url.slice(0, url.indexOf('?'))}?…` : url;
  return { url: shownUrl, events, description, hasBearerToken, status, disabledReason };
}

/** The fields that are given of the endpoint with this id, as they are stored. @throws ApiError 400 naming what is wrong */
function fieldsOf(deps: Deps, id: string, body: Static<typeof bodies.EndpointPatch>): store.EndpointChanges {
  const { url, events, description, bearerToken } = body;
  const checked: Record<string, Parsed<unknown>> = {
    ...(url === undefined ? {} : { url: parseUrl(url, deps.config.mode === 'sandbox') }),
    ...(typeof description === 'string' ? { description: parseText(description, { max: 255 }) } : {}),
    ...(typeof bearerToken === 'string' ? { bearerToken: parseToken(bearerToken) } : {}),
  };
  valuesOf(checked);
  const sealed =
    typeof bearerToken === 'string'
      ? deps.secrets.seal('webhook bearer token', id, bearerToken)
      : bearerToken;
  return {
    ...(url === undefined ? {} : { url }),
    ...(events === undefined ? {} : { events }),
    ...(description === undefined ? {} : { description }),
    ...(sealed === undefined ? {} : { bearerToken: sealed }),
  };
}

/** A URL as it was sent. Where its name leads to is judged at every attempt. */
function parseUrl(text: string, allowLocal: boolean): Parsed<string> {
  if (!URL.canParse(text) || /\p{Cc}|\s/u.test(text)) return refused('must be a URL');
  const url = new URL(text);
  const { username, password, hash } = url;
  const never = neverSentTo(url, allowLocal);
  if (never !== null) return refused(never);
  if (username !== '' || password !== '') return refused('must not hold a name or password; use bearerToken');
  if (hash !== '') return refused('must not have a fragment');
  return parsed(text);
}

function parseToken(text: string): Parsed<string> {
  return /^[\x21-\x7e]+$/.test(text) ? parsed(text) : refused('must be printable ASCII without spaces');
}
