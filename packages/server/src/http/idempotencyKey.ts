import type { FastifyRequest } from 'fastify';
import type { Fingerprints } from '../engine/idempotency.ts';
import type { Secrets } from '../installation/secrets.ts';
import { ApiError } from './errors.ts';
import { canonicalJson } from './strictJson.ts';

const HEADER = 'Idempotency-Key';

/**
 * The request's Idempotency-Key: 1 to 255 printable ASCII characters, not blank.
 * @throws ApiError 400 when it is malformed, or missing where it is required
 */
export function idempotencyKeyOf(request: FastifyRequest, required: boolean): string | null {
  const value = request.headers['idempotency-key'];
  if (value === undefined) {
    if (!required) return null;
    throw new ApiError('missing_idempotency_key', undefined, [{ path: HEADER, message: 'is required' }]);
  }
  const key = Array.isArray(value) ? value.join(', ') : value;
  // Node joins a header that was sent twice; which of the two would be the key?
  if (key.includes(', ') && isRepeated(request)) {
    const message = 'must be sent once';
    throw new ApiError('invalid_idempotency_key', `${HEADER} ${message}`, [{ path: HEADER, message }]);
  }
  if (key.length <= 255 && /^[\x20-\x7e]*[\x21-\x7e][\x20-\x7e]*$/.test(key)) return key;
  const message = 'must be 1 to 255 printable ASCII characters, not blank';
  throw new ApiError('invalid_idempotency_key', `${HEADER} ${message}`, [{ path: HEADER, message }]);
}

/** Equal for the same method, path and body in whatever order of fields and spelling of numbers. */
export function fingerprintsOf(secrets: Secrets, method: string, path: string, body: unknown): Fingerprints {
  const text = fingerprinted(method, path, body);
  return { fingerprint: secrets.fingerprint(text), otherFingerprints: secrets.otherFingerprints(text) };
}

function fingerprinted(method: string, path: string, body: unknown): string {
  return `${method}\n${path}\n${canonicalJson(body)}`;
}

function isRepeated(request: FastifyRequest): boolean {
  const names = request.raw.rawHeaders.filter((_, i) => i % 2 === 0);
  return names.filter((name) => name.toLowerCase() === HEADER.toLowerCase()).length > 1;
}
