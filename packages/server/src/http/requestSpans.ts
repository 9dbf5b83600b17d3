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
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { tracer } from '../postgres/spans.ts';

/** Asked every few seconds by machines. */
const UNTRACED = new Set(['/health', '/ready', '/metrics']);

/** What is wrong with a request whose client went away before it had its answer. */
const CONNECTION_CLOSED = 'connection_closed';

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
  app.addHook('onRequest', (request, reply, done) => {
    request.traced = begin(request);
    if (request.traced !== null) endWithConnection(request, reply, request.traced.span);
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

/**
 * Of a request whose client goes away no response is finished. Without an answer the span has no status of HTTP, and is an error;
 * an event stream ends so by itself.
 */
function endWithConnection(request: FastifyRequest, { raw }: FastifyReply, span: Span): void {
  raw.once('close', () => {
    if (raw.writableFinished) return;
    const isStream = raw.headersSent && String(raw.getHeader('content-type')).startsWith('text/event-stream');
    if (!isStream) {
      span.setAttribute('error.type', CONNECTION_CLOSED);
      span.setStatus({ code: SpanStatusCode.ERROR });
    }
    end(request, span, raw.headersSent ? raw.statusCode : null);
  });
}

/**
 * The route, never the URL; who has the key, never the key. Once: the answer of a request whose connection was closed may be
 * finished later.
 */
function end(request: FastifyRequest, span: Span, status: number | null): void {
  if (!span.isRecording()) return;
  if (status !== null) span.setAttribute('http.response.status_code', status);
  const { principal, errorReason } = request;
  if (principal?.merchantId != null) span.setAttribute('plexy.merchant_id', principal.merchantId);
  if (errorReason !== null) span.setAttribute('error.type', errorReason);
  if (status !== null && status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
}
