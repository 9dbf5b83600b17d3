/**
 * Who may use the database now. Merchants are served in turn, each with a bounded share: a thousand requests of one
 * make that merchant wait, and nobody else. What is waiting holds no connection.
 */
import { ApiError, tooManyWaiting } from './errors.ts';

/** Lines of their own: statistics, whose queries take long; what card payments ask; and all else. */
export type TurnKind = 'common' | 'heavy' | 'payments';

export interface TurnLimits {
  /** How many at once, of everybody. */
  readonly total: number;
  /** How many at once of one merchant. */
  readonly perOwner: number;
  /** How many of one merchant may wait. */
  readonly maxWaiting: number;
}

/** Nobody waits for longer: by then most clients have given up. */
const MAX_WAIT_MS = 5_000;

interface Waiting {
  readonly begin: () => void;
}

/**
 * The lines of a node. Those of the pool take no more of it than there is; of a merchant a quarter of it, so that four
 * busy ones leave something to the fifth, and one query of statistics.
 * @param poolSize connections for all but payments, keys and sign-ins
 * @param reservedSize connections for these
 */
export function createTurns(poolSize: number, reservedSize: number): Readonly<Record<TurnKind, Turns>> {
  const heavy = Math.max(1, Math.floor(poolSize / 4));
  const common = Math.max(1, poolSize - heavy);
  const maxWaiting = 200;
  return {
    common: new Turns({ total: common, perOwner: Math.ceil(poolSize / 4), maxWaiting }),
    heavy: new Turns({ total: heavy, perOwner: 1, maxWaiting }),
    payments: new Turns({ total: reservedSize, perOwner: Math.ceil(reservedSize / 2), maxWaiting: 1_000 }),
  };
}

export class Turns {
  readonly #limits: TurnLimits;
  readonly #running = new Map<string, number>();
  /** Owners with somebody waiting, in the order of their turns. */
  readonly #lines = new Map<string, Set<Waiting>>();
  #total = 0;

  constructor(limits: TurnLimits) {
    this.#limits = limits;
  }

  /**
   * Does `work` when it is its owner's turn.
   * @throws ApiError 429 when too much of its owner is waiting, or for too long; 503 when all others take so long
   */
  async run<T>(owner: string, work: () => Promise<T>): Promise<T> {
    if (!this.#mayBegin(owner)) await this.#wait(owner);
    else this.#count(owner, 1);
    try {
      return await work();
    } finally {
      this.#count(owner, -1);
      this.#beginNext();
    }
  }

  #mayBegin(owner: string): boolean {
    return this.#total < this.#limits.total && this.#runningOf(owner) < this.#limits.perOwner;
  }

  #runningOf(owner: string): number {
    return this.#running.get(owner) ?? 0;
  }

  #count(owner: string, delta: 1 | -1): void {
    const running = this.#runningOf(owner) + delta;
    this.#total += delta;
    if (running === 0) this.#running.delete(owner);
    else this.#running.set(owner, running);
  }

  #wait(owner: string): Promise<void> {
    const line = this.#lines.get(owner) ?? new Set();
    if (line.size >= this.#limits.maxWaiting) throw tooManyWaiting();
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        begin: () => {
          clearTimeout(timer);
          resolve();
        },
      };
      const timer = setTimeout(() => {
        this.#leave(owner, waiting);
        const byItself = this.#runningOf(owner) >= this.#limits.perOwner;
        reject(
          byItself
            ? tooManyWaiting()
            : new ApiError('service_unavailable', undefined, [], { 'retry-after': '1' }),
        );
      }, MAX_WAIT_MS);
      this.#lines.set(owner, line.add(waiting));
    });
  }

  #leave(owner: string, waiting: Waiting): void {
    const line = this.#lines.get(owner);
    line?.delete(waiting);
    if (line?.size === 0) this.#lines.delete(owner);
  }

  /** The first owner in turn that may; it goes to the end. */
  #beginNext(): void {
    for (const [owner, line] of this.#lines) {
      if (!this.#mayBegin(owner)) continue;
      const [waiting] = line;
      if (waiting === undefined) continue;
      this.#lines.delete(owner);
      line.delete(waiting);
      if (line.size > 0) this.#lines.set(owner, line);
      this.#count(owner, 1);
      waiting.begin();
      return;
    }
  }
}
