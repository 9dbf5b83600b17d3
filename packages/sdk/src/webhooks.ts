/**
 * Receiving webhooks, in Node: `import * as webhooks from '@plexy-pay/sdk/webhooks'`. A module of its own
 * because browsers, for which the client is made too, have no `node:crypto`.
 *
 * The signature is that of Standard Webhooks, v1: HMAC-SHA256 of `id.timestamp.body`.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { PlexyPayError } from './errors.ts';
import { parseExactly } from './request.ts';
import type { Transaction } from './types.generated.ts';

/** `transaction.` and the status, but for the status that has it already. */
export type WebhookEventName =
  | `transaction.${Exclude<Transaction['status'], 'transaction.failed'>}`
  | 'transaction.failed';

/** A webhook's body. Treat a name or a status that you do not know as transient. */
export interface WebhookEvent {
  readonly name: WebhookEventName;
  readonly merchantId: string;
  /** The transaction as it was right after the event. */
  readonly data: Transaction;
}

export type WebhookFailure = 'missing_header' | 'wrong_timestamp' | 'wrong_signature' | 'wrong_body';

/** The request is not a webhook of yours: answer 400, and do nothing. */
export class WebhookVerificationError extends PlexyPayError {
  override readonly name = 'WebhookVerificationError';
  readonly failure: WebhookFailure;

  constructor(failure: WebhookFailure, message: string) {
    super(message);
    this.failure = failure;
  }
}

export interface VerifyOptions {
  /** How far the timestamp may be from now, either way. Default: 300. */
  readonly toleranceSeconds?: number;
  /** Default: the time of this machine. */
  readonly now?: Date;
}

/** `Headers`, or what Node's `request.headers` is. */
export type WebhookHeaders = Headers | Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * The event of a webhook whose signature is right.
 * @param rawBody the body as it came: what a JSON parser made of it cannot be verified
 * @param secret `whsec_…`, of the endpoint
 * @throws WebhookVerificationError when it is anything else
 */
export function verify(
  rawBody: string | Uint8Array,
  headers: WebhookHeaders,
  secret: string,
  { toleranceSeconds = 300, now = new Date() }: VerifyOptions = {},
): WebhookEvent {
  if (typeof rawBody !== 'string' && !(rawBody instanceof Uint8Array))
    throw new TypeError('rawBody must be the body as it came, a string or bytes: turn the JSON parser off');
  const id = headerOf(headers, 'webhook-id');
  const timestamp = headerOf(headers, 'webhook-timestamp');
  const signatures = headerOf(headers, 'webhook-signature').split(' ');
  const seconds = /^\d{1,12}$/.test(timestamp) ? Number(timestamp) : Number.NaN;
  const distance = Math.abs(Math.floor(now.getTime() / 1_000) - seconds);
  if (!(distance <= toleranceSeconds))
    throw new WebhookVerificationError(
      'wrong_timestamp',
      `webhook-timestamp is not within ${toleranceSeconds} s of now`,
    );
  const expected = sign(rawBody, id, timestamp, secret);
  if (!signatures.some((signature) => sameText(signature, expected)))
    throw new WebhookVerificationError(
      'wrong_signature',
      'no signature matches: is this the secret of this endpoint, and the body as it came?',
    );
  return eventOf(rawBody);
}

/**
 * The value of `webhook-signature` for a body: for tests of your own, with a secret of your own.
 * @param timestamp seconds since 1970, as `webhook-timestamp` has it
 */
export function sign(
  rawBody: string | Uint8Array,
  id: string,
  timestamp: string | number,
  secret: string,
): string {
  const hmac = createHmac('sha256', keyOf(secret)).update(`${id}.${timestamp}.`).update(rawBody);
  return `v1,${hmac.digest('base64')}`;
}

/** @throws TypeError for a secret that is none: with an empty key anybody could sign */
function keyOf(secret: string): Buffer {
  const base64 = /^whsec_([A-Za-z0-9+/]{16,}={0,2})$/.exec(secret)?.[1];
  if (base64 === undefined) throw new TypeError('the secret must be the one of the endpoint, whsec_…');
  return Buffer.from(base64, 'base64');
}

function headerOf(headers: WebhookHeaders, name: string): string {
  const value = headers instanceof Headers ? headers.get(name) : anyCase(headers, name);
  if (typeof value === 'string' && value !== '') return value;
  throw new WebhookVerificationError('missing_header', `the header ${name} is missing`);
}

function anyCase(headers: Exclude<WebhookHeaders, Headers>, name: string): unknown {
  const found = Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1];
  return Array.isArray(found) ? found[0] : found;
}

/** In the same time wherever they differ. */
function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

function eventOf(rawBody: string | Uint8Array): WebhookEvent {
  const text = typeof rawBody === 'string' ? rawBody : new TextDecoder().decode(rawBody);
  const event = parseExactly(text);
  if (typeof event === 'object' && event !== null && 'name' in event && 'data' in event)
    return event as WebhookEvent;
  throw new WebhookVerificationError('wrong_body', 'the signature is right, but the body is no event');
}
