/**
 * Everything that needs SECRET_KEY. Each use has a key of its own, derived with HKDF-SHA256 (RFC 5869).
 *
 * There is a ring of keys, so that they can be changed while the program runs: the current one signs and seals,
 * the others are read as well. What is only kept as a hash cannot be made anew from what it was made of, so those
 * hashes are hashed again with each key that follows (the chain). docs/secret-keys.md has the procedure.
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
import { crc32 } from 'node:zlib';

/** What is sealed. Each kind has a key of its own, and cannot be opened as another kind or another row's. */
export type SealedKind =
  | 'webhook secret'
  | 'webhook bearer token'
  | 'callback secret'
  | 'bank token'
  | 'acquirer secret'
  | 'acquirer credentials'
  | 'totp secret'
  | 'id token'
  | 'look-up keys';

export interface Secrets {
  /** Keyed hash of an IIN, for look-up, as it is stored from now on. */
  hashIin(iin: string): string;
  /** As it may have been stored under other keys. */
  otherIinHashes(iin: string): readonly string[];
  /** The same of a card's number. */
  hashCard(number: string): string;
  otherCardHashes(number: string): readonly string[];
  /** A card's hash under the first key: it is the same whatever the current key is. */
  firstCardHash(number: string): string;
  /** A stored hash as it is under the current key; null: it is that already. @throws Error when it is none of ours */
  hashAgain(kind: 'iin' | 'card', stored: string): string | null;
  /** Keyed fingerprint of a request; 132 bits, base64url. */
  fingerprint(text: string): string;
  /** As it may have been stored under other keys. */
  otherFingerprints(text: string): readonly string[];
  /** Authenticates a cursor; 66 bits, base64url. */
  signCursor(text: string): string;
  /** Authenticates the state of a 3-D Secure authentication; 132 bits, base64url. */
  signState(text: string): string;
  /** Authenticates a customer's confirmation link; all 256 bits, base64url: whoever has it may pay. */
  signConfirmation(text: string): string;
  /** Authenticates a browser in which a user was signed in; all 256 bits, base64url. */
  signBrowser(text: string): string;
  /** Whether a key of the ring has signed it. */
  isSigned(kind: SignedKind, text: string, signature: string): boolean;
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
  /** The current key, which the database has to know. */
  readonly current: KnownKey;
  /** All of the ring, the current one first. */
  readonly ring: readonly KnownKey[];
  /** What hashes need of these keys once they are no longer set, as text to be sealed. */
  lookUpKeysOf(id: string): string;
}

/** A key without what is secret of it. */
export interface KnownKey {
  /** What is sealed begins with it. */
  readonly id: string;
  /** Stored in the database: proves that a node has the right key without revealing it. */
  readonly verifier: Buffer;
}

/** A key that was current once, in the order of their turns. */
export interface ChainLink {
  readonly id: string;
  /** What `lookUpKeysOf` gave for it; null: the key itself is in the ring. */
  readonly lookUpKeys: string | null;
  /** Whether requests may still be repeated that were fingerprinted with it. */
  readonly isRecent: boolean;
}

/** What is signed, with how many characters: cursors 66 bits, 3-D Secure's state 132, a link that pays all 256. */
const SIGNED = { cursor: 11, '3ds state': 22, confirmation: 43, 'known browser': 43 } as const;
export type SignedKind = keyof typeof SIGNED;

/** One SECRET_KEY with everything that is derived from it. */
interface RingKey extends KnownKey {
  readonly derive: (use: string) => Buffer;
  /** HMAC with a key object takes 1.7 µs; Node 24 needs 10 µs more for a key in a buffer. */
  readonly hmac: (use: string, text: string) => string;
}

/** What hashes for look-up need of a key. */
interface LookUpKey {
  readonly id: string;
  readonly isRecent: boolean;
  readonly hmac: (use: LookUpUse, text: string) => string;
}

const LOOK_UP_USES = ['iin', 'fingerprint'] as const;
type LookUpUse = (typeof LOOK_UP_USES)[number];

const KEY_ID_BYTES = 6;
const FINGERPRINT_LENGTH = 22;

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
  return { id, verifier: derive('verifier'), derive, hmac: hmacOf(derive) };
}

function hmacOf<Use extends string>(keyOf: (use: Use) => Buffer): (use: Use, text: string) => string {
  const objects = new Map<Use, KeyObject>();
  return (use, text) => {
    let key = objects.get(use);
    if (key === undefined) {
      key = createSecretKey(keyOf(use));
      objects.set(use, key);
    }
    return createHmac('sha256', key).update(text).digest('base64url');
  };
}

/**
 * @param secretKey at least 32 characters, the same on every node
 * @param others keys whose work is read, too
 * @param links the keys that were current in this installation; those of the ring that are not among them follow
 */
export function createSecrets(
  secretKey: string,
  others: readonly string[] = [],
  links: readonly ChainLink[] = [],
): Secrets {
  const current = ringKeyOf(secretKey);
  const ring = [current, ...others.map(ringKeyOf)];
  const chain = chainOf(ring, links);
  const place = chain.findIndex(({ id }) => id === current.id);
  const earlier = chain.filter(({ id, isRecent }) => isRecent && id !== current.id);
  const stored = (kind: 'iin' | 'card', text: string): string =>
    hashes(chain, HASHED[kind], text)[place] ?? '';
  const otherHashes = (kind: 'iin' | 'card', text: string): string[] =>
    chain.length === 1 ? [] : hashes(chain, HASHED[kind], text).filter((_, i) => i !== place);
  const sign = (key: RingKey, kind: SignedKind, text: string): string =>
    key.hmac(kind, text).slice(0, SIGNED[kind]);
  return {
    hashIin: (iin) => stored('iin', iin),
    otherIinHashes: (iin) => otherHashes('iin', iin),
    hashCard: (number) => stored('card', cardText(number)),
    otherCardHashes: (number) => otherHashes('card', cardText(number)),
    firstCardHash: (number) => hashes(chain, HASHED.card, cardText(number))[0] ?? '',
    hashAgain: (kind, hash) => hashAgain(chain, place, HASHED[kind], hash),
    fingerprint: (text) => fingerprintWith(current, text),
    otherFingerprints: (text) => earlier.map((key) => fingerprintWith(key, text)),
    signCursor: (text) => sign(current, 'cursor', text),
    signState: (text) => sign(current, '3ds state', text),
    signConfirmation: (text) => sign(current, 'confirmation', text),
    signBrowser: (text) => sign(current, 'known browser', text),
    isSigned: (kind, text, signature) => ring.some((key) => safeEqual(signature, sign(key, kind, text))),
    seal: (kind, rowId, text) =>
      `${current.id}.${encryptWith(current.derive(`seal ${kind}`), text, boundTo(kind, rowId))}`,
    open: (kind, rowId, sealed) => openWith(ring, kind, rowId, sealed),
    openUnbound: (sealed) => openUnbound(ring, sealed),
    isCurrent: (sealed) => sealed.startsWith(`${current.id}.`),
    current,
    ring,
    lookUpKeysOf: (id) => lookUpKeysOf(ring, links, id),
  };
}

function cardText(number: string): string {
  return `card\n${number}`;
}

/** What a hash for look-up is made with, and how much of it is kept. */
const HASHED = {
  iin: { use: 'iin', length: 43 },
  card: { use: 'fingerprint', length: FINGERPRINT_LENGTH },
} as const;
type HashedKind = (typeof HASHED)[keyof typeof HASHED];

/** As a text is stored under each key in turn. The first key's has no id: there was one key only. */
function hashes(chain: readonly LookUpKey[], { use, length }: HashedKind, text: string): string[] {
  const made: string[] = [];
  for (const { id, hmac } of chain) {
    const before = made.at(-1);
    const hash = hmac(use, before ?? text).slice(0, length);
    made.push(before === undefined ? hash : `${id}.${hash}`);
  }
  return made;
}

function hashAgain(
  chain: readonly LookUpKey[],
  place: number,
  { use, length }: HashedKind,
  stored: string,
): string | null {
  const [id] = stored.includes('.') ? stored.split('.') : [chain[0]?.id];
  const from = chain.findIndex((key) => key.id === id);
  if (from < 0) throw new Error('a hash was made with a key that is not known');
  if (from >= place) return null;
  return chain
    .slice(from + 1, place + 1)
    .reduce((hash, key) => `${key.id}.${key.hmac(use, hash).slice(0, length)}`, stored);
}

function chainOf(ring: readonly RingKey[], links: readonly ChainLink[]): LookUpKey[] {
  const linked = links.map((link): LookUpKey => {
    const key = ring.find(({ id }) => id === link.id);
    if (key !== undefined) return { ...link, hmac: key.hmac };
    const derived: Record<LookUpUse, string> = JSON.parse(link.lookUpKeys ?? '{}');
    return { ...link, hmac: hmacOf((use: LookUpUse) => Buffer.from(derived[use], 'base64url')) };
  });
  const isNew = ({ id }: RingKey): boolean => !links.some((link) => link.id === id);
  return [...linked, ...ring.filter(isNew).map(({ id, hmac }) => ({ id, hmac, isRecent: true }))];
}

function lookUpKeysOf(ring: readonly RingKey[], links: readonly ChainLink[], id: string): string {
  const key = ring.find((candidate) => candidate.id === id);
  const kept = links.find((link) => link.id === id)?.lookUpKeys;
  if (key === undefined && kept != null) return kept;
  if (key === undefined) throw new Error(`the key ${id} is not known`);
  return JSON.stringify(
    Object.fromEntries(LOOK_UP_USES.map((use) => [use, key.derive(use).toString('base64url')])),
  );
}

function fingerprintWith({ hmac }: LookUpKey | RingKey, text: string): string {
  return hmac('fingerprint', text).slice(0, FINGERPRINT_LENGTH);
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

/** A new API key: its kind and mode, then 256 random bits, then a checksum. */
export function generateApiKey(kind: 'pr' | 'op', mode: 'sandbox' | 'production'): string {
  const key = `${kind}_${mode === 'sandbox' ? 'test' : 'live'}_${randomBytes(32).toString('base64url')}`;
  return key + checksumOf(key);
}

/**
 * Whether nobody can have been given this key: it is as long as one with a checksum, which is wrong. Keys
 * that were made before there was one are shorter.
 */
export function isMistypedKey(apiKey: string): boolean {
  const [, key, checksum] = /^([a-z]{2}_(?:test|live)_[\w-]{43})([\w-]{6})$/.exec(apiKey) ?? [];
  return key !== undefined && checksum !== checksumOf(key);
}

/** No secret is in it: it tells a typing error without a look-up, and lets scanners be sure that they found a key. */
function checksumOf(text: string): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc32(text));
  return bytes.toString('base64url');
}

/** Compares without telling by its time where two strings differ. */
export function safeEqual(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
