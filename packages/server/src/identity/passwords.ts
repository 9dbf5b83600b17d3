/**
 * Passwords as scrypt hashes. Whatever arrives, one is computed at a time: payments keep the processor. Who waits
 * has a place, and those who are known have places of their own and come first: strangers crowd out strangers only.
 */
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { tooManySignIns } from '../http/errors.ts';

export interface ScryptCost {
  /** log2 of N. */
  readonly logN: number;
  readonly r: number;
  readonly p: number;
}

/** One of OWASP's equivalent sets: 32 MB, and 150 ms of one core. N = 2^17, p = 1 takes 128 MB and 250 ms. */
export const PASSWORD_COST: ScryptCost = { logN: 15, r: 8, p: 3 };

/** 2.5 s of waiting. Whoever comes then is asked to come again. */
const PLACES = 17;
/** Of those of strangers, what one network may take. */
const PLACES_OF_NETWORK = 8;
const SALT_BYTES = 16;
const KEY_BYTES = 32;

const scryptAsync = promisify<string, Buffer, number, object, Buffer>(scrypt);

/** Who wants a password computed. */
export interface Caller {
  /** Signed in, or in a browser in which this user was signed in before. */
  readonly known: boolean;
  readonly network: string;
}

export class Passwords {
  readonly #cost: ScryptCost;
  /** Nobody's: what a password is compared with when there is no account. */
  readonly #nobody: string;
  /** Places that are taken, of those who are known and of strangers. */
  readonly #taken = { known: 0, strangers: 0 };
  readonly #takenByNetwork = new Map<string, number>();
  readonly #lines: { readonly known: (() => void)[]; readonly strangers: (() => void)[] } = {
    known: [],
    strangers: [],
  };
  #computing = false;

  constructor(cost: ScryptCost = PASSWORD_COST) {
    this.#cost = cost;
    this.#nobody = textOf(cost, randomBytes(SALT_BYTES), randomBytes(KEY_BYTES));
  }

  /** Does `work` in a place for this caller. @throws ApiError 429 at once when there is none */
  async inPlace<T>({ known, network }: Caller, work: () => Promise<T>): Promise<T> {
    const kind = known ? 'known' : 'strangers';
    const ofNetwork = this.#takenByNetwork.get(network) ?? 0;
    if (this.#taken[kind] >= PLACES || (!known && ofNetwork >= PLACES_OF_NETWORK)) throw tooManySignIns(3);
    this.#taken[kind] += 1;
    if (!known) this.#takenByNetwork.set(network, ofNetwork + 1);
    try {
      return await work();
    } finally {
      this.#taken[kind] -= 1;
      if (!known) this.#leave(network);
    }
  }

  #leave(network: string): void {
    const left = (this.#takenByNetwork.get(network) ?? 1) - 1;
    if (left === 0) this.#takenByNetwork.delete(network);
    else this.#takenByNetwork.set(network, left);
  }

  /** @param like a hash whose salt this one is to share; null: a salt of its own */
  hash(password: string, like: string | null = null): Promise<string> {
    const cost = like === null ? this.#cost : costOf(like);
    const salt = like === null ? randomBytes(SALT_BYTES) : saltOf(like);
    return this.#derive(password, salt, cost, true).then((key) => textOf(cost, salt, key));
  }

  /**
   * Which of these hashes are of this password. Takes the same time for one hash, for several that share a salt, and
   * for none.
   */
  async verify(password: string, stored: readonly string[], known: boolean): Promise<boolean[]> {
    const salts = new Set((stored.length === 0 ? [this.#nobody] : stored).map(saltAndCostOf));
    const derived = new Map<string, Buffer>();
    for (const salt of salts)
      derived.set(salt, await this.#derive(password, saltOf(salt), costOf(salt), known));
    return stored.map((text) => {
      const key = derived.get(saltAndCostOf(text));
      return key !== undefined && timingSafeEqual(key, Buffer.from(keyOf(text), 'base64url'));
    });
  }

  async #derive(password: string, salt: Buffer, { logN, r, p }: ScryptCost, known: boolean): Promise<Buffer> {
    await this.#turn(known);
    const N = 2 ** logN;
    // One spelling of what looks the same on any keyboard (NIST SP 800-63B).
    const text = password.normalize('NFKC');
    return scryptAsync(text, salt, KEY_BYTES, { N, r, p, maxmem: 256 * N * r }).finally(() => this.#next());
  }

  async #turn(known: boolean): Promise<void> {
    if (this.#computing) {
      const line = known ? this.#lines.known : this.#lines.strangers;
      await new Promise<void>((resolve) => line.push(resolve));
    }
    this.#computing = true;
  }

  #next(): void {
    const next = this.#lines.known.shift() ?? this.#lines.strangers.shift();
    if (next === undefined) this.#computing = false;
    else next();
  }
}

function textOf({ logN, r, p }: ScryptCost, salt: Buffer, key: Buffer): string {
  return ['scrypt', logN, r, p, salt.toString('base64url'), key.toString('base64url')].join('$');
}

/** All of a stored hash but the key. */
function saltAndCostOf(text: string): string {
  return text.slice(0, text.lastIndexOf('$') + 1);
}

function costOf(text: string): ScryptCost {
  const [, logN, r, p] = text.split('$');
  return { logN: Number(logN), r: Number(r), p: Number(p) };
}

function saltOf(text: string): Buffer {
  return Buffer.from(text.split('$')[4] ?? '', 'base64url');
}

function keyOf(text: string): string {
  return text.slice(text.lastIndexOf('$') + 1);
}

/** 120 random bits, to be read out or copied once. */
export function newPassword(): string {
  return randomBytes(15).toString('base64url');
}
