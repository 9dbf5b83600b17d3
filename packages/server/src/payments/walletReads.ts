/**
 * Wallet payments by id, which merchants ask for as often as they pay: what is asked for while others are being read is read
 * together, in one statement. Alone, a request is read at once.
 */
import { type Context, context, ROOT_CONTEXT } from '@opentelemetry/api';
import type { TransactionId } from '../core/values/ids.ts';
import { FairQueue } from '../engine/fairQueue.ts';
import { OVERLOADED, tooManyWaiting } from '../http/errors.ts';
import type { Turns } from '../http/turns.ts';
import type { Pool } from '../postgres/pool.ts';
import { recordedSpan } from '../postgres/spans.ts';
import { type ReadPayment, readWalletPayments } from './transactionsSql.ts';

interface Wanted {
  readonly merchantId: string;
  readonly id: TransactionId;
  /** Null: whoever asks is not traced. */
  readonly traced: Context | null;
  readonly until: number;
  readonly resolve: (payment: ReadPayment | null) => void;
  readonly reject: (error: unknown) => void;
}

const MAX_TOGETHER = 64;
/** Statements at once: the next one is gathered while they are on their way. */
const AT_ONCE = 2;
/** Of one merchant; more are refused. */
const MAX_WAITING = 1_000;
/** Nobody waits for longer: by then most clients have given up. */
const MAX_WAIT_MS = 5_000;
/** How often it is looked at who has waited for too long. */
const CHECK_MS = 500;
/** In the line for connections, all of them are one. */
const OWNER = 'wallet payments by id';

export class WalletReads {
  readonly #pool: Pool;
  readonly #turns: Turns;
  /** Merchants are served in turn. */
  readonly #queue = new FairQueue<Wanted>(({ merchantId }) => merchantId);
  #running = 0;
  #begins = false;
  #checking: NodeJS.Timeout | null = null;

  constructor(pool: Pool, turns: Turns) {
    this.#pool = pool;
    this.#turns = turns;
  }

  /**
   * A merchant's wallet payment, as it is at some moment after this call; null for any other id.
   * @throws ApiError 429 when too many requests of this merchant are waiting, 503 when it took too long to get its turn; what
   * the database reports
   */
  find(merchantId: string, id: TransactionId): Promise<ReadPayment | null> {
    if (this.#queue.sizeOf(merchantId) >= MAX_WAITING) return Promise.reject(tooManyWaiting());
    return new Promise((resolve, reject) => {
      const traced = recordedSpan() === null ? null : context.active();
      const until = performance.now() + MAX_WAIT_MS;
      this.#queue.push({ merchantId, id, traced, until, resolve, reject });
      this.#begin();
    });
  }

  /** While the database does not answer, whoever waits is told in time. */
  #check(): void {
    this.#checking ??= setTimeout(() => {
      this.#checking = null;
      const now = performance.now();
      this.#queue.keep(({ until, reject }) => {
        if (now >= until) reject(OVERLOADED);
        return now < until;
      });
      if (this.#queue.size > 0) this.#check();
    }, CHECK_MS).unref();
  }

  /** After the requests that have come by now have been looked at: they are read together. */
  #begin(): void {
    if (this.#running >= AT_ONCE) this.#check();
    if (this.#begins || this.#running >= AT_ONCE) return;
    this.#begins = true;
    setImmediate(() => {
      this.#begins = false;
      while (this.#running < AT_ONCE && this.#queue.size > 0) void this.#read(this.#queue.take(MAX_TOGETHER));
    });
  }

  async #read(wanted: readonly Wanted[]): Promise<void> {
    this.#running += 1;
    try {
      // The first of them that is traced has the statement in its trace.
      const traced = wanted.find((each) => each.traced !== null)?.traced ?? ROOT_CONTEXT;
      const read = () => this.#turns.run(OWNER, () => readWalletPayments(this.#pool, wanted));
      const payments = await context.with(traced, read);
      for (const { merchantId, id, resolve } of wanted) {
        const payment = payments.get(id);
        resolve(payment?.merchantId === merchantId ? payment : null);
      }
    } catch (error) {
      // The line for connections knows them as one merchant, which none of them is.
      const told = error === tooManyWaiting() ? OVERLOADED : error;
      for (const { reject } of wanted) reject(told);
    } finally {
      this.#running -= 1;
      if (this.#queue.size > 0) this.#begin();
    }
  }
}
