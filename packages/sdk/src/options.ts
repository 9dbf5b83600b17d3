import { PlexyPayError } from './errors.ts';
import type { AppInfo } from './userAgent.ts';

/** What the client needs of `fetch`: the global one, and whatever is made in its way. */
export type Fetch = (url: string, init: FetchInit) => Promise<FetchAnswer>;

export interface FetchInit {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly signal: AbortSignal;
  /** No redirect is followed: a POST would arrive as a GET. */
  readonly redirect: 'manual';
  readonly body?: string;
}

/** What the client reads of a `Response`. */
export interface FetchAnswer {
  readonly ok: boolean;
  readonly status: number;
  readonly redirected?: boolean;
  readonly type?: string;
  readonly url?: string;
  readonly headers: { get(name: string): string | null };
  readonly body: ReadableStream<Uint8Array> | null;
  text(): Promise<string>;
}

export interface PlexyPayOptions {
  /** Of a merchant (`pr_…`) or of an operator (`op_…`). Null: the browser's session cookie. */
  readonly apiKey: string | null;
  /**
   * Such as `https://pay.example.com`. Default: a sandbox on this machine, http://127.0.0.1:8080.
   * In a browser it must be the page's own origin: the server lets no other one call it.
   */
  readonly baseUrl?: string | undefined;
  /** In place of the global `fetch`. */
  readonly fetch?: Fetch | undefined;
  /** How long one attempt may take. Default: 30,000. */
  readonly timeoutMs?: number | undefined;
  /** How often a request is tried again. Default: 3. */
  readonly maxRetries?: number | undefined;
  /** Your program, as `User-Agent` names it before the SDK: letters, digits and `. _ -`. Browsers name themselves. */
  readonly app?: AppInfo | undefined;
}

/** Of one call, where they differ from the client's. */
export interface RequestOptions {
  /**
   * Of a POST or DELETE. Default (null, too): a random one, kept across the retries of this call. Whoever calls again
   * after an error gives the error's `idempotencyKey`, or the same payment is made twice.
   */
  readonly idempotencyKey?: string | null | undefined;
  readonly timeoutMs?: number | undefined;
  readonly maxRetries?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export const DEFAULT_TIMEOUT_MS = 30_000;
export const DEFAULT_MAX_RETRIES = 3;
const DEFAULT_URL = 'http://127.0.0.1:8080';
/** The longest that a timer of JavaScript can wait: beyond, it would not wait at all. */
const MAX_TIMER_MS = 2 ** 31 - 1;
/** What a header can hold and the server takes. */
const PRINTABLE = /^[\x20-\x7e]*[\x21-\x7e][\x20-\x7e]*$/;

/** Whoever does not check types sends what the types forbid. @throws PlexyPayError naming the option that is wrong */
export function checkClientOptions(options: PlexyPayOptions | undefined): void {
  if (typeof options !== 'object' || options === null)
    throw new PlexyPayError("give the options: new PlexyPay({ apiKey: 'pr_…' })");
  const { apiKey, fetch: send, app } = options;
  if (apiKey !== null && (typeof apiKey !== 'string' || !PRINTABLE.test(apiKey)))
    throw new PlexyPayError('apiKey must be a key: printable ASCII, not blank');
  if (send !== undefined && typeof send !== 'function')
    throw new PlexyPayError('fetch must be a function such as the global fetch');
  if (app !== undefined && !(isToken(app?.name) && isToken(app?.version)))
    throw new PlexyPayError('app must have a name and a version of letters, digits and . _ - only');
  checkLimits(options);
}

function isToken(text: unknown): boolean {
  return typeof text === 'string' && /^[\w.-]{1,100}$/.test(text);
}

/** The URL that paths are appended to. @throws PlexyPayError when it is none */
export function baseUrlOf({ baseUrl = DEFAULT_URL }: PlexyPayOptions): string {
  if (typeof baseUrl !== 'string' || !/^https?:\/\//i.test(baseUrl) || !URL.canParse(baseUrl))
    throw new PlexyPayError(`baseUrl must be a URL that begins with https:// or http://, not ${baseUrl}`);
  const { username, password, search, hash } = new URL(baseUrl);
  if (username + password + search + hash !== '')
    throw new PlexyPayError('baseUrl must have no user, ? or #: only scheme, host, port and a path');
  return baseUrl.replace(/[/?#]+$/, '');
}

/** @throws PlexyPayError naming the option that is wrong */
export function checkRequestOptions(options: RequestOptions): void {
  const { idempotencyKey: key } = options;
  if (key !== undefined && key !== null)
    if (typeof key !== 'string' || key.length > 255 || !PRINTABLE.test(key))
      throw new PlexyPayError('idempotencyKey must be 1 to 255 printable ASCII characters, not blank');
  checkLimits(options);
}

function checkLimits({ timeoutMs = 1, maxRetries = 0 }: RequestOptions): void {
  if (!Number.isSafeInteger(timeoutMs) || timeoutMs < 1 || timeoutMs > MAX_TIMER_MS)
    throw new PlexyPayError(`timeoutMs must be a whole number from 1 to ${MAX_TIMER_MS}, not ${timeoutMs}`);
  checkMaxRetries(maxRetries);
}

/** @throws PlexyPayError for what is no number of attempts */
export function checkMaxRetries(maxRetries: number): void {
  if (!Number.isSafeInteger(maxRetries) || maxRetries < 0)
    throw new PlexyPayError(`maxRetries must be a whole number, 0 or more, not ${maxRetries}`);
}
