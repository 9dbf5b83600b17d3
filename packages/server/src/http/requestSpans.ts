/** The span of each request: what its caller's trace goes on with, or begins a new one. */
import {
  type Context,
  context,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { tracer } from '../postgres/spans.ts';

/** Asked every few seconds by machines. */
const UNTRACED = new Set(['/health', '/ready', '/metrics']);

interface TracedRequest {
  readonly span: Span;
  readonly context: Context;
}

declare module 'fastify' {
  interface FastifyRequest {
    traced: TracedRequest | null;
  }
}

/** Traces every request but those that look after the server. Only where tracing is set up: each hook costs. */
export function traceRequests(app: FastifyInstance): void {
  app.decorateRequest('traced', null);
  app.addHook('onRequest', (request, _reply, done) => {
    request.traced = begin(request);
    within(request, done);
  });
  // A body comes by events of its connection, which know nothing of the request.
  app.addHook('preValidation', (request, _reply, done) => within(request, done));
  app.addHook('onResponse', (request, reply, done) => {
    if (request.traced !== null) end(request, request.traced.span, reply.statusCode);
    done();
  });
}

function within({ traced }: FastifyRequest, done: () => void): void {
  if (traced === null) done();
  else context.with(traced.context, done);
}

function begin(request: FastifyRequest): TracedRequest | null {
  const { method, headers, id } = request;
  const route = request.routeOptions.url;
  if (route !== undefined && UNTRACED.has(route)) return null;
  const parent = propagation.extract(ROOT_CONTEXT, headers);
  const attributes = { 'http.request.method': method, 'plexy.request_id': id };
  const span = tracer().startSpan(
    route === undefined ? method : `${method} ${route}`,
    {
      kind: SpanKind.SERVER,
      attributes: route === undefined ? attributes : { ...attributes, 'http.route': route },
    },
    parent,
  );
  return { span, context: trace.setSpan(parent, span) };
}

/** The route, never the URL; who has the key, never the key. */
function end(request: FastifyRequest, span: Span, status: number): void {
  span.setAttribute('http.response.status_code', status);
  const { principal, errorReason } = request;
  if (principal?.merchantId != null) span.setAttribute('plexy.merchant_id', principal.merchantId);
  if (errorReason !== null) span.setAttribute('error.type', errorReason);
  if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
}
