/** Signatures as https://www.standardwebhooks.com has them, version v1: its libraries verify them unchanged. */
import { createHmac, createSecretKey, type KeyObject, randomBytes } from 'node:crypto';

const PREFIX = 'whsec_';
/** The specification asks for 24 to 64. */
const SECRET_BYTES = 32;

/** A new secret of an endpoint, as its merchant gets it. */
export function generateSecret(): string {
  return PREFIX + randomBytes(SECRET_BYTES).toString('base64');
}

/**
 * What a callback's `Authorization` says. Made of the secret that signs, and says nothing of it: who reads headers in a log
 * can send what looks like a callback where nobody verifies signatures, and no more.
 */
export function bearerTokenOf(secret: string): string {
  return `cbk_${createHmac('sha256', secret).update('authorization of callbacks').digest('base64url')}`;
}

/** A secret as what is signed with: as an object, which saves 10 µs a signature. */
export function keyOfSecret(secret: string): KeyObject {
  return createSecretKey(secret.slice(PREFIX.length), 'base64');
}

/**
 * The headers that prove where a message comes from, and when it was sent.
 * @param keys one, or more while secrets that were replaced are still valid: each verifies it
 * @param timestamp seconds since the epoch, in real time
 */
export function signedHeaders(
  keys: readonly KeyObject[],
  id: string,
  timestamp: number,
  body: string,
): Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string> {
  const content = `${id}.${timestamp}.${body}`;
  const signatures = keys.map((key) => `v1,${createHmac('sha256', key).update(content).digest('base64')}`);
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': signatures.join(' '),
  };
}
