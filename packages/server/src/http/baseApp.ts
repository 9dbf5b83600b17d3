/** The HTTP server before it has routes: how bodies are parsed and validated, and errors answered. */
import { isUtf8 } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import { Ajv } from 'ajv';
import Fastify, { LogController } from 'fastify';
import type { FastifyValidationResult } from 'fastify/types/schema.js';
import type { Deps } from '../app/deps.ts';
import { requirePlainBody } from './bodyHeaders.ts';
import { trustOf } from './clientAddress.ts';
import { createClientErrorHandler, guardServer, REQUEST_TIMEOUT_MS, SERVER_OPTIONS } from './edge.ts';
import { createErrorHandler } from './errorHandler.ts';
import { ApiError, fieldError, type OtherWords } from './errors.ts';
import { exactJson } from './exactJson.ts';
import { reasonOf } from './parseFields.ts';
import { compileQueryValidator } from './queryValidator.ts';
import { securityHeadersOf } from './securityHeaders.ts';
import { OWN_SCHEMAS } from './shapes.ts';
import { parseStrictJson } from './strictJson.ts';

export type App = ReturnType<typeof createBaseApp>;

const BODY_LIMIT = 64 * 1024;

/** Ids are short; what is longer is an id that does not exist. Node limits the URL to 16 KiB. */
const MAX_PARAM_LENGTH = 16_384;

/** What an application has besides its own API. */
interface Additions {
  /** What the schemas of routes refer to by name. */
  readonly sharedSchemas?: readonly object[];
  readonly otherWords?: OtherWords;
  /** Where a request is routed to in place of its own URL; null: nowhere else. */
  readonly rewriteUrl?: ((request: IncomingMessage) => string) | null;
}

export function createBaseApp(
  deps: Deps,
  { sharedSchemas = [], otherWords = () => null, rewriteUrl = null }: Additions = {},
) {
  const { mode, trustedProxies, keepAliveSeconds, maxConnections } = deps.config;
  const headers = securityHeadersOf(mode);
  const handleError = createErrorHandler(deps.metrics, headers, otherWords);
  const app = Fastify({
    loggerInstance: deps.logger,
    logController: new LogController({ disableRequestLogging: true }),
    // A logger for each request would redact and serialize what it is bound to, and few requests log anything:
    // measured, 7 % of the memory that an authorization takes. Each line of ours names its request.
    childLoggerFactory: (logger) => logger,
    bodyLimit: BODY_LIMIT,
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: MAX_PARAM_LENGTH },
    trustProxy: trustedProxies.length > 0 ? trustOf(trustedProxies) : false,
    http: SERVER_OPTIONS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: keepAliveSeconds * 1_000,
    forceCloseConnections: 'idle',
    // While it stops, a request on an open connection is still served, and its connection closed.
    return503OnClosing: false,
    ...(rewriteUrl === null ? {} : { rewriteUrl }),
    frameworkErrors: handleError,
    clientErrorHandler: createClientErrorHandler(headers),
  }).withTypeProvider<TypeBoxTypeProvider>();
  guardServer(app.server, {
    ...{ headers, maxConnections },
    onFull: (count) =>
      deps.logger.warn({ count, maxConnections }, 'connections were refused: MAX_CONNECTIONS'),
  });
  app.removeAllContentTypeParsers();
  // Synchronous: a promise for each body would cost every request a turn of its own.
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    try {
      requirePlainBody(request.headers);
      done(null, parseBody(body));
    } catch (error) {
      done(error as Error);
    }
  });
  app.setValidatorCompiler(({ schema, httpPart }) => {
    if (httpPart === 'headers') return () => true;
    const compile = httpPart === 'body' ? compileBodyValidator : compileQueryValidator;
    return whenUsed(() => compile(schema as object));
  });
  // Nearly every answer is text already. Fastify's serializers, one for each status of each route, would take a second
  // of each start to make.
  app.setSerializerCompiler(() => exactJson);
  app.setErrorHandler(handleError);
  // All of them here: adding one in a child scope gives that scope Fastify's own validator again.
  for (const schema of sharedSchemas) app.addSchema(schema);
  return app;
}

/** Bodies are taken as they are: "100" is not a number, and a field that is not known is an error. */
const strictAjv = new Ajv({ ...OWN_SCHEMAS, allErrors: true, strict: false });
type Validator = FastifyValidationResult;

const compileBodyValidator = (schema: object): Validator => strictAjv.compile(schema) as Validator;

/** A validator that is made for its first request: those of all routes would take half of a start's time. */
function whenUsed(make: () => Validator): Validator {
  let made: Validator | undefined;
  const validator: Validator = (data) => {
    made ??= make();
    const isValid = made(data);
    validator.errors = made.errors ?? null;
    return isValid;
  };
  return validator;
}

/** @throws ApiError 400 for what is no JSON, or what two readers could read as two things */
export function parseBody(body: Buffer): unknown {
  if (!isUtf8(body)) throw new ApiError('invalid_json', 'the body must be UTF-8');
  const json = parseStrictJson(body.toString('utf8'));
  if (json.ok) return json.value;
  const { error, field = '' } = json;
  const reason = reasonOf(field);
  if (reason === null) throw new ApiError('invalid_json', error, [{ path: 'body', message: error }]);
  throw fieldError(reason, field, 'must be a number that a 64-bit float holds exactly');
}
