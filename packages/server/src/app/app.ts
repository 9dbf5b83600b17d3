/** Builds the HTTP application: parsing, authentication, errors, metrics, and one routes file per noun. */
import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyRequest, RouteOptions } from 'fastify';
import Type from 'typebox';
import { notificationRoutes } from '../acquirers/notificationRoutes.ts';
import { auditLogRoutes } from '../auditLog/auditLogRoutes.ts';
import { cardRoutes } from '../cards/cardRoutes.ts';
import { checkoutRoutes } from '../checkout/checkoutRoutes.ts';
import type { Scope } from '../core/scopes.ts';
import { customerRoutes } from '../customers/customerRoutes.ts';
import { docsRoutes } from '../docs/docs.ts';
import { openApi } from '../docs/openApi.ts';
import { eventRoutes } from '../feed/eventRoutes.ts';
import { streamRoutes } from '../feed/streamRoutes.ts';
import { hostedRoutes } from '../hosted/hostedRoutes.ts';
import { rewriteOf } from '../hosted/hosts.ts';
import { hostedWords } from '../hosted/words.ts';
import { type App, createBaseApp } from '../http/baseApp.ts';
import { ApiError, fieldError } from '../http/errors.ts';
import { Pipelines } from '../http/pipelines.ts';
import { RequestCounts } from '../http/requestCounts.ts';
import { traceRequests } from '../http/requestSpans.ts';
import { closed } from '../http/schemas.ts';
import { securityHeadersOf } from '../http/securityHeaders.ts';
import { shed } from '../http/shedding.ts';
import type { TurnKind } from '../http/turns.ts';
import { apiKeyRoutes } from '../identity/apiKeyRoutes.ts';
import { ApiKeys, type RouteAuth } from '../identity/auth.ts';
import { KeyUses } from '../identity/keyUses.ts';
import { LockOuts } from '../identity/lockOuts.ts';
import { oidcLinkRoutes } from '../identity/oidc/linkRoutes.ts';
import { Provider } from '../identity/oidc/provider.ts';
import { oidcSignInRoutes } from '../identity/oidc/signInRoutes.ts';
import { passkeyRoutes } from '../identity/passkeyRoutes.ts';
import { Passwords } from '../identity/passwords.ts';
import type { NeededRole } from '../identity/roles.ts';
import { scopeOfRoute } from '../identity/routeScopes.ts';
import { secondFactorRoutes, signInSettingsRoutes } from '../identity/secondFactorRoutes.ts';
import { sessionListRoutes } from '../identity/sessionListRoutes.ts';
import { sessionRoutes } from '../identity/sessionRoutes.ts';
import type { Surface } from '../identity/sessions.ts';
import { Sessions } from '../identity/sessions.ts';
import { dividedBy, Strangers } from '../identity/strangers.ts';
import { adminUserRoutes, userRoutes } from '../identity/userRoutes.ts';
import { linkRoutes } from '../links/linkRoutes.ts';
import { balanceRoutes } from '../merchants/balanceRoutes.ts';
import { storeRoutes } from '../merchants/storeRoutes.ts';
import { healthRoutes } from '../operations/healthRoutes.ts';
import { paymentRoutes } from '../payments/cardRoutes.ts';
import { confirmationPages } from '../payments/confirmationRoutes.ts';
import { lookupRoutes } from '../payments/lookupRoutes.ts';
import { postingRoutes } from '../payments/postingRoutes.ts';
import { threeDSecureRoutes } from '../payments/threeDSecureRoutes.ts';
import { transactionRoutes } from '../payments/transactionRoutes.ts';
import { walletRoutes } from '../payments/walletRoutes.ts';
import { issueRoutes } from '../reports/issueRoutes.ts';
import { statisticsRoutes } from '../reports/statisticsRoutes.ts';
import { logEntryOf, requestLogRoutes } from '../requestLog/requestLogRoutes.ts';
import { callbackRoutes } from '../webhooks/callbackRoutes.ts';
import { webhookDeliveryRoutes } from '../webhooks/deliveryRoutes.ts';
import { webhookEndpointRoutes } from '../webhooks/endpointRoutes.ts';
import { adminRoutes } from './adminRoutes.ts';
import { DASHBOARD_FILES, dashboardRoutes } from './dashboardRoutes.ts';
import type { Deps, SignIn } from './deps.ts';
import { SHARED_SCHEMAS } from './sharedSchemas.ts';

/** API keys and cookies that nobody has. A few queries a second are nothing; a merchant that mistypes its key makes one. */
const UNKNOWN_CREDENTIALS = { burst: 200, perSecond: 20, atOnce: 2, maxWaiting: 100 };
/**
 * People of one office who come in the morning, and then as many as passwords can be computed; those have a line of their own.
 * At once, from everywhere: challenges for passkeys, each of which is a row for some minutes.
 */
const SIGN_INS = { burst: 60, perSecond: 5, atOnce: 1, maxWaiting: 50 };

/** What a sandbox has besides; null in production. */
export type MoreRoutes = ((app: App, deps: Deps) => void) | null;

/** The whole application, ready to listen or to be called by tests. */
export async function createApp(deps: Deps, surface: Surface, sandboxRoutes: MoreRoutes): Promise<App> {
  const app = createBaseApp(deps, {
    sharedSchemas: SHARED_SCHEMAS,
    otherWords: hostedWords,
    rewriteUrl: rewriteOf(deps.config.hostedHosts),
  });
  const { workers } = deps.config;
  const strangers = new Strangers(dividedBy(workers, UNKNOWN_CREDENTIALS));
  const uses = new KeyUses(deps.pool, (error) =>
    deps.logger.warn({ err: error }, 'the last uses of keys were not written'),
  );
  app.addHook('onReady', async () => uses.start());
  app.addHook('onClose', () => uses.stop());
  const keys = new ApiKeys(deps.reserved, deps.config.mode, strangers, uses);
  const sessions = new Sessions(deps.reserved, deps.config, surface, strangers);
  app.decorate('routeList', []);
  app.decorateRequest('principal', null);
  app.decorateRequest('errorReason', null);
  app.decorateRequest('showsSecret', false);
  if (deps.config.tracing !== null) traceRequests(app as unknown as FastifyInstance);
  const headers = securityHeadersOf(deps.config.mode);
  const pipelines = new Pipelines();
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(headers).header('x-request-id', request.id);
    if (!pipelines.admit(request.raw.socket)) {
      done(new ApiError('rate_limited', TOO_PIPELINED, [], { 'retry-after': '1', connection: 'close' }));
      return;
    }
    // Before the body is read: nobody needs to know what is wrong with it.
    done(request.is404 ? new ApiError('not_found') : lacksHost(request) ? missingHost() : undefined);
  });
  const { sandbox } = deps;
  if (sandbox !== null)
    app.addHook('onRequest', (request, _reply, done) => {
      done(sandbox.isOwnHost(request.headers.host) ? undefined : new ApiError('host_not_allowed'));
    });
  app.addHook('onRequest', async (request) => {
    const auth = request.routeOptions.config.auth ?? 'none';
    if (auth === 'none') return;
    const { authorization, cookie } = request.headers;
    const bySession = authorization === undefined && (cookie !== undefined || auth === 'user');
    request.principal = bySession
      ? await sessions.authenticate(request)
      : await keys.authenticate(request, auth);
  });
  app.addHook('onRequest', (request, reply, done) => {
    done(shed(deps.engine, request, reply) ?? undefined);
  });
  app.addHook('onResponse', (request, _reply, done) => {
    pipelines.leave(request.raw.socket);
    done();
  });
  recordResponses(app, deps);
  if (deps.config.rateLimitPerSecond > 0) await limitRate(app, deps.config.rateLimitPerSecond);
  await openApi(app, deps.config);
  const allowed = new Map<string, Set<string>>();
  app.addHook('onRoute', (route) => {
    if (route.config?.refusesMethods === true) return;
    closeQuery(route);
    nameScope(route);
    takeTurns(route, deps);
    const methods = allowed.get(route.url) ?? new Set<string>();
    for (const method of [route.method].flat()) {
      methods.add(method);
      app.routeList.push({ method, url: route.url, ...route.config });
    }
    allowed.set(route.url, methods);
  });
  await app.register(async (scope: FastifyInstance) => {
    registerRoutes(scope as unknown as App, deps, surface, sandboxRoutes, {
      sessions,
      passwords: new Passwords(),
      lockOuts: new LockOuts(),
      strangers: new Strangers(dividedBy(workers, SIGN_INS)),
      provider: deps.config.oidc === null ? null : new Provider(deps.config.oidc),
    });
  });
  await app.register(async (scope: FastifyInstance) => refuseOtherMethods(scope, allowed));
  return app;
}

/** HTTP/1.1 demands it, and what is compared with this server's name must not be empty. */
function lacksHost({ headers, raw }: FastifyRequest): boolean {
  return headers.host === undefined && raw.httpVersion === '1.1';
}

function missingHost(): ApiError {
  return fieldError('invalid_request', 'Host', 'is required');
}

function registerRoutes(
  app: App,
  deps: Deps,
  surface: Surface,
  sandboxRoutes: MoreRoutes,
  signIn: SignIn,
): void {
  healthRoutes(app, deps, surface);
  dashboardRoutes(app, DASHBOARD_FILES, deps.config);
  sessionRoutes(app, deps, surface, signIn);
  secondFactorRoutes(app, deps, signIn);
  sessionListRoutes(app, deps, signIn);
  passkeyRoutes(app, deps, surface, signIn);
  oidcSignInRoutes(app, deps, surface, signIn);
  oidcLinkRoutes(app, deps, surface, signIn);
  if (surface !== 'merchant') {
    adminRoutes(app, deps);
    adminUserRoutes(app, deps, signIn);
  }
  if (surface !== 'operator') {
    walletRoutes(app, deps);
    paymentRoutes(app, deps);
    cardRoutes(app, deps);
    linkRoutes(app, deps);
    customerRoutes(app, deps);
    transactionRoutes(app, deps);
    lookupRoutes(app, deps);
    postingRoutes(app, deps);
    balanceRoutes(app, deps);
    storeRoutes(app, deps);
    streamRoutes(app, deps);
    eventRoutes(app, deps);
    webhookEndpointRoutes(app, deps);
    callbackRoutes(app, deps);
    webhookDeliveryRoutes(app, deps);
    statisticsRoutes(app, deps);
    requestLogRoutes(app, deps);
    issueRoutes(app, deps);
    auditLogRoutes(app, deps);
    apiKeyRoutes(app, deps);
    userRoutes(app, deps, signIn);
    signInSettingsRoutes(app, deps, signIn);
    threeDSecureRoutes(app, deps);
    notificationRoutes(app, deps);
    confirmationPages(app, deps);
    checkoutRoutes(app, deps);
    hostedRoutes(app, deps);
    docsRoutes(app, deps.config.mode);
    sandboxRoutes?.(app, deps);
  }
}

/** Metrics of every request, its line in the merchant's request log and, at level debug, its line in the access log: the route, never the URL. */
function recordResponses(app: App, { metrics, logger, requestLog }: Deps): void {
  const logged = logger.level === 'debug' || logger.level === 'trace';
  app.addHook('onResponse', (request, reply, done) => {
    const { method } = request;
    const { statusCode: status, elapsedTime } = reply;
    const route = request.routeOptions.url ?? 'unknown';
    metrics.request(method, route, status, elapsedTime / 1_000);
    if (reply.hasHeader('idempotency-replayed')) metrics.replayed();
    if (requestLog !== null) {
      const entry = logEntryOf(request, { route, status, latencyMs: elapsedTime });
      if (entry !== null) requestLog.add(entry);
    }
    if (logged) {
      const ms = Math.round(elapsedTime * 10) / 10;
      request.log.debug({ requestId: request.id, method, route, status, ms }, 'request');
    }
    done();
  });
}

/** A misspelt parameter is told, also where there are none. Routes that are open to everybody take what is added to them. */
function closeQuery({ config, schema }: RouteOptions): void {
  const { auth = 'none' } = config ?? {};
  if (auth !== 'none' && schema !== undefined) schema.querystring ??= Type.Object({}, closed);
}

/** The table of scopes is looked into once for each route, not with each request. */
function nameScope(route: RouteOptions): void {
  const { config = {}, url } = route;
  if (config.auth !== 'merchant' || config.scope !== undefined) return;
  const [method = 'GET'] = [route.method].flat();
  route.config = { ...config, scope: scopeOfRoute(method, url) };
}

/** Whoever has a key or a session waits for a turn, and holds it for as long as the request is handled. */
function takeTurns(route: RouteOptions, { turns }: Deps): void {
  const { auth = 'none', turn = 'common' } = route.config ?? {};
  if (auth === 'none' || turn === 'none') return;
  const { handler } = route;
  route.handler = function inTurn(request, reply) {
    const owner = request.principal?.merchantId ?? '';
    return turns[turn].run(owner, async () => handler.call(this, request, reply));
  };
}

const TOO_PIPELINED =
  'too many requests on this connection wait for their answers; send the next one when one is answered';

async function limitRate(app: FastifyInstance, perSecond: number): Promise<void> {
  await app.register(rateLimit, {
    hook: 'preValidation',
    max: perSecond,
    timeWindow: 1_000,
    store: RequestCounts,
    // A header of each answer says what is left (draft-ietf-httpapi-ratelimit-headers).
    enableDraftSpec: true,
    allowList: (request) => request.principal === null,
    // By merchant, whatever keys and sessions it has; an operator's key or session counts for itself.
    keyGenerator: ({ principal }) => principal?.merchantId ?? principal?.apiKeyId ?? '',
    errorResponseBuilder: (_request, context) =>
      new ApiError('rate_limited', undefined, [], {
        'retry-after': String(Math.max(1, Math.ceil(context.ttl / 1_000))),
      }),
  });
}

/** A route of the application and who may call it. */
export interface ListedRoute {
  readonly method: string;
  readonly url: string;
  readonly auth?: RouteAuth;
  readonly role?: NeededRole;
  readonly scope?: Scope;
}

declare module 'fastify' {
  interface FastifyInstance {
    readonly routeList: ListedRoute[];
  }
  interface FastifyContextConfig {
    /** Which line its requests wait in; default: `common`. `none`: payments, which the engine serves in turn. */
    turn?: TurnKind | 'none';
    /** Not a route of its own: the other methods of one. */
    refusesMethods?: true;
  }
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
    const config = { refusesMethods: true } as const;
    app.route({ method, url, config, schema: { hide: true }, onRequest: refuse, handler: refuse });
  }
}
