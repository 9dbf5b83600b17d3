/**
 * How many lanes a node has under way for whom, so that nobody holds up anybody else. Each lane takes a slot:
 *
 *   all slots ─┬─ half of them: for any endpoint
 *               └─ the rest: for quick endpoints only
 *
 * Of either kind, a merchant may take slots as long as it has less than a quarter as many as are free: alone a fifth
 * of them, and the more merchants take all that they may, the less each, so that there are some for the next one.
 * What gets no slot waits in the database, from where merchants are served in turn, and the endpoints of each.
 */
import { FairQueue } from '../engine/fairQueue.ts';

/** Lanes in all. */
export const SLOTS = 1_024;
/** … of endpoints that are not quick: each of their slots is taken for seconds. */
export const SLOW_SLOTS = SLOTS / 2;
/** An answer that takes longer is not quick. */
export const QUICK_MS = 1_000;
/** Lanes of one endpoint under way at a time. */
export const PER_ENDPOINT = 64;
/** … and of one whose last attempt failed. */
export const PER_FAILING = 8;
/** So many times as many wait or are under way of a quick one: it is done with them in no time. */
const PER_RUNNING = 3;
/** Lanes for which an endpoint may have slots. */
export const MOST_PER_ENDPOINT = PER_RUNNING * PER_ENDPOINT;
/** A merchant has so many at most for each that is free. */
const PER_FREE = 1 / 4;

/** Whose lane is to have a slot. */
export interface Owner {
  readonly merchantId: string;
  readonly endpointId: string;
}

/** What an endpoint has at a time. */
export interface Held extends Owner {
  /** Lanes that wait or are under way. */
  readonly count: number;
  readonly failing: boolean;
  /** Whether it has answered within `QUICK_MS` lately. */
  readonly quick: boolean;
}

/** An endpoint for which something is due. */
export interface Due extends Owner {
  /** How many lanes, as far as they were counted. */
  readonly count: number;
  readonly failing: boolean;
}

/** Slots that are taken. */
interface Taken {
  quick: number;
  slow: number;
}

/** The slots of a node at a time, to be given away at once. */
export class Slots {
  readonly #endpoints = new Map<string, { count: number; failing: boolean; quick: boolean }>();
  readonly #merchants = new Map<string, Taken>();
  readonly #taken: Taken = { quick: 0, slow: 0 };
  readonly #slots: number;
  #areShort = false;

  /** @param slots how many there are in all */
  constructor(held: Iterable<Held>, slots = SLOTS) {
    this.#slots = slots;
    for (const { merchantId, endpointId, count, failing, quick } of held) {
      this.#endpoints.set(endpointId, { count, failing, quick });
      this.#add(this.#ofMerchant(merchantId), count, quick);
    }
  }

  /** Whether a quick endpoint got less than it could use: as soon as one of its lanes has ended it can have more. */
  get areShort(): boolean {
    return this.#areShort;
  }

  get #free(): number {
    return this.#slots - this.#taken.quick - this.#taken.slow;
  }

  /** How many lanes of each of these endpoints have a slot, given in turn: to merchants, and to each one's endpoints. */
  share(due: Iterable<Due>): ReadonlyMap<string, number> {
    const waiting = new FairQueue<Due>(({ merchantId }) => merchantId);
    for (const endpoint of due) waiting.push(endpoint);
    const shares = new Map<string, number>();
    while (waiting.size > 0)
      for (const endpoint of waiting.take(1)) {
        if (!this.take(endpoint, endpoint.failing)) {
          if (this.#endpoints.get(endpoint.endpointId)?.quick === true) this.#areShort = true;
          continue;
        }
        const share = (shares.get(endpoint.endpointId) ?? 0) + 1;
        shares.set(endpoint.endpointId, share);
        if (share < endpoint.count) waiting.push(endpoint);
      }
    return shares;
  }

  /** Takes a slot for a lane. @param isFailing whether its endpoint is known to fail @returns whether there is one */
  take({ merchantId, endpointId }: Owner, isFailing = false): boolean {
    const endpoint = this.#endpoints.get(endpointId) ?? { count: 0, failing: false, quick: false };
    const { quick } = endpoint;
    const running = endpoint.failing || isFailing ? PER_FAILING : PER_ENDPOINT;
    if (endpoint.count >= running * (quick ? PER_RUNNING : 1)) return false;
    const merchant = this.#ofMerchant(merchantId);
    const free = quick ? this.#free : Math.min(this.#free, SLOW_SLOTS - this.#taken.slow);
    if ((quick ? merchant.quick : merchant.slow) >= PER_FREE * free) return false;
    this.#endpoints.set(endpointId, { ...endpoint, count: endpoint.count + 1 });
    this.#add(merchant, 1, quick);
    return true;
  }

  #add(merchant: Taken, count: number, quick: boolean): void {
    for (const taken of [merchant, this.#taken]) taken[quick ? 'quick' : 'slow'] += count;
  }

  #ofMerchant(merchantId: string): Taken {
    const merchant = this.#merchants.get(merchantId) ?? { quick: 0, slow: 0 };
    this.#merchants.set(merchantId, merchant);
    return merchant;
  }
}
