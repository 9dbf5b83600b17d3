/** Passwords as scrypt hashes. Whatever arrives, one is computed at a time: payments keep the processor. */
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { tooManySignIns } from './errors.ts';

export interface ScryptCost {
  /** log2 of N. */
  readonly logN: number;
  readonly r: number;
  readonly p: number;
}

/** One of OWASP's equivalent sets: 32 MB, and 150 ms of one core. N = 2^17, p = 1 takes 128 MB and 250 ms. */
export const PASSWORD_COST: ScryptCost = { logN: 15, r: 8, p: 3 };

/** Those behind the one being computed: 2.5 s of waiting. Whoever comes then is asked to come again. */
const MAX_WAITING = 16;
const SALT_BYTES = 16;
const KEY_BYTES = 32;

const scryptAsync = promisify<string, Buffer, number, object, Buffer>(scrypt);

export class Passwords {
  readonly #cost: ScryptCost;
  /** Nobody's: what a password is compared with when there is no account. */
  readonly #nobody: string;
  #waiting = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(cost: ScryptCost = PASSWORD_COST) {
    this.#cost = cost;
    this.#nobody = textOf(cost, randomBytes(SALT_BYTES), randomBytes(KEY_BYTES));
  }

  /** @throws ApiError 429 when too many are waiting */
  requireRoom(): void {
    if (this.#waiting <= MAX_WAITING) return;
    throw tooManySignIns(3);
  }

  /** @throws ApiError 429 when too many are waiting */
  async hash(password: string): Promise<string> {
    const salt = randomBytes(SALT_BYTES);
    return textOf(this.#cost, salt, await this.#derive(password, salt, this.#cost));
  }

  /**
   * Whether it is the password, in the same time for an account that does not exist.
   * @param stored null: there is no such account
   * @throws ApiError 429 when too many are waiting
   */
  async verify(password: string, stored: string | null): Promise<boolean> {
    const [, logN, r, p, salt = '', key = ''] = (stored ?? this.#nobody).split('$');
    const cost = { logN: Number(logN), r: Number(r), p: Number(p) };
    const derived = await this.#derive(password, Buffer.from(salt, 'base64url'), cost);
    return timingSafeEqual(derived, Buffer.from(key, 'base64url')) && stored !== null;
  }

  #derive(password: string, salt: Buffer, { logN, r, p }: ScryptCost): Promise<Buffer> {
    this.requireRoom();
    this.#waiting += 1;
    const N = 2 ** logN;
    // One spelling of what looks the same on any keyboard (NIST SP 800-63B).
    const text = password.normalize('NFKC');
    const derived = this.#last.then(() =>
      scryptAsync(text, salt, KEY_BYTES, { N, r, p, maxmem: 256 * N * r }),
    );
    this.#last = derived
      .catch(() => undefined)
      .finally(() => {
        this.#waiting -= 1;
      });
    return derived;
  }
}

function textOf({ logN, r, p }: ScryptCost, salt: Buffer, key: Buffer): string {
  return ['scrypt', logN, r, p, salt.toString('base64url'), key.toString('base64url')].join('$');
}

/** 120 random bits, to be read out or copied once. */
export function newPassword(): string {
  return randomBytes(15).toString('base64url');
}
