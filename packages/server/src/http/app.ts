/** Builds the HTTP application: parsing, authentication, errors, metrics, and one routes file per noun. */
import { isUtf8 } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import rateLimit from '@fastify/rate-limit';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import { Ajv } from 'ajv';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyRequest,
  LogController,
} from 'fastify';
import type { Acquirer } from '../acquirer/acquirer.ts';
import type { BankControl } from '../acquirer/bankControl.ts';
import type { LateAnswers } from '../acquirer/lateAnswers.ts';
import type { Config } from '../config.ts';
import type { Engine } from '../engine/engine.ts';
import type { EventFeed } from '../engine/feed.ts';
import type { Secrets } from '../secrets.ts';
import type { Pool } from '../store/postgres.ts';
import { adminRoutes } from './adminRoutes.ts';
import { ADMIN_OBJECTS } from './adminSchemas.ts';
import { ApiKeys } from './auth.ts';
import { authenticationRoutes } from './authenticationRoutes.ts';
import { confirmationPages } from './confirmationRoutes.ts';
import { docsRoutes } from './docs.ts';
import { answerClientError, createErrorHandler, SECURITY_HEADERS } from './errorHandler.ts';
import { ApiError, fieldError } from './errors.ts';
import { reasonOf } from './fields.ts';
import { lookupRoutes } from './lookupRoutes.ts';
import type { Metrics } from './metrics.ts';
import { openApi } from './openApi.ts';
import { operationsRoutes } from './operationsRoutes.ts';
import { paymentRoutes } from './paymentRoutes.ts';
import { sandboxRoutes } from './sandboxRoutes.ts';
import * as schemas from './schemas.ts';
import { streamRoutes } from './streamRoutes.ts';
import { parseStrictJson } from './strictJson.ts';
import { transactionRoutes } from './transactionRoutes.ts';
import { walletRoutes } from './walletRoutes.ts';

export interface Deps {
  readonly config: Config;
  readonly pool: Pool;
  readonly engine: Engine;
  readonly acquirer: Acquirer;
  readonly lateAnswers: LateAnswers;
  readonly feed: EventFeed;
  /** The levers of the simulated bank. */
  readonly bankControl: BankControl;
  /** Puts a sandbox back to its seed. */
  readonly resetSandbox: () => Promise<void>;
  /** Where payers and customers reach this node with their browsers. */
  readonly publicUrl: { readonly current: string };
  readonly secrets: Secrets;
  readonly metrics: Metrics;
  readonly logger: FastifyBaseLogger;
}

/** What a listener serves: merchants, operators, or (in the sandbox) both. */
export type Surface = 'merchant' | 'operator' | 'both';

export type App = ReturnType<typeof createBareApp>;

const BODY_LIMIT = 64 * 1024;

/** The whole application, ready to listen or to be called by tests. */
export async function createApp(deps: Deps, surface: Surface): Promise<App> {
  const app = createBareApp(deps);
  const keys = new ApiKeys(deps.pool, deps.config.mode);
  app.decorateRequest('principal', null);
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(SECURITY_HEADERS).header('x-request-id', request.id);
    // Before the body is read: nobody needs to know what is wrong with it.
    done(request.is404 ? new ApiError('not_found') : undefined);
  });
  app.addHook('onRequest', async (request) => {
    const auth = request.routeOptions.config.auth ?? 'none';
    if (auth !== 'none') request.principal = await keys.authenticate(request, auth);
  });
  recordResponses(app, deps);
  if (deps.config.rateLimitPerSecond > 0) await limitRate(app, deps.config.rateLimitPerSecond);
  await openApi(app, deps.config);
  const allowed = new Map<string, Set<string>>();
  app.addHook('onRoute', (route) => {
    const methods = allowed.get(route.url) ?? new Set<string>();
    for (const method of [route.method].flat()) methods.add(method);
    allowed.set(route.url, methods);
  });
  await app.register(async (scope: FastifyInstance) => {
    registerRoutes(scope as unknown as App, deps, surface);
  });
  await app.register(async (scope: FastifyInstance) => refuseOtherMethods(scope, allowed));
  return app;
}

function registerRoutes(app: App, deps: Deps, surface: Surface): void {
  operationsRoutes(app, deps, surface);
  if (surface !== 'merchant') adminRoutes(app, deps);
  if (surface !== 'operator') {
    walletRoutes(app, deps);
    paymentRoutes(app, deps);
    transactionRoutes(app, deps);
    lookupRoutes(app, deps);
    streamRoutes(app, deps);
    authenticationRoutes(app, deps);
    confirmationPages(app, deps);
    docsRoutes(app, deps.config.mode);
    if (deps.config.mode === 'sandbox') sandboxRoutes(app, deps);
  }
}

/** Metrics of every request and, at level debug, its line in the access log: the route, never the URL. */
function recordResponses(app: App, { metrics, logger }: Deps): void {
  const logged = logger.level === 'debug' || logger.level === 'trace';
  app.addHook('onResponse', (request, reply, done) => {
    const { method } = request;
    const { statusCode: status, elapsedTime } = reply;
    const route = request.routeOptions.url ?? 'unknown';
    metrics.request(method, route, status, elapsedTime / 1_000);
    if (logged)
      request.log.debug({ method, route, status, ms: Math.round(elapsedTime * 10) / 10 }, 'request');
    done();
  });
}

/** Ids are short; what is longer is an id that does not exist. Node limits the URL to 16 KiB. */
const MAX_PARAM_LENGTH = 16_384;

function createBareApp(deps: Deps) {
  const handleError = createErrorHandler(deps.metrics);
  const app = Fastify({
    loggerInstance: deps.logger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    bodyLimit: BODY_LIMIT,
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: MAX_PARAM_LENGTH },
    trustProxy: false,
    requestTimeout: 30_000,
    forceCloseConnections: 'idle',
    // While it stops, a request on an open connection is still served, and its connection closed.
    return503OnClosing: false,
    frameworkErrors: handleError,
    clientErrorHandler: answerClientError,
  }).withTypeProvider<TypeBoxTypeProvider>();
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    async (_request: FastifyRequest, body: Buffer) => parseBody(body),
  );
  app.setValidatorCompiler(({ schema, httpPart }) => {
    if (httpPart === 'headers') return () => true;
    return (httpPart === 'body' ? strictAjv : queryAjv).compile(schema as object);
  });
  app.setErrorHandler(handleError);
  // All of them here: adding one in a child scope gives that scope Fastify's own validator again.
  const { ErrorResponse, WalletTransaction, Transaction, TransactionEvent } = schemas;
  const shared = [ErrorResponse, WalletTransaction, Transaction, TransactionEvent, ...ADMIN_OBJECTS];
  for (const schema of shared) app.addSchema(schema);
  return app;
}

/** Bodies are taken as they are: "100" is not a number, and a field that is not known is an error. */
const strictAjv = new Ajv({ allErrors: true, strict: false });
/** Query parameters and paths are text, so numbers are read from it. */
const queryAjv = new Ajv({ allErrors: true, strict: false, coerceTypes: true, useDefaults: true });

function parseBody(body: Buffer): unknown {
  if (!isUtf8(body)) throw new ApiError('invalid_json', 'the body must be UTF-8');
  const json = parseStrictJson(body.toString('utf8'));
  if (json.ok) return json.value;
  const { error, field = '' } = json;
  const reason = reasonOf(field);
  if (reason === null) throw new ApiError('invalid_json', error, [{ path: 'body', message: error }]);
  throw fieldError(reason, field, 'must be a number that a 64-bit float holds exactly');
}

async function limitRate(app: FastifyInstance, perSecond: number): Promise<void> {
  await app.register(rateLimit, {
    hook: 'preValidation',
    max: perSecond,
    timeWindow: 1_000,
    cache: 10_000,
    allowList: (request) => request.principal === null,
    keyGenerator: (request) => request.principal?.apiKeyId ?? '',
    errorResponseBuilder: (_request, context) =>
      new ApiError('rate_limited', undefined, [], {
        'retry-after': String(Math.max(1, Math.ceil(context.ttl / 1_000))),
      }),
  });
}

/** A path that exists answers its other methods with 405 and says which it allows. */
function refuseOtherMethods(app: FastifyInstance, allowed: ReadonlyMap<string, ReadonlySet<string>>): void {
  for (const [url, methods] of [...allowed]) {
    const method = app.supportedMethods.filter((name) => !methods.has(name));
    const allow = [...methods].join(', ');
    const refuse = (): never => {
      throw new ApiError('method_not_allowed', undefined, [], { allow });
    };
    // In a hook, so that it comes before what the body may be refused for.
    app.route({ method, url, schema: { hide: true }, onRequest: refuse, handler: refuse });
  }
}
