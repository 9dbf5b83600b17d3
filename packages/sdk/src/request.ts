import { parseRetryAfter } from '@plexy-pay/retry-after';
import {
  AbortedError,
  type AnswerHead,
  ConnectionError,
  errorOf,
  PlexyPayError,
  UnexpectedAnswerError,
  withKey,
} from './errors.ts';
import { parseExactly, randomHex } from './json.ts';
import {
  baseUrlOf,
  checkClientOptions,
  checkRequestOptions,
  DEFAULT_MAX_RETRIES,
  DEFAULT_TIMEOUT_MS,
  type FetchAnswer,
  type FetchInit,
  type PlexyPayOptions,
  type RequestOptions,
} from './options.ts';
import { type AnswerName, SHAPES } from './types.generated.ts';
import { userAgentOf } from './userAgent.ts';

/** A `Date` is sent as its ISO text, a list separated by commas. */
export type QueryValue = string | number | boolean | Date | readonly string[] | undefined;

export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With ids already encoded: see `pathOf`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, QueryValue>> | undefined;
  readonly body?: object | undefined;
  readonly options?: RequestOptions | undefined;
  /** What is answered; without it any JSON, or nothing, will do. */
  readonly answer?: AnswerName | 'list';
}

const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 8_000;
/** A server that asks for a longer pause than this is not waited for. */
const MAX_RETRY_AFTER_MS = 60_000;
/** 502 and 504 are a proxy's: the request may or may not have arrived, as when a connection is lost. */
const RETRIED = new Set([429, 502, 503, 504]);
/** What may have happened, or begun to: only a key makes sure that it happens once. */
const RETRIED_WITH_KEY = new Set([408, 500]);
/** Another request is in the way, and will be out of it. */
const RETRIED_REASONS = new Set<unknown>([
  'request_in_progress',
  'operation_in_progress',
  'audit_in_progress',
]);
/** What must not be done twice, or answer otherwise the second time. */
const KEYED = new Set(['POST', 'DELETE']);

/** What one attempt led to: an answer, or an error and whether another attempt may help. */
type Attempt =
  | { readonly ok: true; readonly body: unknown }
  | { readonly ok: false; readonly error: PlexyPayError; readonly retry: boolean };

/** Sends requests: authentication, idempotency keys, time-outs, retries, errors. */
export class RequestSender {
  /** How often a request is tried again, unless its call says otherwise. */
  readonly maxRetries: number;
  readonly #options: PlexyPayOptions;
  readonly #baseUrl: string;
  readonly #userAgent: string | null;

  /** @throws PlexyPayError naming the option that is wrong */
  constructor(options: PlexyPayOptions) {
    checkClientOptions(options);
    this.#options = options;
    this.#baseUrl = baseUrlOf(options);
    this.#userAgent = userAgentOf(options.app);
    this.maxRetries = options.maxRetries ?? DEFAULT_MAX_RETRIES;
  }

  /** @throws PlexyPayError with the `idempotencyKey` that was sent */
  async send<T>(call: Call): Promise<T> {
    const { options = {}, method } = call;
    checkRequestOptions(options);
    const maxRetries = options.maxRetries ?? this.maxRetries;
    const key = options.idempotencyKey ?? (KEYED.has(method) ? randomHex() : null);
    // Made once, and before anything is sent: what cannot be sent is no lost connection.
    const url = this.#urlOf(call);
    const body = call.body === undefined ? undefined : jsonOf(call.body);
    for (let attempt = 0; ; attempt += 1) {
      const result = await this.#attempt(call, url, body, key);
      if (result.ok) return result.body as T;
      const delayMs = result.error.retryAfterMs ?? backOffMs(attempt);
      if (!result.retry || attempt >= maxRetries || delayMs > MAX_RETRY_AFTER_MS)
        throw withKey(result.error, key);
      await pause(delayMs, options.signal).catch((reason: unknown) => {
        throw withKey(aborted(reason), key);
      });
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
  ): Promise<FetchAnswer> {
    const answer = await this.#fetch('GET', `${this.#baseUrl}${path}`, undefined, headers, signal).catch(
      (cause: unknown) => {
        signal.throwIfAborted();
        throw this.#noConnection(cause);
      },
    );
    if (isRedirect(answer)) throw this.#redirected(answer);
    const type = answer.headers.get('content-type') ?? '';
    if (answer.ok && type.startsWith(headers.accept ?? '')) return answer;
    const text = await answer.text();
    if (answer.ok) throw this.#unexpected(answer, `GET ${path}`);
    throw errorOf(headOf(answer), parseExactly(text));
  }

  async #attempt(call: Call, url: string, body: string | undefined, key: string | null): Promise<Attempt> {
    const { options = {} } = call;
    const headers = { accept: 'application/json', ...(key === null ? {} : { 'idempotency-key': key }) };
    const timeoutMs = options.timeoutMs ?? this.#options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    const timeout = AbortSignal.timeout(timeoutMs);
    const { signal: own } = options;
    const signal = own === undefined ? timeout : AbortSignal.any([timeout, own]);
    try {
      const answer = await this.#fetch(call.method, url, body, headers, signal);
      if (isRedirect(answer)) return { ok: false, error: this.#redirected(answer), retry: false };
      return this.#attemptOf(call, answer, await answer.text(), key !== null || call.method === 'GET');
    } catch (cause) {
      if (own?.aborted) return { ok: false, error: aborted(own.reason), retry: false };
      const error = timeout.aborted
        ? new ConnectionError(`no answer within ${timeoutMs} ms`, { cause })
        : this.#noConnection(cause);
      return { ok: false, error, retry: true };
    }
  }

  #attemptOf(call: Call, answer: FetchAnswer, text: string, repeatable: boolean): Attempt {
    const body = parseExactly(text);
    if (answer.ok && hasShape(body, text, call.answer)) return { ok: true, body };
    if (answer.ok) {
      const error = this.#unexpected(answer, `${call.method} ${call.path}`);
      return { ok: false, error, retry: false };
    }
    const error = errorOf(headOf(answer), body);
    const { status, reason } = error;
    const passes = RETRIED.has(answer.status) || RETRIED_REASONS.has(reason);
    return { ok: false, error, retry: passes || (repeatable && RETRIED_WITH_KEY.has(status ?? 0)) };
  }

  #fetch(
    method: string,
    url: string,
    body: string | undefined,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<FetchAnswer> {
    const { apiKey, fetch: send = fetch } = this.#options;
    const all = {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(apiKey === null ? {} : { authorization: apiKey }),
      ...(this.#userAgent === null ? {} : { 'user-agent': this.#userAgent }),
      ...headers,
    };
    const init: FetchInit = { method, signal, redirect: 'manual', headers: all };
    return send(url, body === undefined ? init : { ...init, body });
  }

  /** A redirect names where `baseUrl` should lead; what comes after `?` may be private. */
  #redirected(answer: FetchAnswer): UnexpectedAnswerError {
    const to = answer.redirected === true ? (answer.url ?? null) : answer.headers.get('location');
    const url = to !== null && URL.canParse(to, this.#baseUrl) ? new URL(to, this.#baseUrl) : null;
    const target = url === null ? 'elsewhere' : `to ${url.origin}${url.pathname}`;
    const message = `${this.#baseUrl} redirects ${target}: redirects are not followed, so set baseUrl to the server itself`;
    return new UnexpectedAnswerError(message, headFields(answer));
  }

  #unexpected(answer: FetchAnswer, operation: string): UnexpectedAnswerError {
    const message = `${this.#baseUrl} answered ${operation} with a ${answer.status} that is not Plexy Pay's: is baseUrl right?`;
    return new UnexpectedAnswerError(message, headFields(answer));
  }

  #noConnection(cause: unknown): ConnectionError {
    const { location } = globalThis as { location?: { origin?: string } };
    const elsewhere = location?.origin !== undefined && location.origin !== new URL(this.#baseUrl).origin;
    const hint = elsewhere
      ? `; a page of ${location.origin} cannot call it: browsers need the same origin, other programs do not`
      : '';
    return new ConnectionError(`no connection to ${this.#baseUrl}${hint}`, { cause });
  }

  #urlOf({ path, query = {} }: Call): string {
    const parameters = new URLSearchParams();
    for (const [name, value] of Object.entries(query))
      if (value !== undefined)
        parameters.set(name, value instanceof Date ? isoOf(name, value) : String(value));
    const text = parameters.toString();
    return `${this.#baseUrl}${path}${text === '' ? '' : `?${text}`}`;
  }
}

function isoOf(name: string, date: Date): string {
  if (Number.isNaN(date.getTime())) throw new PlexyPayError(`${name} is no valid Date`);
  return date.toISOString();
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

/** Browsers show of a redirect only that it is one. A `fetch` of one's own may have followed it already. */
function isRedirect(answer: FetchAnswer): boolean {
  if (answer.type === 'opaqueredirect' || answer.redirected === true) return true;
  return answer.status >= 300 && answer.status < 400 && answer.headers.get('location') !== null;
}

function hasShape(body: unknown, text: string, answer: AnswerName | 'list' | undefined): boolean {
  if (answer === undefined) return body !== undefined || text === '';
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return false;
  if (answer !== 'list') return SHAPES[answer].every((field) => field in body);
  const { items, nextCursor } = body as { items?: unknown; nextCursor?: unknown };
  return Array.isArray(items) && (nextCursor === null || typeof nextCursor === 'string');
}

function headOf({ status, headers }: FetchAnswer): AnswerHead {
  const retryAfterMs = parseRetryAfter(headers.get('retry-after'), Date.now());
  return { status, requestId: headers.get('x-request-id'), retryAfterMs };
}

function headFields(answer: FetchAnswer): { status: number; requestId?: string } {
  const { status, requestId } = headOf(answer);
  return { status, ...(requestId === null ? {} : { requestId }) };
}

function aborted(reason: unknown): AbortedError {
  const why = reason instanceof Error ? reason.message : String(reason);
  return new AbortedError(`the caller aborted the request: ${why}`, { cause: reason });
}

/** Twice as long each time, somewhere in the upper half, so that clients do not come back together. */
export function backOffMs(attempt: number): number {
  const longest = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** attempt);
  return longest * (0.5 + Math.random() / 2);
}

/** Waits. It rejects with what `signal` is aborted with. */
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
