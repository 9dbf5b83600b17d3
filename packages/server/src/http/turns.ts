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

/** Of one owner. */
interface Line {
  running: number;
  waiting: Waiting[];
}

/** More than so many are looked through for those in which nothing happens. */
const MAX_LINES = 10_000;

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
  /** None is deleted while others come and go: see `FairQueue`. */
  #lines = new Map<string, Line>();
  /** Those in which somebody is waiting, in the order of their turns. */
  #turns: Line[] = [];
  #total = 0;

  constructor(limits: TurnLimits) {
    this.#limits = limits;
  }

  /**
   * Does `work` when it is its owner's turn.
   * @throws ApiError 429 when too much of its owner is waiting, or for too long; 503 when all others take so long
   */
  async run<T>(owner: string, work: () => Promise<T>): Promise<T> {
    const line = this.#lineOf(owner);
    if (!this.#mayBegin(line)) await this.#wait(line);
    else this.#count(line, 1);
    try {
      return await work();
    } finally {
      this.#count(line, -1);
      this.#beginNext();
    }
  }

  #lineOf(owner: string): Line {
    let line = this.#lines.get(owner);
    if (line !== undefined) return line;
    if (this.#lines.size >= MAX_LINES)
      this.#lines = new Map(
        [...this.#lines].filter(([, { running, waiting }]) => running + waiting.length > 0),
      );
    line = { running: 0, waiting: [] };
    this.#lines.set(owner, line);
    return line;
  }

  #mayBegin({ running }: Line): boolean {
    return this.#total < this.#limits.total && running < this.#limits.perOwner;
  }

  #count(line: Line, delta: 1 | -1): void {
    line.running += delta;
    this.#total += delta;
  }

  #wait(line: Line): Promise<void> {
    if (line.waiting.length >= this.#limits.maxWaiting) throw tooManyWaiting();
    return new Promise((resolve, reject) => {
      const begin = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const waiting: Waiting = { begin };
      const timer = setTimeout(() => {
        this.#leave(line, waiting);
        const byItself = line.running >= this.#limits.perOwner;
        reject(
          byItself
            ? tooManyWaiting()
            : new ApiError('service_unavailable', undefined, [], { 'retry-after': '1' }),
        );
      }, MAX_WAIT_MS);
      if (line.waiting.length === 0) this.#turns.push(line);
      line.waiting.push(waiting);
    });
  }

  #leave(line: Line, waiting: Waiting): void {
    line.waiting = line.waiting.filter((each) => each !== waiting);
    if (line.waiting.length === 0) this.#turns = this.#turns.filter((each) => each !== line);
  }

  /** The first owner in turn that may; it goes to the end. */
  #beginNext(): void {
    const at = this.#turns.findIndex((line) => this.#mayBegin(line));
    const [line] = at < 0 ? [] : this.#turns.splice(at, 1);
    const waiting = line?.waiting.shift();
    if (line === undefined || waiting === undefined) return;
    if (line.waiting.length > 0) this.#turns.push(line);
    this.#count(line, 1);
    waiting.begin();
  }
}
