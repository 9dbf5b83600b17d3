/**
 * Everything that needs SECRET_KEY. Each use has a key of its own, derived with HKDF-SHA256 (RFC 5869).
 *
 * There is a ring of keys, so that they can be changed while the program runs: the current one signs and seals,
 * the others are read as well. docs/secret-keys.md has the procedure.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hash,
  hkdfSync,
  type KeyObject,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';

/** What is sealed. Each kind has a key of its own, and cannot be opened as another kind or another row's. */
export type SealedKind = 'webhook secret' | 'webhook bearer token' | 'bank token' | 'look-up keys';

export interface Secrets {
  /** Keyed hash of an IIN, for look-up. */
  hashIin(iin: string): string;
  /** Keyed fingerprint of a request; 132 bits, base64url. */
  fingerprint(text: string): string;
  /** Authenticates a cursor; 66 bits, base64url. */
  signCursor(text: string): string;
  /** Authenticates the state of a 3-D Secure authentication; 132 bits, base64url. */
  signState(text: string): string;
  /** Authenticates a customer's confirmation link; all 256 bits, base64url: whoever has it may pay. */
  signConfirmation(text: string): string;
  /**
   * AES-256-GCM, bound to its kind and to the row it belongs to: moved to another row or column, it cannot be
   * opened. The key's id, a dot, and base64url of nonce, tag and ciphertext.
   */
  seal(kind: SealedKind, rowId: string, text: string): string;
  /** @throws Error when the text was not sealed for this kind and row with a key of the ring, or was changed */
  open(kind: SealedKind, rowId: string, sealed: string): string;
  /** Opens what was encrypted before keys had ids. @throws Error when it was not, or was changed */
  openUnbound(sealed: string): string;
  /** Whether it was sealed with the current key, and needs no re-keying. */
  isCurrent(sealed: string): boolean;
  /** Stored once in the database: proves that a node has the right key without revealing it. */
  readonly verifier: Buffer;
}

/** One SECRET_KEY with everything that is derived from it. */
interface RingKey {
  /** Not secret: what is sealed begins with it. */
  readonly id: string;
  readonly verifier: Buffer;
  readonly derive: (use: string) => Buffer;
}

const KEY_ID_BYTES = 6;

function ringKeyOf(secretKey: string): RingKey {
  const derived = new Map<string, Buffer>();
  const derive = (use: string): Buffer => {
    const known = derived.get(use);
    if (known !== undefined) return known;
    const made = Buffer.from(hkdfSync('sha256', secretKey, 'plexy-pay', use, 32));
    derived.set(use, made);
    return made;
  };
  const id = derive('key id').subarray(0, KEY_ID_BYTES).toString('base64url');
  return { id, verifier: derive('verifier'), derive };
}

/**
 * @param secretKey at least 32 characters, the same on every node
 * @param others keys whose work is read, too
 */
export function createSecrets(secretKey: string, others: readonly string[] = []): Secrets {
  const current = ringKeyOf(secretKey);
  const ring = [current, ...others.map(ringKeyOf)];
  // HMAC with a key object takes 1.7 µs; Node 24 needs 10 µs more for a key in a buffer.
  const keyOf = (use: string): KeyObject => createSecretKey(current.derive(use));
  const iinKey = keyOf('iin');
  const fingerprintKey = keyOf('fingerprint');
  const cursorKey = keyOf('cursor');
  const stateKey = keyOf('3ds state');
  const confirmationKey = keyOf('confirmation');
  const hmac = (key: KeyObject, text: string): string =>
    createHmac('sha256', key).update(text).digest('base64url');
  return {
    hashIin: (iin) => hmac(iinKey, iin),
    fingerprint: (text) => hmac(fingerprintKey, text).slice(0, 22),
    signCursor: (text) => hmac(cursorKey, text).slice(0, 11),
    signState: (text) => hmac(stateKey, text).slice(0, 22),
    signConfirmation: (text) => hmac(confirmationKey, text),
    seal: (kind, rowId, text) =>
      `${current.id}.${encryptWith(current.derive(`seal ${kind}`), text, boundTo(kind, rowId))}`,
    open: (kind, rowId, sealed) => openWith(ring, kind, rowId, sealed),
    openUnbound: (sealed) => openUnbound(ring, sealed),
    isCurrent: (sealed) => sealed.startsWith(`${current.id}.`),
    verifier: current.verifier,
  };
}

function boundTo(kind: SealedKind, rowId: string): Buffer {
  return Buffer.from(`${kind}\n${rowId}`);
}

function openWith(ring: readonly RingKey[], kind: SealedKind, rowId: string, sealed: string): string {
  const [id, text, ...more] = sealed.split('.');
  if (text === undefined || more.length > 0) return openUnbound(ring, sealed);
  const key = ring.find((candidate) => candidate.id === id);
  if (key === undefined) throw new Error(`a ${kind} was sealed with a key that is not set: ${id}`);
  return decryptWith(key.derive(`seal ${kind}`), text, boundTo(kind, rowId));
}

/** Before keys had ids there was one key for all that was encrypted, bound to nothing. */
function openUnbound(ring: readonly RingKey[], sealed: string): string {
  let failure: unknown;
  for (const key of ring) {
    try {
      return decryptWith(key.derive('encryption'), sealed, null);
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

function encryptWith(key: Buffer, text: string, bound: Buffer): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(bound);
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url');
}

function decryptWith(key: Buffer, text: string, bound: Buffer | null): string {
  const bytes = Buffer.from(text, 'base64url');
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE_BYTES));
  if (bound !== null) decipher.setAAD(bound);
  decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
  return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]).toString(
    'utf8',
  );
}

/** API keys are long and random, so a plain SHA-256 is enough to store them. */
export function hashApiKey(apiKey: string): Buffer {
  return hash('sha256', apiKey, 'buffer');
}

/** A new API key: its kind and mode, then 256 random bits. */
export function generateApiKey(kind: 'pr' | 'op', mode: 'sandbox' | 'production'): string {
  return `${kind}_${mode === 'sandbox' ? 'test' : 'live'}_${randomBytes(32).toString('base64url')}`;
}

/** Compares without telling by its time where two strings differ. */
export function safeEqual(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
