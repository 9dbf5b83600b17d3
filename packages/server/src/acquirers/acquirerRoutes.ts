/** What operators set up: acquirers, which payments go to which, and how merchants are known to them. */
import Type from 'typebox';
import * as store from '../acquiring/acquirersSql.ts';
import type { ConnectorModule, Credentials } from '../acquiring/connector.ts';
import {
  addCredentials,
  type KeptCredentials,
  listAccounts,
  listCredentials,
} from '../acquiring/credentialsSql.ts';
import type { AcquirerProblem } from '../acquiring/registry.ts';
import { isEncrypted } from '../app/config.ts';
import type { Deps } from '../app/deps.ts';
import { changedValues } from '../auditLog/auditEntry.ts';
import { type AcquirerRoute, type Capability, DEFAULT_ACQUIRER_ID } from '../core/acquirers.ts';
import type { Millis } from '../core/transaction.ts';
import { parseCurrency } from '../core/values/currency.ts';
import { parseUuid } from '../core/values/ids.ts';
import { iso } from '../core/values/time.ts';
import { ADMIN, ERRORS, idOf, OPERATOR, parseName } from '../http/adminCommon.ts';
import { NoQuery, pageSchema } from '../http/adminSchemas.ts';
import type { App } from '../http/baseApp.ts';
import { ApiError, type ErrorDetail, fieldError } from '../http/errors.ts';
import { exactJson } from '../http/exactJson.ts';
import { operatorWrite } from '../http/idempotentWrite.ts';
import { refuseOlderNodes } from '../http/olderNodes.ts';
import { wholePage } from '../http/page.ts';
import { invalidFields, valuesOf } from '../http/parseFields.ts';
import { IdempotencyHeader } from '../http/schemas.ts';
import { sendJson } from '../http/send.ts';
import { newId } from '../installation/newId.ts';
import { merchantIdOf, requireMerchant } from '../merchants/requireMerchant.ts';
import { sqlStateOf } from '../postgres/databaseErrors.ts';
import type { Queryable } from '../postgres/pool.ts';
import * as bodies from './schemas.ts';

const UNIQUE_VIOLATION = '23505';
const Params = Type.Object({ acquirerId: Type.String() });
const CredentialsParams = Type.Object({ merchantId: Type.String(), acquirerId: Type.String() });

export function adminAcquirerRoutes(app: App, deps: Deps): void {
  createRoute(app, deps);
  updateRoute(app, deps);
  listRoute(app, deps);
  routingRoutes(app, deps);
  credentialsRoutes(app, deps);
}

function createRoute(app: App, deps: Deps): void {
  app.post(
    '/v1/admin/acquirers',
    {
      config: OPERATOR,
      schema: {
        ...ADMIN,
        operationId: 'createAcquirer',
        summary: 'Set up an acquirer',
        headers: IdempotencyHeader,
        body: bodies.AcquirerBody,
        response: { 201: Type.Ref('Acquirer'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const { connector = 'http', url, secret, takesPayments = true } = request.body;
      const { name } = valuesOf({ name: parseName(request.body.name) });
      const module = deps.acquirers.moduleOf(connector);
      if (module === undefined)
        throw fieldError(
          'invalid_request',
          'connector',
          `must be one of ${deps.acquirers.connectorNames.join(', ')}`,
        );
      const capabilities = capabilitiesOf(module, request.body.capabilities ?? module.capabilities);
      checkUrl(deps, url);
      const id = newId();
      const given = { id, name, connector, url, capabilities, takesPayments };
      return operatorWrite(deps, request, reply, {
        committed: () => deps.acquirers.changed(),
        path: '/v1/admin/acquirers',
        statusCode: 201,
        work: async (db) => {
          const sealed = deps.secrets.seal('acquirer secret', id, secret);
          const row = await store.insertAcquirer(db, { ...given, secret: sealed });
          if (row === null) throw nameIsTaken();
          const audit = {
            action: 'acquirer.create',
            object: { kind: 'acquirer', id },
            after: given,
          } as const;
          return { effectId: id, body: viewOf(deps, row, null), audit };
        },
      });
    },
  );
}

function updateRoute(app: App, deps: Deps): void {
  app.patch(
    '/v1/admin/acquirers/:acquirerId',
    {
      config: OPERATOR,
      schema: {
        ...ADMIN,
        operationId: 'updateAcquirer',
        summary: 'Change how an acquirer is set up',
        params: Params,
        headers: IdempotencyHeader,
        body: bodies.AcquirerPatch,
        response: { 200: Type.Ref('Acquirer'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const id = idOf(request.params.acquirerId, 'acquirer_not_found');
      const { body } = request;
      if (body.name !== undefined) valuesOf({ name: parseName(body.name) });
      if (body.url !== undefined) checkUrl(deps, body.url);
      return operatorWrite(deps, request, reply, {
        committed: () => deps.acquirers.changed(),
        path: `/v1/admin/acquirers/${id}`,
        statusCode: 200,
        work: async (db) => {
          const before = await store.lockAcquirer(db, id);
          if (before === null) throw new ApiError('acquirer_not_found');
          const after = changed(deps, before, body);
          await store.updateAcquirer(db, after).catch((error: unknown) => {
            throw sqlStateOf(error) === UNIQUE_VIOLATION ? nameIsTaken() : error;
          });
          const object = { kind: 'acquirer', id };
          const { secret: _before, ...told } = before;
          const { secret: _after, ...tells } = after;
          const audit = { action: 'acquirer.update', object, ...changedValues(told, tells) } as const;
          const figures = (await store.readFigures(db)).get(id);
          return { effectId: id, body: viewOf(deps, after, deps.acquirers.problemOf(id), figures), audit };
        },
      });
    },
  );
}

/** @throws ApiError 400 naming what does not go together */
function changed(
  { acquirers, secrets }: Deps,
  before: store.AcquirerRow,
  body: Type.Static<typeof bodies.AcquirerPatch>,
): store.AcquirerRow {
  const { name = before.name, url = before.url, takesPayments = before.takesPayments } = body;
  // With an URL of its own it needs a secret of its own: the environment's is for the environment's bank.
  if (body.secret === undefined && url !== null && before.secret === null)
    throw fieldError('invalid_request', 'secret', 'is required with a url');
  if (body.secret !== undefined && url === null)
    throw fieldError('invalid_request', 'url', 'is required with a secret');
  const module = acquirers.moduleOf(before.connector);
  const capabilities =
    body.capabilities === undefined || module === undefined
      ? (body.capabilities ?? before.capabilities)
      : capabilitiesOf(module, body.capabilities);
  const secret =
    body.secret === undefined ? before.secret : secrets.seal('acquirer secret', before.id, body.secret);
  return { ...before, name, url, takesPayments, capabilities, secret };
}

function listRoute(app: App, deps: Deps): void {
  app.get(
    '/v1/admin/acquirers',
    {
      config: OPERATOR,
      schema: {
        ...ADMIN,
        operationId: 'listAcquirers',
        summary: 'List the acquirers, oldest first',
        querystring: NoQuery,
        response: { 200: pageSchema('Acquirer'), ...ERRORS },
      },
    },
    async (_request, reply) => {
      const rows = await store.listAcquirers(deps.pool);
      const figures = await store.readFigures(deps.pool);
      const views = rows.map((row) =>
        viewOf(deps, row, deps.acquirers.problemOf(row.id), figures.get(row.id)),
      );
      return sendJson(reply, 200, exactJson(wholePage(views)));
    },
  );
}

function routingRoutes(app: App, deps: Deps): void {
  app.get(
    '/v1/admin/acquirer-routes',
    {
      config: OPERATOR,
      schema: {
        ...ADMIN,
        operationId: 'getAcquirerRoutes',
        summary: 'Which payments go to which acquirer',
        querystring: NoQuery,
        response: { 200: Type.Ref('AcquirerRoutes'), ...ERRORS },
      },
    },
    async (_request, reply) => sendJson(reply, 200, exactJson({ routes: await store.listRoutes(deps.pool) })),
  );
  app.put(
    '/v1/admin/acquirer-routes',
    {
      config: OPERATOR,
      schema: {
        ...ADMIN,
        operationId: 'setAcquirerRoutes',
        summary: 'Say which payments go to which acquirer',
        headers: IdempotencyHeader,
        body: bodies.RoutesBody,
        response: { 200: Type.Ref('AcquirerRoutes'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const routes = routesOf(request.body);
      return operatorWrite(deps, request, reply, {
        committed: () => deps.acquirers.changed(),
        path: '/v1/admin/acquirer-routes',
        statusCode: 200,
        work: async (db) => {
          const before = await store.listRoutes(db);
          // Older nodes ask the default acquirer for what is due at another one, under whatever credentials there are.
          if (routes.some(({ acquirerId }) => acquirerId !== DEFAULT_ACQUIRER_ID))
            await refuseOlderNodes(db, 'severalAcquirers');
          await checkNamed(db, routes);
          await store.replaceRoutes(db, routes);
          const object = { kind: 'acquirer_routes', id: null };
          const values = { before: { routes: before }, after: { routes } };
          return {
            effectId: newId(),
            body: { routes },
            audit: { action: 'acquirer.route', object, ...values },
          };
        },
      });
    },
  );
}

/** @throws ApiError 400 naming each field that is wrong */
function routesOf({ routes }: Type.Static<typeof bodies.RoutesBody>): AcquirerRoute[] {
  const details: ErrorDetail[] = [];
  const parsedOr = <T>(
    path: string,
    parsed: { ok: true; value: T } | { ok: false; error: string },
  ): T | null => {
    if (parsed.ok) return parsed.value;
    details.push({ path, message: parsed.error });
    return null;
  };
  const made = routes.map((route, i) => {
    const { merchantId = null, paymentMethod = null, currency = null, cardBrand = null } = route;
    const at = `routes.${i}`;
    return {
      merchantId: merchantId === null ? null : parsedOr(`${at}.merchantId`, parseUuid(merchantId)),
      paymentMethod,
      currency: currency === null ? null : parsedOr(`${at}.currency`, parseCurrency(currency)),
      cardBrand,
      acquirerId: parsedOr(`${at}.acquirerId`, parseUuid(route.acquirerId)) ?? '',
    };
  });
  if (details.length > 0) throw invalidFields(details, 'invalid_request');
  return made;
}

/** @throws ApiError 400 naming each acquirer and merchant that there is not */
async function checkNamed(db: Queryable, routes: readonly AcquirerRoute[]): Promise<void> {
  const known = new Set((await store.listAcquirers(db)).map(({ id }) => id));
  const merchants = await store.knownMerchants(
    db,
    routes.flatMap(({ merchantId }) => (merchantId === null ? [] : [merchantId])),
  );
  const details = routes.flatMap(({ merchantId, acquirerId }, i): ErrorDetail[] => [
    ...(known.has(acquirerId) ? [] : [{ path: `routes.${i}.acquirerId`, message: 'is not an acquirer' }]),
    ...(merchantId === null || merchants.has(merchantId)
      ? []
      : [{ path: `routes.${i}.merchantId`, message: 'is not a merchant' }]),
  ]);
  if (details.length > 0) throw invalidFields(details, 'invalid_request');
}

function credentialsRoutes(app: App, deps: Deps): void {
  app.get(
    '/v1/admin/merchants/:merchantId/acquirer-credentials',
    {
      config: OPERATOR,
      schema: {
        ...ADMIN,
        operationId: 'listAcquirerCredentials',
        summary: 'Which credentials of a merchant are kept',
        params: Type.Object({ merchantId: Type.String() }),
        querystring: NoQuery,
        response: { 200: pageSchema('AcquirerCredentials'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const id = merchantIdOf(request.params.merchantId);
      await requireMerchant(deps.pool, id);
      const kept = await listCredentials(deps.pool, id);
      return sendJson(reply, 200, exactJson(wholePage(kept.map(credentialsView))));
    },
  );
  app.put(
    '/v1/admin/merchants/:merchantId/acquirer-credentials/:acquirerId',
    {
      config: OPERATOR,
      schema: {
        ...ADMIN,
        operationId: 'setAcquirerCredentials',
        summary: 'Keep a merchant’s credentials for an acquirer',
        params: CredentialsParams,
        headers: IdempotencyHeader,
        body: bodies.CredentialsBody,
        response: { 200: Type.Ref('AcquirerCredentials'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const merchantId = merchantIdOf(request.params.merchantId);
      const acquirerId = idOf(request.params.acquirerId, 'acquirer_not_found');
      const { credentials, sameAccount } = request.body;
      const names = Object.keys(credentials).sort();
      return operatorWrite(deps, request, reply, {
        committed: () => deps.acquirers.changed(),
        path: `/v1/admin/merchants/${merchantId}/acquirer-credentials/${acquirerId}`,
        statusCode: 200,
        work: async (db) => {
          await requireMerchant(db, merchantId);
          const acquirer = await store.lockAcquirer(db, acquirerId);
          if (acquirer === null) throw new ApiError('acquirer_not_found');
          await refuseOlderNodes(db, 'severalAcquirers');
          const module = deps.acquirers.moduleOf(acquirer.connector);
          checkNames(module, names);
          const at = { merchantId, acquirerId };
          const accountId = await accountOf(deps, db, at, module, credentials, sameAccount);
          const updatedAt = await keep(deps, db, at, accountId, credentials);
          const object = { kind: 'acquirer', id: acquirerId };
          const after = { names, sameAccount: accountId !== null };
          const audit = { action: 'acquirer.set_credentials', merchantId, object, after } as const;
          return { effectId: acquirerId, body: { acquirerId, names, updatedAt: iso(updatedAt) }, audit };
        },
      });
    },
  );
}

/** @throws ApiError 400 naming what the connector does not know */
function checkNames(module: ConnectorModule | undefined, names: readonly string[]): void {
  const known = module?.credentialNames ?? names;
  const details = names
    .filter((name) => !known.includes(name))
    .map((name) => ({ path: `credentials.${name}`, message: `must be one of ${known.join(', ')}` }));
  if (details.length > 0) throw invalidFields(details, 'unknown_field');
}

interface MerchantAtAcquirer {
  readonly merchantId: string;
  readonly acquirerId: string;
}

/**
 * Which of the accounts that the merchant has had at the acquirer these credentials are of; null: of none of them.
 * @throws ApiError when they are to be of the account of the ones before, and there are none
 */
async function accountOf(
  { acquirers }: Deps,
  db: Queryable,
  at: MerchantAtAcquirer,
  module: ConnectorModule | undefined,
  credentials: Credentials,
  sameAccount: boolean | undefined,
): Promise<string | null> {
  const accounts = await listAccounts(db, at);
  if (sameAccount === true) {
    const [last] = accounts;
    if (last === undefined || Object.keys(credentials).length === 0)
      throw fieldError(
        'invalid_request',
        'sameAccount',
        'must not be true without credentials before and now',
      );
    return last.accountId;
  }
  const accountNames = module?.accountNames;
  if (sameAccount === false || accountNames === undefined || Object.keys(credentials).length === 0)
    return null;
  const same = accounts.find((account) => {
    const before = acquirers.openCredentialsIfReadable(account);
    return before !== null && accountNames.every((name) => before[name] === credentials[name]);
  });
  return same?.accountId ?? null;
}

/** @returns when; null: new payments are asked with nothing from now on */
async function keep(
  { secrets }: Deps,
  db: Queryable,
  at: MerchantAtAcquirer,
  accountId: string | null,
  credentials: Credentials,
): Promise<Millis | null> {
  const id = newId();
  const names = Object.keys(credentials).sort();
  const sealed =
    names.length === 0 ? null : secrets.seal('acquirer credentials', id, JSON.stringify(credentials));
  const since = await addCredentials(db, { ...at, id, accountId: accountId ?? id, names, sealed });
  return sealed === null ? null : since;
}

/** @throws ApiError 400 naming what the connector cannot do */
function capabilitiesOf(module: ConnectorModule, wanted: readonly Capability[]): readonly Capability[] {
  const missing = wanted.filter((capability) => !module.capabilities.includes(capability));
  if (missing.length === 0) return wanted;
  throw fieldError(
    'invalid_request',
    'capabilities',
    `must not have what the connector cannot do: ${missing.join(', ')}`,
  );
}

/** @throws ApiError 400 */
function checkUrl({ config }: Deps, url: string): void {
  if (!URL.canParse(url) || !/^https?:\/\/[^?#]*[^/?#]$/.test(url))
    throw fieldError('invalid_request', 'url', 'must be an http or https address without a slash at its end');
  if (config.mode === 'production' && !isEncrypted(url))
    throw fieldError('invalid_request', 'url', 'must begin with https:// in production');
}

function nameIsTaken(): ApiError {
  return fieldError('already_exists', 'name', 'is another acquirer’s');
}

const NO_FIGURES: store.AcquirerFigures = { pendingOperations: 0, balances: [] };

function viewOf(
  { acquirers }: Deps,
  row: store.AcquirerRow,
  problem: AcquirerProblem | null,
  { pendingOperations, balances }: store.AcquirerFigures = NO_FIGURES,
) {
  const { id, name, connector, url, capabilities, takesPayments, createdAt } = row;
  const isDefault = id === DEFAULT_ACQUIRER_ID;
  return {
    id,
    name,
    connector,
    url,
    capabilities,
    takesPayments,
    isDefault,
    isSetUp: problem === null,
    problem,
    credentialNames: acquirers.moduleOf(connector)?.credentialNames ?? [],
    pendingOperations,
    balances,
    createdAt: iso(createdAt),
  };
}

function credentialsView({ acquirerId, names, updatedAt }: KeptCredentials) {
  return { acquirerId, names, updatedAt: iso(updatedAt) };
}
