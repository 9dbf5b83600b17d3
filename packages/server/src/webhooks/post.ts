/** Sends one webhook, and waits for no endpoint longer than it must. */
import type { LookupFunction } from 'node:net';
import { parseRetryAfter } from '@plexy-pay/retry-after';
import { type Dispatcher, Pool } from 'undici';
import { ForbiddenAddressError, guardedLookup, isForbiddenHost } from './addresses.ts';

/** An answer must have begun by then. */
const ATTEMPT_LIMIT_MS = 15_000;
/** The status decides; what follows it is for the merchant to read, and is waited for no longer than this. */
const BODY_LIMIT_MS = 1_000;
/** So much of an answer is kept, and so much is read, so that its connection can be used again. */
const KEPT_BYTES = 1024;
const READ_BYTES = 16 * 1024;
/** An endpoint's connections are closed when nothing was sent for so long. */
const IDLE_MS = 60_000;

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
  readonly path: string;
  /** Null when nothing may be sent there. */
  readonly pool: Pool | null;
  usedAt: number;
}

/** Keeps connections per endpoint: one that hangs takes none of another's, also at the same host. */
export class Poster {
  readonly #options: PosterOptions;
  readonly #destinations = new Map<string, Destination>();
  readonly #sweep: NodeJS.Timeout;

  constructor(options: PosterOptions) {
    this.#options = options;
    this.#sweep = setInterval(() => this.#closeIdle(), IDLE_MS).unref();
  }

  /** Sends a body. Whatever goes wrong is a result. */
  async post(
    endpointId: string,
    url: string,
    headers: Record<string, string>,
    body: string,
  ): Promise<PostResult> {
    const { origin, path, pool } = this.#destinationOf(endpointId, url);
    if (pool === null)
      return {
        statusCode: null,
        error: 'address_not_allowed',
        response: null,
        latencyMs: 0,
        retryAfterMs: null,
      };
    return new Promise((resolve) => {
      const answer = new Answer(resolve, this.#options.limitMs ?? ATTEMPT_LIMIT_MS);
      pool.dispatch({ origin, path, method: 'POST', headers, body }, answer);
    });
  }

  /** Cuts off whatever is under way. */
  async close(): Promise<void> {
    clearInterval(this.#sweep);
    await Promise.all([...this.#destinations.values()].map(({ pool }) => pool?.destroy()));
  }

  #destinationOf(endpointId: string, url: string): Destination {
    const found = this.#destinations.get(endpointId);
    if (found?.url === url) {
      found.usedAt = performance.now();
      return found;
    }
    const { origin, protocol, hostname, pathname, search } = new URL(url);
    const { allowLocal } = this.#options;
    const isForbidden = (protocol !== 'https:' && !allowLocal) || isForbiddenHost(hostname, allowLocal);
    const kept = found?.origin === origin ? found.pool : null;
    if (kept === null) void found?.pool?.close();
    const pool = isForbidden ? null : (kept ?? this.#connect(origin));
    const destination = { url, origin, path: `${pathname}${search}`, pool, usedAt: performance.now() };
    this.#destinations.set(endpointId, destination);
    return destination;
  }

  #connect(origin: string): Pool {
    const { allowLocal, connections, lookup } = this.#options;
    return new Pool(origin, {
      connections,
      // Answers have a limit of their own.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: { timeout: ATTEMPT_LIMIT_MS, lookup: guardedLookup(allowLocal, lookup) },
    });
  }

  #closeIdle(): void {
    const limit = performance.now() - IDLE_MS;
    for (const [endpointId, { pool, usedAt }] of this.#destinations) {
      if (usedAt > limit) continue;
      this.#destinations.delete(endpointId);
      void pool?.close();
    }
  }
}

/** What comes back, until it is known well enough. */
class Answer implements Dispatcher.DispatchHandler {
  readonly #resolve: (result: PostResult) => void;
  readonly #startedAt = performance.now();
  #timer: NodeJS.Timeout;
  #controller: Dispatcher.DispatchController | null = null;
  #statusCode: number | null = null;
  #retryAfterMs: number | null = null;
  #latencyMs = 0;
  #read = 0;
  #kept: Buffer[] = [];
  #done = false;

  constructor(resolve: (result: PostResult) => void, limitMs: number) {
    this.#resolve = resolve;
    this.#timer = setTimeout(() => this.#settle('timeout', true), limitMs);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#done) controller.abort(new Error('too late'));
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    statusCode: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (statusCode < 200) return;
    this.#statusCode = statusCode;
    this.#latencyMs = performance.now() - this.#startedAt;
    this.#retryAfterMs = parseRetryAfter([headers['retry-after']].flat()[0], Date.now());
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#settle(null, true), BODY_LIMIT_MS);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#read < KEPT_BYTES) this.#kept.push(Buffer.from(chunk.subarray(0, KEPT_BYTES - this.#read)));
    this.#read += chunk.length;
    if (this.#read > READ_BYTES) this.#settle(null, true);
  }

  onResponseEnd(): void {
    this.#settle(null, false);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#settle(this.#statusCode === null ? kindOf(error) : null, false);
  }

  #settle(error: PostError | null, cutOff: boolean): void {
    if (this.#done) return;
    this.#done = true;
    clearTimeout(this.#timer);
    if (cutOff) this.#controller?.abort(new Error('enough'));
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
  [/^(ETIMEDOUT|UND_ERR_CONNECT_TIMEOUT)/, 'timeout'],
  [/CERT|^(ERR_TLS|ERR_SSL|EPROTO|UNABLE_TO)/, 'certificate_not_valid'],
  [/^(HTTPParserError|HPE_|UND_ERR_HEADERS_OVERFLOW)/, 'answer_not_http'],
];

function kindOf(error: unknown): PostError {
  if (error instanceof ForbiddenAddressError) return 'address_not_allowed';
  if (!(error instanceof Error)) return 'connection_failed';
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  return KINDS.find(([pattern]) => pattern.test(code))?.[1] ?? 'connection_failed';
}
