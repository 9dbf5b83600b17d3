import type { FastifyRequest } from 'fastify';
import Type, { type Static } from 'typebox';
import type { Deps } from '../app/deps.ts';
import { changedValues } from '../auditLog/auditEntry.ts';
import { OPERATOR_SCOPES, type Scope } from '../core/scopes.ts';
import { type Parsed, parsed, refused } from '../core/values/parse.ts';
import { parseTime } from '../core/values/time.ts';
import { parseNetwork } from '../http/addresses.ts';
import { ADMIN, ERRORS, idOf, parseName, refuseBody } from '../http/adminCommon.ts';
import * as bodies from '../http/adminSchemas.ts';
import type { App } from '../http/baseApp.ts';
import { ApiError, fieldError } from '../http/errors.ts';
import { exactJson } from '../http/exactJson.ts';
import { writeOnce } from '../http/idempotentWrite.ts';
import { refuseOlderNodes } from '../http/olderNodes.ts';
import { readPage } from '../http/page.ts';
import { valuesOf } from '../http/parseFields.ts';
import { IdempotencyHeader } from '../http/schemas.ts';
import { sendJson } from '../http/send.ts';
import { newId } from '../installation/newId.ts';
import { generateApiKey, hashApiKey } from '../installation/secrets.ts';
import { merchantIdOf, requireMerchant } from '../merchants/requireMerchant.ts';
import type { Queryable } from '../postgres/pool.ts';
import {
  type ApiKey,
  insertApiKey,
  listApiKeys,
  type NewApiKey,
  OPERATOR_KEY_LIFE_MS,
  revokeApiKey,
  updateApiKey,
} from './apiKeysSql.ts';
import { apiKeyView } from './apiKeyView.ts';
import { ADMIN_USER, merchantOf, OPERATOR } from './auth.ts';

/** The ids in a path. */
interface Ids {
  readonly merchantId?: string;
  readonly apiKeyId?: string;
}

/** Whose keys a set of routes is about. */
interface Owner {
  /** The keys' collection. */
  readonly url: string;
  /** Part of operation ids. */
  readonly noun: 'ApiKey' | 'OperatorKey' | 'OwnApiKey';
  readonly whose: string;
  readonly config: typeof ADMIN_USER | typeof OPERATOR;
  readonly common: { readonly tags: string[]; readonly security: Record<string, never[]>[] };
  /** The ids in `url`. */
  readonly ids: Readonly<Record<string, ReturnType<typeof Type.String>>>;
  /** Null: operators. */
  readonly merchantIdOf: (request: FastifyRequest) => string | null;
}

const OF_MERCHANT: Owner = {
  url: '/v1/admin/merchants/:merchantId/api-keys',
  noun: 'ApiKey',
  whose: 'a merchant',
  config: OPERATOR,
  common: ADMIN,
  ids: { merchantId: Type.String() },
  merchantIdOf: (request) => merchantIdOf((request.params as Ids).merchantId ?? ''),
};
const OF_OPERATORS: Owner = {
  url: '/v1/admin/operator-keys',
  noun: 'OperatorKey',
  whose: 'operators',
  config: OPERATOR,
  common: ADMIN,
  ids: {},
  merchantIdOf: () => null,
};
const OWN: Owner = {
  url: '/v1/api-keys',
  noun: 'OwnApiKey',
  whose: 'this merchant',
  config: ADMIN_USER,
  common: { tags: ['Dashboard'], security: [{ session: [] }] },
  ids: {},
  merchantIdOf: (request) => merchantOf(request).merchantId,
};

/** Keys of merchants and of operators: the same routes, at two places. */
export function adminApiKeyRoutes(app: App, deps: Deps): void {
  routesOf(app, deps, OF_MERCHANT);
  routesOf(app, deps, OF_OPERATORS);
}

/** The same for a merchant's own admins, who have to be signed in: no key makes another. */
export function apiKeyRoutes(app: App, deps: Deps): void {
  routesOf(app, deps, OWN);
}

function routesOf(app: App, deps: Deps, owner: Owner): void {
  issueRoute(app, deps, owner);
  listRoute(app, deps, owner);
  updateRoute(app, deps, owner);
  revokeRoute(app, deps, owner);
}

function issueRoute(app: App, deps: Deps, owner: Owner): void {
  const { url, noun, whose, config, common, ids } = owner;
  app.post(
    url,
    {
      config,
      schema: {
        ...common,
        operationId: `issue${noun}`,
        summary: `Issue an API key of ${whose}, shown this once`,
        params: Type.Unsafe<Ids>(Type.Object(ids)),
        headers: IdempotencyHeader,
        body: bodies.ApiKeyBody,
        response: { 201: Type.Ref('IssuedApiKey'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const merchantId = owner.merchantIdOf(request);
      const fields = parseKey(request.body, merchantId === null);
      return writeOnce(deps, request, reply, {
        path: pathOf(owner, merchantId),
        shownOnce: 'apiKey',
        statusCode: 201,
        work: async (db) => {
          if (merchantId !== null) await requireMerchant(db, merchantId);
          await checkBinding(db, fields);
          const apiKey = generateApiKey(merchantId === null ? 'op' : 'pr', deps.config.mode);
          const stored = { hash: hashApiKey(apiKey), hint: apiKey.slice(-4) };
          const key = await insertApiKey(db, { id: newId(), merchantId, ...stored, ...fields });
          const { id, name, hint, scopes, expiresAt, allowedNetworks } = apiKeyView(key);
          const bound = allowedNetworks === null ? {} : { allowedNetworks };
          const after = { name, hint, scopes, expiresAt, ...bound };
          const audit = {
            action: 'api_key.issue',
            merchantId,
            object: { kind: 'api_key', id },
            after,
          } as const;
          return { effectId: id, body: { ...apiKeyView(key), apiKey }, audit };
        },
      });
    },
  );
}

function listRoute(app: App, deps: Deps, owner: Owner): void {
  const { url, noun, whose, config, common, ids } = owner;
  app.get(
    url,
    {
      config,
      schema: {
        ...common,
        operationId: `list${noun}s`,
        summary: `List the API keys of ${whose}, newest first`,
        params: Type.Unsafe<Ids>(Type.Object(ids)),
        querystring: bodies.ListQuery,
        response: { 200: bodies.pageSchema('ApiKey'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const merchantId = owner.merchantIdOf(request);
      if (merchantId !== null) await requireMerchant(deps.pool, merchantId);
      const load = (before: string | null, limit: number) =>
        listApiKeys(deps.pool, merchantId, before, limit);
      const page = await readPage(deps, `API keys of ${merchantId}`, request.query, load, ({ id }) => id);
      return sendJson(reply, 200, exactJson({ ...page, items: page.items.map(apiKeyView) }));
    },
  );
}

function updateRoute(app: App, deps: Deps, owner: Owner): void {
  const { url, noun, whose, config, common, ids } = owner;
  app.patch(
    `${url}/:apiKeyId`,
    {
      config,
      schema: {
        ...common,
        operationId: `update${noun}`,
        summary: `Change an API key of ${whose}`,
        params: Type.Unsafe<Ids>(Type.Object({ ...ids, apiKeyId: Type.String() })),
        headers: IdempotencyHeader,
        body: bodies.ApiKeyPatch,
        response: { 200: Type.Ref('ApiKey'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const merchantId = owner.merchantIdOf(request);
      const id = idOf(request.params.apiKeyId ?? '', 'api_key_not_found');
      const { name, allowedNetworks } = request.body;
      const changes = {
        ...(name === undefined ? {} : valuesOf({ name: parseName(name) })),
        ...(allowedNetworks === undefined
          ? {}
          : valuesOf({ allowedNetworks: parseAllowed(allowedNetworks) })),
      };
      return writeOnce(deps, request, reply, {
        path: `${pathOf(owner, merchantId)}/${id}`,
        statusCode: 200,
        work: async (db) => {
          const changed = await updateApiKey(db, merchantId, id, changes);
          if (changed === null) throw new ApiError('api_key_not_found');
          await checkBinding(db, changes);
          const { before, after } = changed;
          const told = ({ name, allowedNetworks }: ApiKey) => ({ name, allowedNetworks });
          const object = { kind: 'api_key', id };
          const audit = {
            action: 'api_key.update',
            merchantId,
            object,
            ...changedValues(told(before), told(after)),
          } as const;
          return { effectId: id, body: apiKeyView(after), audit };
        },
      });
    },
  );
}

function revokeRoute(app: App, deps: Deps, owner: Owner): void {
  const { url, noun, whose, config, common, ids } = owner;
  app.post(
    `${url}/:apiKeyId/revoke`,
    {
      config,
      schema: {
        ...common,
        operationId: `revoke${noun}`,
        summary: `Revoke an API key of ${whose}, at once`,
        params: Type.Unsafe<Ids>(Type.Object({ ...ids, apiKeyId: Type.String() })),
        headers: IdempotencyHeader,
        response: { 200: Type.Ref('ApiKey'), ...ERRORS },
      },
    },
    async (request, reply) => {
      refuseBody(request);
      const merchantId = owner.merchantIdOf(request);
      const id = idOf(request.params.apiKeyId ?? '', 'api_key_not_found');
      return writeOnce(deps, request, reply, {
        path: `${pathOf(owner, merchantId)}/${id}/revoke`,
        statusCode: 200,
        work: async (db) => {
          const key = await revokeApiKey(db, merchantId, id);
          if (key === null) throw new ApiError('api_key_not_found');
          const after = { name: key.name, hint: key.hint };
          const audit = {
            action: 'api_key.revoke',
            merchantId,
            object: { kind: 'api_key', id },
            after,
          } as const;
          return { effectId: id, body: apiKeyView(key), audit };
        },
      });
    },
  );
}

/** Older nodes would take a key that is bound to addresses from anywhere. @throws ApiError 409 */
async function checkBinding(
  db: Queryable,
  { allowedNetworks = null }: Pick<NewApiKey, 'allowedNetworks'>,
): Promise<void> {
  if (allowedNetworks !== null) await refuseOlderNodes(db, 'protectedAccounts');
}

function pathOf({ url }: Owner, merchantId: string | null): string {
  return url.replace(':merchantId', merchantId ?? '');
}

type KeyFields = Pick<NewApiKey, 'name' | 'scopes' | 'expiresAt' | 'allowedNetworks'>;

/** Null: from anywhere. Which of several is wrong is said by its number. */
function parseAllowed(texts: readonly string[] | null): Parsed<readonly string[] | null> {
  if (texts === null) return parsed(null);
  const networks = [];
  for (const [i, text] of texts.entries()) {
    const network = parseNetwork(text);
    if (!network.ok) return refused(`${network.error} (entry ${i + 1})`);
    networks.push(network.value);
  }
  return parsed([...new Set(networks)]);
}

/** @throws ApiError 400 naming what is wrong */
function parseKey(body: Static<typeof bodies.ApiKeyBody>, isOperators: boolean): KeyFields {
  const usually = isOperators ? Date.now() + OPERATOR_KEY_LIFE_MS : null;
  const { scopes = ['read', 'write'] satisfies Scope[], expiresAt = usually } = body;
  const time: Parsed<number | null> =
    typeof expiresAt === 'string' ? parseTime(expiresAt) : parsed(expiresAt);
  if (isOperators && !scopes.every((scope) => OPERATOR_SCOPES.some((one) => one === scope)))
    throw fieldError('invalid_request', 'scopes', 'of an operator’s key are read and write');
  const fields = valuesOf({
    name: parseName(body.name),
    expiresAt: time,
    allowedNetworks: parseAllowed(body.allowedNetworks ?? null),
  });
  if (fields.expiresAt !== null && fields.expiresAt <= Date.now())
    throw fieldError('invalid_request', 'expiresAt', 'must be in the future');
  return { ...fields, scopes };
}
