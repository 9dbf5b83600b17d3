/**
 * What Node would answer by itself, before there is a request for the routes, or not at all: it gets the error
 * shape and the headers of every other answer. And what a listener may hold: connections, and for how long.
 */
import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { newId } from '../installation/newId.ts';
import { errorBody, REASONS, type Reason } from './errors.ts';
import type { SecurityHeaders } from './securityHeaders.ts';

/** A request, headers and body, has to arrive within this time, ... */
export const REQUEST_TIMEOUT_MS = 30_000;
/** ... which is looked at this often. */
const CHECK_INTERVAL_MS = 1_000;

/** For Node's server. A missing Host is answered by us. */
export const SERVER_OPTIONS = {
  requestTimeout: REQUEST_TIMEOUT_MS,
  headersTimeout: REQUEST_TIMEOUT_MS,
  connectionsCheckingInterval: CHECK_INTERVAL_MS,
  requireHostHeader: false,
} as const;

const PARSER_REASONS: Readonly<Record<string, Reason>> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'body_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
};

export type ClientErrorHandler = (error: Error & { code?: string }, socket: Socket) => void;

/** Answers what Node could not read as HTTP, for which there is no request object; then hangs up. */
export function createClientErrorHandler(headers: SecurityHeaders): ClientErrorHandler {
  return (error, socket) => {
    if (error.code !== 'ECONNRESET' && socket.writable && !isTaken(socket)) {
      socket.write(rawAnswer(headers, PARSER_REASONS[error.code ?? ''] ?? 'invalid_request'));
    }
    socket.destroySoon();
  };
}

/**
 * Whether what is sent next would be read as another request's answer, or as a part of it: one that came whole
 * is under way (a payment, perhaps), or is being answered (a stream).
 */
function isTaken(socket: Socket & { _httpMessage?: ServerResponse | null }): boolean {
  const answering = socket._httpMessage ?? null;
  return answering !== null && (answering.headersSent || answering.req.complete);
}

export interface EdgeOptions {
  readonly headers: SecurityHeaders;
  /** More connections than this are closed as they come. */
  readonly maxConnections: number;
  /** @param count of connections that were closed since the last call, at most one a minute */
  readonly onFull: (count: number) => void;
}

export function guardServer(server: Server, { headers, maxConnections, onFull }: EdgeOptions): void {
  server.maxConnections = maxConnections;
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    const { status, all, body } = answerOf(headers, 'expectation_failed');
    response.writeHead(status, all).end(request.method === 'HEAD' ? undefined : body);
  });
  server.on('connect', (_request: IncomingMessage, socket: Duplex) => {
    // It is the proxy's method: no path of ours, so no method is allowed in its place.
    socket.on('error', () => undefined);
    socket.end(rawAnswer({ ...headers, allow: '' }, 'method_not_allowed'));
  });
  let dropped = 0;
  let toldAt = -Infinity;
  server.on('drop', () => {
    dropped += 1;
    // Whoever keeps connections open without a request makes room for those who come with one.
    server.closeIdleConnections();
    const now = performance.now();
    if (now - toldAt < 60_000) return;
    onFull(dropped);
    dropped = 0;
    toldAt = now;
  });
}

function answerOf(headers: SecurityHeaders, reason: Reason) {
  const requestId = newId();
  const { status, message } = REASONS[reason];
  const body = errorBody(reason, message, [], 'server', requestId);
  const all = {
    ...headers,
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'x-request-id': requestId,
    connection: 'close',
  };
  return { status, all, body };
}

/** The whole answer as text, for where there is no response object. */
function rawAnswer(headers: SecurityHeaders, reason: Reason): string {
  const { status, all, body } = answerOf(headers, reason);
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`;
}
