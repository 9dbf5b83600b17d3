/** Builds the HTTP application: parsing, authentication, errors, metrics, and one routes file per noun. */
import { isUtf8 } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import rateLimit from '@fastify/rate-limit';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import { Ajv } from 'ajv';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import type { Acquirer } from '../acquirer/acquirer.ts';
import type { LateAnswers } from '../acquirer/lateAnswers.ts';
import type { Config } from '../config.ts';
import type { Engine } from '../engine/engine.ts';
import type { Secrets } from '../secrets.ts';
import { isPassing, type Pool } from '../store/postgres.ts';
import { ApiKeys } from './auth.ts';
import { authenticationRoutes } from './authenticationRoutes.ts';
import { docsRoutes, openApi } from './docs.ts';
import { ApiError, type ErrorDetail, errorBody, REASONS, type Reason, sourceOf } from './errors.ts';
import { sendJson } from './execute.ts';
import { invalidFields } from './fields.ts';
import type { Metrics } from './metrics.ts';
import { operationsRoutes } from './operationsRoutes.ts';
import { paymentRoutes } from './paymentRoutes.ts';
import { sandboxRoutes } from './sandboxRoutes.ts';
import * as schemas from './schemas.ts';
import { parseStrictJson } from './strictJson.ts';
import { transactionRoutes } from './transactionRoutes.ts';
import { walletRoutes } from './walletRoutes.ts';

export interface Deps {
  readonly config: Config;
  readonly pool: Pool;
  readonly engine: Engine;
  readonly acquirer: Acquirer;
  readonly lateAnswers: LateAnswers;
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
  app.addHook('onRequest', async (request) => {
    const auth = request.routeOptions.config.auth ?? 'none';
    if (auth !== 'none') request.principal = await keys.authenticate(request, auth);
  });
  app.addHook('onSend', async (request, reply) => {
    reply.headers(SECURITY_HEADERS).header('x-request-id', request.id);
  });
  app.addHook('onResponse', async (request, reply) => {
    deps.metrics.request(
      request.method,
      request.routeOptions.url ?? 'unknown',
      reply.statusCode,
      reply.elapsedTime / 1_000,
    );
  });
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
  if (surface !== 'operator') {
    walletRoutes(app, deps);
    paymentRoutes(app, deps);
    transactionRoutes(app, deps);
    authenticationRoutes(app, deps);
    docsRoutes(app);
    if (deps.config.mode === 'sandbox') sandboxRoutes(app, deps);
  }
}

const SECURITY_HEADERS = {
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
};

function createBareApp(deps: Deps) {
  const app = Fastify({
    loggerInstance: deps.logger,
    disableRequestLogging: true,
    bodyLimit: BODY_LIMIT,
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    routerOptions: { ignoreTrailingSlash: true },
    trustProxy: false,
    requestTimeout: 30_000,
    forceCloseConnections: 'idle',
    frameworkErrors: sendError,
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
  app.setErrorHandler(sendError);
  app.setNotFoundHandler((request, reply) => sendError(new ApiError('not_found'), request, reply));
  app.addSchema(schemas.ErrorResponse);
  app.addSchema(schemas.WalletTransaction);
  app.addSchema(schemas.Transaction);
  return app;
}

/** Bodies are taken as they are: "100" is not a number, and a field that is not known is an error. */
const strictAjv = new Ajv({ allErrors: true, strict: false });
/** Query parameters and paths are text, so numbers are read from it. */
const queryAjv = new Ajv({ allErrors: true, strict: false, coerceTypes: true, useDefaults: true });

function parseBody(body: Buffer): unknown {
  if (!isUtf8(body)) throw new ApiError('invalid_json', 'the body must be UTF-8');
  const json = parseStrictJson(body.toString('utf8'));
  if (!json.ok) throw new ApiError('invalid_json', json.error, [{ path: 'body', message: json.error }]);
  return json.value;
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
    const method = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'].filter((name) => !methods.has(name));
    const allow = [...methods].join(', ');
    app.route({
      method,
      url,
      schema: { hide: true },
      handler: () => {
        throw new ApiError('method_not_allowed', undefined, [], { allow });
      },
    });
  }
}

function sendError(error: FastifyError | Error, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const known = error instanceof ApiError ? error : translate(error);
  if (known.reason === 'internal_error') request.log.error({ err: error }, 'request failed');
  else if (known.reason === 'service_unavailable')
    request.log.warn({ err: error.cause ?? error }, 'request not served');
  reply.headers(known.headers);
  const body = errorBody(known.reason, known.message, known.details, sourceOf(request.url), request.id);
  return sendJson(reply, REASONS[known.reason].status, body);
}

const FRAMEWORK_REASONS: Readonly<Record<string, Reason>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'body_too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'invalid_json',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'invalid_request',
  FST_ERR_BAD_URL: 'not_found',
};

function translate(error: FastifyError | Error): ApiError {
  if ('validation' in error && error.validation !== undefined) return validationError(error);
  const reason = 'code' in error ? FRAMEWORK_REASONS[error.code] : undefined;
  if (reason !== undefined) return new ApiError(reason);
  if (isPassing(error)) return new ApiError('service_unavailable', undefined, [], { 'retry-after': '1' });
  if ('statusCode' in error && error.statusCode !== undefined && error.statusCode < 500)
    return new ApiError('invalid_request');
  return new ApiError('internal_error');
}

/** Names every field that a schema refused, and its rule. */
function validationError(error: FastifyError): ApiError {
  const issues = error.validation ?? [];
  const details = issues.map((issue): ErrorDetail => {
    const base = issue.instancePath.slice(1).replaceAll('/', '.');
    const { additionalProperty, missingProperty } = issue.params;
    const field = additionalProperty ?? missingProperty;
    const path = [base, typeof field === 'string' ? field : ''].filter((part) => part !== '').join('.');
    if (additionalProperty !== undefined) return { path, message: 'is not a known field' };
    if (missingProperty !== undefined) return { path, message: 'is required' };
    return {
      path: path === '' ? (error.validationContext ?? 'body') : path,
      message: issue.message ?? 'is invalid',
    };
  });
  const [first] = issues;
  if (first?.keyword === 'additionalProperties') return invalidFields(details, 'unknown_field');
  return first?.keyword === 'required' ? invalidFields(details, 'missing_field') : invalidFields(details);
}
