/**
 * Receiving webhooks: `import * as webhooks from '@plexy-pay/sdk/webhooks'`. A module of its own, since only programs
 * that receive webhooks need it.
 *
 * The signature is that of Standard Webhooks, v1: HMAC-SHA256 of `id.timestamp.body`. `verify` and `sign` take it from
 * Node's crypto, which Bun, Deno, and Cloudflare Workers with `nodejs_compat` have as well; `verifyAsync` and
 * `signAsync` from WebCrypto, which every runtime has.
 */
import { PlexyPayError } from './errors.ts';
import { parseExactly } from './json.ts';
import type { PaymentLink, PaymentSession, Transaction, TransactionStatus } from './types.generated.ts';

/**
 * The names of today: `transaction.` and the status, but for the status that has it already; and a capture with
 * `final: false`, after which the rest is still held and the status `authorized`.
 */
export type WebhookEventName =
  | `transaction.${Exclude<TransactionStatus, 'transaction.failed'>}`
  | 'transaction.failed'
  | 'transaction.partially_captured';

/** What happened to a payment or a refund. Treat a name or a status that you do not know as transient. */
export interface TransactionWebhook {
  readonly name: WebhookEventName | `transaction.${string & {}}`;
  readonly merchantId: string;
  /** The transaction as it was right after the event. */
  readonly data: Transaction;
}

type Happened = 'created' | 'paid' | 'expired' | 'cancelled';

/** What happened to a payment link. Only endpoints that name such events are sent them. */
export interface PaymentLinkWebhook {
  readonly name: `payment_link.${Happened}`;
  readonly merchantId: string;
  /** The link as it was right after the event. */
  readonly data: PaymentLink;
}

/** What happened to a payment session. Only endpoints that name such events are sent them. */
export interface PaymentSessionWebhook {
  readonly name: `payment_session.${Happened}`;
  readonly merchantId: string;
  readonly data: PaymentSession;
}

/** What `webhookEndpoints.sendTest` sends: it is about no transaction. */
export interface TestWebhook {
  readonly name: 'webhook.test';
  readonly merchantId: string;
  readonly data: { readonly endpointId: string };
}

/** A webhook's body. After `event.name === 'webhook.test'` TypeScript knows which one it is. */
export type WebhookEvent = TransactionWebhook | TestWebhook;

/** Of an endpoint that has named events of payment links or sessions: `verify<AnyWebhookEvent>(…)`. */
export type AnyWebhookEvent = WebhookEvent | PaymentLinkWebhook | PaymentSessionWebhook;

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
  readonly toleranceSeconds?: number | undefined;
  /** Default: the time of this machine. */
  readonly now?: Date | undefined;
}

/** `Headers`, of whatever library, or what Node's `request.headers` is. */
export type WebhookHeaders =
  | { get(name: string): string | null | undefined }
  | Readonly<Record<string, string | readonly string[] | undefined>>;

/** The body as it came: what a JSON parser made of it cannot be verified. */
export type RawBody = string | Uint8Array | ArrayBuffer;

/**
 * The event of a webhook whose signature is right.
 * @param rawBody the body as it came, a string or bytes
 * @param secret `whsec_…`, of the endpoint
 * @throws WebhookVerificationError when it is anything else; TypeError for a mistake of the receiver's own
 */
export function verify<E extends AnyWebhookEvent = WebhookEvent>(
  rawBody: RawBody,
  headers: WebhookHeaders,
  secret: string,
  options: VerifyOptions = {},
): E {
  const { id, timestamp, signatures } = headOf(rawBody, headers, options);
  checkSignature(signatures, sign(rawBody, id, timestamp, secret));
  return eventOf<E>(rawBody);
}

/** As `verify`, by WebCrypto: for Cloudflare Workers, Vercel's edge and other runtimes without Node's crypto. */
export async function verifyAsync<E extends AnyWebhookEvent = WebhookEvent>(
  rawBody: RawBody,
  headers: WebhookHeaders,
  secret: string,
  options: VerifyOptions = {},
): Promise<E> {
  const { id, timestamp, signatures } = headOf(rawBody, headers, options);
  checkSignature(signatures, await signAsync(rawBody, id, timestamp, secret));
  return eventOf<E>(rawBody);
}

/**
 * The value of `webhook-signature` for a body: for tests of your own, with a secret of your own.
 * @param timestamp seconds since 1970, as `webhook-timestamp` has it
 */
export function sign(rawBody: RawBody, id: string, timestamp: string | number, secret: string): string {
  const { createHmac } = nodeCrypto();
  const hmac = createHmac('sha256', keyOf(secret)).update(signedBytes(rawBody, id, timestamp));
  return `v1,${hmac.digest('base64')}`;
}

/** As `sign`, by WebCrypto. */
export async function signAsync(
  rawBody: RawBody,
  id: string,
  timestamp: string | number,
  secret: string,
): Promise<string> {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const key = await crypto.subtle.importKey('raw', keyOf(secret), algorithm, false, ['sign']);
  const mac = await crypto.subtle.sign('HMAC', key, signedBytes(rawBody, id, timestamp));
  return `v1,${btoa(String.fromCharCode(...new Uint8Array(mac)))}`;
}

/** Not imported: a bundle for browsers or edge runtimes would look for it in vain. */
function nodeCrypto(): typeof import('node:crypto') {
  const builtIn: unknown = globalThis.process?.getBuiltinModule?.('node:crypto');
  if (builtIn !== undefined) return builtIn as typeof import('node:crypto');
  throw new TypeError("this runtime has no crypto of Node's: use verifyAsync or signAsync");
}

/** @throws TypeError for a secret that is none: with an empty key anybody could sign */
function keyOf(secret: string): Uint8Array<ArrayBuffer> {
  const base64 = /^whsec_([A-Za-z0-9+/]{16,}={0,2})$/.exec(secret)?.[1];
  if (base64 === undefined) throw new TypeError('the secret must be the one of the endpoint, whsec_…');
  return Uint8Array.from(binaryOf(base64), (character) => character.charCodeAt(0));
}

function binaryOf(base64: string): string {
  try {
    return atob(base64);
  } catch {
    throw new TypeError('the secret must be the one of the endpoint, whsec_ and base64');
  }
}

function signedBytes(rawBody: RawBody, id: string, timestamp: string | number): Uint8Array<ArrayBuffer> {
  const head = new TextEncoder().encode(`${id}.${timestamp}.`);
  const body = bytesOf(rawBody);
  const all = new Uint8Array(head.length + body.length);
  all.set(head);
  all.set(body, head.length);
  return all;
}

/** `instanceof` would refuse what another realm made, such as Jest's. */
function bytesOf(rawBody: RawBody): Uint8Array {
  if (typeof rawBody === 'string') return new TextEncoder().encode(rawBody);
  if (ArrayBuffer.isView(rawBody))
    return new Uint8Array(rawBody.buffer, rawBody.byteOffset, rawBody.byteLength);
  if (Object.prototype.toString.call(rawBody) === '[object ArrayBuffer]') return new Uint8Array(rawBody);
  throw new TypeError('rawBody must be the body as it came, a string or bytes: turn the JSON parser off');
}

interface Head {
  readonly id: string;
  readonly timestamp: string;
  readonly signatures: readonly string[];
}

function headOf(
  rawBody: RawBody,
  headers: WebhookHeaders,
  { toleranceSeconds = 300, now = new Date() }: VerifyOptions,
): Head {
  // First of all, so that a mistake of the receiver's own is not taken for a forgery.
  bytesOf(rawBody);
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
  return { id, timestamp, signatures };
}

function checkSignature(signatures: readonly string[], expected: string): void {
  if (!signatures.some((signature) => sameText(signature, expected)))
    throw new WebhookVerificationError(
      'wrong_signature',
      'no signature matches: is this the secret of this endpoint, and the body as it came?',
    );
}

function headerOf(headers: WebhookHeaders, name: string): string {
  const value = hasGet(headers) ? headers.get(name) : anyCase(headers, name);
  if (typeof value === 'string' && value !== '') return value;
  throw new WebhookVerificationError('missing_header', `the header ${name} is missing`);
}

/** Not `instanceof Headers`: libraries such as undici and node-fetch bring a class of their own. */
function hasGet(headers: WebhookHeaders): headers is { get(name: string): string | null | undefined } {
  return typeof headers.get === 'function';
}

function anyCase(headers: Exclude<WebhookHeaders, { get(name: string): unknown }>, name: string): unknown {
  const found = Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1];
  return Array.isArray(found) ? found[0] : found;
}

/** In the same time wherever they differ. */
function sameText(a: string, b: string): boolean {
  let different = a.length ^ b.length;
  for (let i = 0; i < b.length; i += 1) different |= a.charCodeAt(i % (a.length || 1)) ^ b.charCodeAt(i);
  return different === 0;
}

function eventOf<E extends AnyWebhookEvent>(rawBody: RawBody): E {
  const text = typeof rawBody === 'string' ? rawBody : new TextDecoder().decode(bytesOf(rawBody));
  const event = parseExactly(text);
  if (typeof event === 'object' && event !== null && 'name' in event && 'data' in event) return event as E;
  throw new WebhookVerificationError('wrong_body', 'the signature is right, but the body is no event');
}
