/**
 * What a node remembers of wallets and of payments that it has authorized, so that a batch need not look for what it will
 * lock, and can store the answer that it will most likely give. Nothing is decided by it: a batch decides on the rows that
 * it has locked, and corrects what was guessed wrong.
 */
import { heldBy, type Minor, type Transaction } from '../core/transaction.ts';
import type { TransactionId } from '../core/values/ids.ts';
import type { WalletRow } from './batchSql.ts';

/** Whose wallet it is: of these, no statement changes anything but the hash, when the installation gets another key. */
export interface KnownWallet {
  readonly id: string;
  readonly holderId: string;
  readonly iinHash: string;
}

/** A wallet payment whose hold is open, as this node left it. */
export interface KnownPayment {
  readonly id: TransactionId;
  readonly merchantId: string;
  readonly walletId: string;
  readonly orderReference: string;
  readonly currency: string;
  readonly held: Minor;
  readonly captured: Minor;
  readonly eventCount: number;
}

/** Whoever tries again does so within seconds, and then perhaps with much else. */
const REPEATS_LAST_MS = 5_000;
/** About 300 bytes each. */
const MAX_WALLETS = 100_000;
const MAX_PAYMENTS = 50_000;

export class Memory {
  readonly #wallets = new BoundedMap<KnownWallet>(MAX_WALLETS);
  readonly #payments = new BoundedMap<KnownPayment>(MAX_PAYMENTS);
  #repeatsUntil = 0;

  /**
   * The wallet of a phone number and an IIN; null where that is not known. A pair that is wrong, or taken for it, takes as long
   * as an unknown number: of a right one nothing is known from then on, until it is found again.
   */
  wallet(phone: string, currency: string, iinHashes: readonly string[]): KnownWallet | null {
    const known = this.#wallets.get(`${phone} ${currency}`);
    return known !== undefined && iinHashes.includes(known.iinHash) ? known : null;
  }

  payment(id: string): KnownPayment | null {
    return this.#payments.get(id) ?? null;
  }

  /** A wallet that was found by its holder's phone number, with the right IIN. */
  noteWallet({ id, phone, iinHash, ownerId, currency }: WalletRow): void {
    if (id !== null && phone !== null && iinHash !== null && ownerId !== null)
      this.#wallets.set(`${phone} ${currency}`, { id, holderId: ownerId, iinHash });
  }

  /** It is not where it was, or was asked for with a wrong IIN. */
  forgetWallet(phone: string, currency: string): void {
    this.#wallets.delete(`${phone} ${currency}`);
  }

  /** Whether idempotency keys that were used before have come lately. @param now in milliseconds, by any clock that goes forward */
  expectsRepeats(now: number): boolean {
    return now < this.#repeatsUntil;
  }

  noteRepeat(now: number): void {
    this.#repeatsUntil = now + REPEATS_LAST_MS;
  }

  /** Transactions as a batch has committed them. */
  notePayments(transactions: readonly Transaction[]): void {
    for (const transaction of transactions) {
      const { id, merchantId, walletId, orderReference, currency, captured, eventCount } = transaction;
      if (walletId === null || transaction.type === 'refund') continue;
      if (transaction.status === 'authorized') {
        const held = heldBy(transaction);
        const known = { id, merchantId, walletId, orderReference, currency, held, captured, eventCount };
        this.#payments.set(id, known);
      } else this.#payments.delete(id);
    }
  }
}

/** Forgets what was set or got longest ago, in halves: that costs nothing but a look into two maps. */
class BoundedMap<T> {
  readonly #max: number;
  #newer = new Map<string, T>();
  #older = new Map<string, T>();

  constructor(max: number) {
    this.#max = max;
  }

  get(key: string): T | undefined {
    const value = this.#newer.get(key);
    if (value !== undefined) return value;
    const older = this.#older.get(key);
    if (older !== undefined) this.set(key, older);
    return older;
  }

  set(key: string, value: T): void {
    if (this.#newer.size >= this.#max / 2) {
      this.#older = this.#newer;
      this.#newer = new Map();
    }
    this.#newer.set(key, value);
  }

  delete(key: string): void {
    this.#newer.delete(key);
    this.#older.delete(key);
  }
}
