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

/** Everything that needs SECRET_KEY. Each use has a key of its own, derived with HKDF-SHA256 (RFC 5869). */
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
  /** AES-256-GCM; base64url of nonce, tag and ciphertext. */
  encrypt(text: string): string;
  /** @throws Error when the text was not encrypted with this key, or was changed */
  decrypt(text: string): string;
  /** Stored once in the database: proves that a node has the right key without revealing it. */
  readonly verifier: Buffer;
}

/** @param secretKey at least 32 characters, the same on every node */
export function createSecrets(secretKey: string): Secrets {
  const derive = (use: string): Buffer => Buffer.from(hkdfSync('sha256', secretKey, 'plexy-pay', use, 32));
  // HMAC with a key object takes 1.7 µs; Node 24 needs 10 µs more for a key in a buffer.
  const iinKey = createSecretKey(derive('iin'));
  const fingerprintKey = createSecretKey(derive('fingerprint'));
  const cursorKey = createSecretKey(derive('cursor'));
  const stateKey = createSecretKey(derive('3ds state'));
  const confirmationKey = createSecretKey(derive('confirmation'));
  const encryptionKey = derive('encryption');
  const hmac = (key: KeyObject, text: string): string =>
    createHmac('sha256', key).update(text).digest('base64url');
  return {
    hashIin: (iin) => hmac(iinKey, iin),
    fingerprint: (text) => hmac(fingerprintKey, text).slice(0, 22),
    signCursor: (text) => hmac(cursorKey, text).slice(0, 11),
    signState: (text) => hmac(stateKey, text).slice(0, 22),
    signConfirmation: (text) => hmac(confirmationKey, text),
    encrypt: (text) => encryptWith(encryptionKey, text),
    decrypt: (text) => decryptWith(encryptionKey, text),
    verifier: derive('verifier'),
  };
}

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

function encryptWith(key: Buffer, text: string): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url');
}

function decryptWith(key: Buffer, text: string): string {
  const bytes = Buffer.from(text, 'base64url');
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE_BYTES));
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
