/** Sends one webhook, and waits for no endpoint longer than it must. */
import {
  type ClientRequest,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { LookupFunction } from 'node:net';
import { parseRetryAfter } from '@plexy-pay/retry-after';
import { boundInterimAnswers } from '../http/interimAnswers.ts';
import { ForbiddenAddressError, guardedLookup, isForbiddenHost } from './addresses.ts';

/** An answer must have begun by then. */
const ATTEMPT_LIMIT_MS = 15_000;
/** The status decides; what follows it is for the merchant to read, and is waited for no longer than this. */
const BODY_LIMIT_MS = 1_000;
/** So much of an answer is kept, and so much is read, so that its connection can be used again. */
const KEPT_BYTES = 1024;
const READ_BYTES = 16 * 1024;
/** A connection that nothing was sent over for so long is closed: servers close theirs after 5 s and more. */
const IDLE_MS = 4_000;
/** An endpoint that nothing was sent to for so long is forgotten. */
const FORGET_MS = 60_000;

export type PostError =
  | 'timeout'
  | 'name_not_found'
  | 'connection_failed'
  | 'certificate_not_valid'
  | 'address_not_allowed'
  | 'answer_not_http';

export interface PostResult {
  /** Null when no answer came: `error` says why. */
  readonly statusCode: number | null;
  readonly error: PostError | null;
  /** The beginning of the answer. */
  readonly response: string | null;
  readonly latencyMs: number;
  readonly retryAfterMs: number | null;
}

export interface PosterOptions {
  /** The sandbox: http, and this machine. */
  readonly allowLocal: boolean;
  /** Connections to one endpoint. */
  readonly connections: number;
  readonly lookup?: LookupFunction;
  /** How long an answer may take to begin: 15 s. */
  readonly limitMs?: number;
}

/** An endpoint's URL, taken apart and judged once, and the connections to it. */
interface Destination {
  readonly url: string;
  readonly origin: string;
  /** How to send there; null when nothing may be sent there. */
  readonly connect: ((headers: Record<string, string>) => ClientRequest) | null;
  readonly agent: HttpAgent | null;
  usedAt: number;
}

/** Keeps connections per endpoint: one that hangs takes none of another's, also at the same host. */
export class Poster {
  readonly #options: PosterOptions;
  readonly #destinations = new Map<string, Destination>();
  readonly #sweep: NodeJS.Timeout;

  constructor(options: PosterOptions) {
    this.#options = options;
    this.#sweep = setInterval(() => this.#forgetIdle(), FORGET_MS).unref();
  }

  /** Sends a body. Whatever goes wrong is a result. */
  async post(
    endpointId: string,
    url: string,
    headers: Record<string, string>,
    body: string,
  ): Promise<PostResult> {
    const { connect } = this.#destinationOf(endpointId, url);
    if (connect === null)
      return {
        statusCode: null,
        error: 'address_not_allowed',
        response: null,
        latencyMs: 0,
        retryAfterMs: null,
      };
    return new Promise((resolve) => {
      const request = connect({ ...headers, 'content-length': String(Buffer.byteLength(body)) });
      new Answer(request, resolve, this.#options.limitMs ?? ATTEMPT_LIMIT_MS);
      request.end(body);
    });
  }

  /** Cuts off whatever is under way. */
  async close(): Promise<void> {
    clearInterval(this.#sweep);
    for (const { agent } of this.#destinations.values()) agent?.destroy();
  }

  #destinationOf(endpointId: string, url: string): Destination {
    const found = this.#destinations.get(endpointId);
    if (found?.url === url) {
      found.usedAt = performance.now();
      return found;
    }
    const target = new URL(url);
    const { origin, protocol, hostname } = target;
    const { allowLocal } = this.#options;
    const isForbidden = (protocol !== 'https:' && !allowLocal) || isForbiddenHost(hostname, allowLocal);
    // Those of another server close by themselves.
    const kept = found?.origin === origin ? found.agent : null;
    const agent = isForbidden ? null : (kept ?? this.#agentFor(protocol));
    const connect = agent === null ? null : this.#connector(target, agent);
    const destination = { url, origin, connect, agent, usedAt: performance.now() };
    this.#destinations.set(endpointId, destination);
    return destination;
  }

  #agentFor(protocol: string): HttpAgent {
    const options = { keepAlive: true, maxSockets: this.#options.connections, timeout: IDLE_MS };
    return protocol === 'https:' ? new HttpsAgent(options) : new HttpAgent(options);
  }

  #connector(
    { protocol, hostname, port, pathname, search }: URL,
    agent: HttpAgent,
  ): (headers: Record<string, string>) => ClientRequest {
    const { allowLocal, lookup } = this.#options;
    const send = protocol === 'https:' ? httpsRequest : httpRequest;
    const fixed = {
      agent,
      method: 'POST',
      // An IPv6 address has brackets in a URL only.
      hostname: hostname.replace(/^\[(.*)\]$/, '$1'),
      port,
      path: `${pathname}${search}`,
      lookup: guardedLookup(allowLocal, lookup),
    };
    return (headers) => send({ ...fixed, headers });
  }

  #forgetIdle(): void {
    const limit = performance.now() - FORGET_MS;
    for (const [endpointId, { usedAt }] of this.#destinations)
      if (usedAt <= limit) this.#destinations.delete(endpointId);
  }
}

/** What comes back, until it is known well enough. */
class Answer {
  readonly #request: ClientRequest;
  readonly #resolve: (result: PostResult) => void;
  readonly #startedAt = performance.now();
  #timer: NodeJS.Timeout;
  #statusCode: number | null = null;
  #retryAfterMs: number | null = null;
  #latencyMs = 0;
  #read = 0;
  #kept: Buffer[] = [];
  #done = false;

  constructor(request: ClientRequest, resolve: (result: PostResult) => void, limitMs: number) {
    this.#request = request;
    this.#resolve = resolve;
    this.#timer = setTimeout(() => this.#settle('timeout', true), limitMs);
    boundInterimAnswers(request);
    request.on('response', (response) => this.#begin(response));
    request.on('error', (error) => this.#fail(error));
  }

  #begin(response: IncomingMessage): void {
    this.#statusCode = response.statusCode ?? null;
    this.#latencyMs = performance.now() - this.#startedAt;
    this.#retryAfterMs = parseRetryAfter(response.headers['retry-after'], Date.now());
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#settle(null, true), BODY_LIMIT_MS);
    response.on('data', (chunk: Buffer) => this.#take(chunk));
    // The status has decided, however it ends.
    response.on('error', () => undefined);
    response.on('close', () => this.#settle(null, false));
  }

  #take(chunk: Buffer): void {
    if (this.#read < KEPT_BYTES) this.#kept.push(Buffer.from(chunk.subarray(0, KEPT_BYTES - this.#read)));
    this.#read += chunk.length;
    if (this.#read > READ_BYTES) this.#settle(null, true);
  }

  #fail(error: Error): void {
    if (this.#statusCode === null) this.#settle(kindOf(error), false);
  }

  #settle(error: PostError | null, cutOff: boolean): void {
    if (this.#done) return;
    this.#done = true;
    clearTimeout(this.#timer);
    if (cutOff) this.#request.destroy();
    const latency = this.#statusCode === null ? performance.now() - this.#startedAt : this.#latencyMs;
    this.#resolve({
      statusCode: this.#statusCode,
      error,
      response: this.#statusCode === null ? null : textOf(Buffer.concat(this.#kept)),
      latencyMs: Math.round(latency),
      retryAfterMs: this.#retryAfterMs,
    });
  }
}

/** PostgreSQL stores no NUL, and a character may have been cut in two. */
function textOf(bytes: Buffer): string {
  return bytes.toString('utf8').replaceAll('\0', '\ufffd');
}

const KINDS: readonly (readonly [RegExp, PostError])[] = [
  [/^(ENOTFOUND|EAI_|ENODATA|EBADNAME)/, 'name_not_found'],
  [/^ETIMEDOUT/, 'timeout'],
  [/CERT|^(ERR_TLS|ERR_SSL|EPROTO|UNABLE_TO)/, 'certificate_not_valid'],
  [/^(HPE_|INTERIM_ANSWERS)/, 'answer_not_http'],
];

function kindOf(error: unknown): PostError {
  if (error instanceof ForbiddenAddressError) return 'address_not_allowed';
  if (!(error instanceof Error)) return 'connection_failed';
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  return KINDS.find(([pattern]) => pattern.test(code))?.[1] ?? 'connection_failed';
}
