import { parseRetryAfter } from '@plexy-pay/retry-after';
import { ConnectionError, errorOf, PlexyPayError } from './errors.ts';
import { BIGINT_FIELDS } from './types.generated.ts';

export interface PlexyPayOptions {
  /** Of a merchant (`pr_…`) or of an operator (`op_…`). Null: the browser's session cookie. */
  readonly apiKey: string | null;
  /** Such as `https://pay.example.com`. Default: a sandbox on this machine, http://127.0.0.1:8080. */
  readonly baseUrl?: string;
  /** In place of the global `fetch`. */
  readonly fetch?: typeof fetch;
  /** How long one attempt may take. Default: 30,000. */
  readonly timeoutMs?: number;
  /** How often a request is tried again. Default: 3. */
  readonly maxRetries?: number;
}

/** Of one call, where they differ from the client's. */
export interface RequestOptions {
  /** Of a POST or DELETE. Default: a random one, kept across the retries of this call. */
  readonly idempotencyKey?: string;
  readonly timeoutMs?: number;
  readonly maxRetries?: number;
  readonly signal?: AbortSignal;
}

export type QueryValue = string | number | undefined;

export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With ids already encoded: see `pathOf`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, QueryValue>> | undefined;
  readonly body?: object | undefined;
  readonly options?: RequestOptions | undefined;
}

const DEFAULT_URL = 'http://127.0.0.1:8080';
/** What a header can hold and the server takes. */
const PRINTABLE = /^[\x20-\x7e]*[\x21-\x7e][\x20-\x7e]*$/;
const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 8_000;
/** A server that asks for a longer pause than this is not waited for. */
const MAX_RETRY_AFTER_MS = 60_000;
/** 502 and 504 are a proxy's: the request may or may not have arrived, as when a connection is lost. */
const RETRIED = new Set([429, 502, 503, 504]);
/** What must not be done twice, or answer otherwise the second time. */
const KEYED = new Set(['POST', 'DELETE']);

/** What one attempt led to: an answer, or an error and whether another attempt may help. */
type Attempt =
  | { readonly ok: true; readonly body: unknown }
  | {
      readonly ok: false;
      readonly error: PlexyPayError;
      readonly retry: boolean;
      readonly afterMs: number | null;
    };

/** Sends requests: authentication, idempotency keys, time-outs, retries, errors. */
export class RequestSender {
  readonly #options: PlexyPayOptions;
  readonly #baseUrl: string;

  /** @throws PlexyPayError naming the option that is wrong */
  constructor(options: PlexyPayOptions) {
    const { apiKey, baseUrl = DEFAULT_URL } = options;
    // Whoever does not check types sends `undefined` of an environment that lacks the variable.
    if (apiKey !== null && (typeof apiKey !== 'string' || !PRINTABLE.test(apiKey)))
      throw new PlexyPayError('apiKey must be a key: printable ASCII, not blank');
    if (!/^https?:\/\//i.test(baseUrl) || !URL.canParse(baseUrl))
      throw new PlexyPayError(`baseUrl must be a URL that begins with https:// or http://, not ${baseUrl}`);
    this.#options = options;
    this.#baseUrl = baseUrl.replace(/\/+$/, '');
  }

  /** @throws PlexyPayError, or what `signal` was aborted with */
  async send<T>(call: Call): Promise<T> {
    const { options = {}, method } = call;
    const maxRetries = options.maxRetries ?? this.#options.maxRetries ?? 3;
    const idempotencyKey = options.idempotencyKey ?? (KEYED.has(method) ? randomKey() : undefined);
    if (idempotencyKey !== undefined && (idempotencyKey.length > 255 || !PRINTABLE.test(idempotencyKey)))
      throw new PlexyPayError('idempotencyKey must be 1 to 255 printable ASCII characters, not blank');
    // Made once, and before anything is sent: what cannot be sent is no lost connection.
    const body = call.body === undefined ? undefined : jsonOf(call.body);
    for (let attempt = 0; ; attempt += 1) {
      const result = await this.#attempt(call, body, idempotencyKey);
      if (result.ok) return result.body as T;
      const delayMs = result.afterMs ?? backOffMs(attempt);
      if (!result.retry || attempt >= maxRetries || delayMs > MAX_RETRY_AFTER_MS) throw result.error;
      await pause(delayMs, options.signal);
    }
  }

  /**
   * Opens a response that is read as it comes: one attempt, and no time-out.
   * @throws PlexyPayError, or what `signal` was aborted with
   */
  async open(
    path: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Response> {
    const response = await this.#fetch({ method: 'GET', path }, undefined, headers, signal).catch(
      (cause: unknown) => {
        signal.throwIfAborted();
        throw this.#noConnection(cause);
      },
    );
    if (response.ok) return response;
    throw errorOf(response.status, parseExactly(await response.text()));
  }

  async #attempt(call: Call, body: string | undefined, idempotencyKey: string | undefined): Promise<Attempt> {
    const { options = {} } = call;
    const headers: Record<string, string> = { accept: 'application/json' };
    if (idempotencyKey !== undefined) headers['idempotency-key'] = idempotencyKey;
    const timeoutMs = options.timeoutMs ?? this.#options.timeoutMs ?? 30_000;
    const timeout = AbortSignal.timeout(timeoutMs);
    const signal = options.signal === undefined ? timeout : AbortSignal.any([timeout, options.signal]);
    try {
      const response = await this.#fetch(call, body, headers, signal);
      return attemptOf(response, await response.text());
    } catch (cause) {
      options.signal?.throwIfAborted();
      const error = timeout.aborted
        ? new ConnectionError(`no answer within ${timeoutMs} ms`, { cause })
        : this.#noConnection(cause);
      return { ok: false, error, retry: true, afterMs: null };
    }
  }

  #fetch(
    call: Call,
    body: string | undefined,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Response> {
    const { method } = call;
    const send = this.#options.fetch ?? fetch;
    const { apiKey } = this.#options;
    const all = { ...(apiKey === null ? {} : { authorization: apiKey }), ...headers };
    if (body === undefined) return send(this.#urlOf(call), { method, signal, headers: all });
    return send(this.#urlOf(call), {
      ...{ method, signal, body },
      headers: { 'content-type': 'application/json', ...all },
    });
  }

  #noConnection(cause: unknown): ConnectionError {
    return new ConnectionError(`no connection to ${this.#baseUrl}`, { cause });
  }

  #urlOf({ path, query = {} }: Call): string {
    const parameters = new URLSearchParams();
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) parameters.set(name, String(value));
    return `${this.#baseUrl}${path}${parameters.size === 0 ? '' : `?${parameters}`}`;
  }
}

function jsonOf(body: object): string {
  try {
    return JSON.stringify(body);
  } catch (cause) {
    throw new PlexyPayError(
      'the request cannot be written as JSON: amounts are numbers of minor units, not BigInt',
      { cause },
    );
  }
}

function attemptOf(response: Response, text: string): Attempt {
  const body = parseExactly(text);
  if (response.ok && (body !== undefined || text === '')) return { ok: true, body };
  const error = errorOf(response.status, body);
  const retry = RETRIED.has(response.status) || error.reason === 'request_in_progress';
  return {
    ok: false,
    error,
    retry,
    afterMs: parseRetryAfter(response.headers.get('retry-after'), Date.now()),
  };
}

const EXACT = new Set(BIGINT_FIELDS);

/** JSON with balances as BigInt, every digit kept; undefined when it is not JSON. */
export function parseExactly(text: string): unknown {
  const revive = (key: string, value: unknown, context?: { source?: string }): unknown =>
    typeof value === 'number' && EXACT.has(key) ? BigInt(context?.source ?? value) : value;
  try {
    return JSON.parse(text, revive);
  } catch {
    return undefined;
  }
}

/** Twice as long each time, somewhere in the upper half, so that clients do not come back together. */
export function backOffMs(attempt: number): number {
  const longest = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** attempt);
  return longest * (0.5 + Math.random() / 2);
}

export function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    }, ms);
    if (signal?.aborted) abort();
    else signal?.addEventListener('abort', abort, { once: true });
  });
}

/** 128 random bits. Not crypto.randomUUID: browsers have that on https pages only. */
function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** A path with each value encoded, so that no id can reach another route. */
export function pathOf(parts: TemplateStringsArray, ...ids: string[]): string {
  return parts.reduce((path, part, i) => `${path}${encodeURIComponent(checkedId(ids[i - 1]))}${part}`);
}

/** An empty id, or one of dots, would be the path of something else. */
function checkedId(id: string | undefined): string {
  if (id === undefined || /^\.{0,2}$/.test(id)) throw new PlexyPayError('an id must not be empty');
  return id;
}
