/**
 * Payments at a steady rate, whatever becomes of those before: each is authorized, captured in part and refunded twice.
 * What is not answered, or answered with a passing error, is sent again with the same key until it is answered for good.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

export const AMOUNTS = { authorized: 10_000, captured: 6_000, refunds: [1_000, 500] } as const;

export interface Customer {
  readonly phoneNumber: string;
  readonly iin: string;
}

export interface Acknowledged {
  readonly at: number;
  readonly sentAt: number;
  readonly path: string;
  readonly key: string;
  readonly body: object;
  readonly status: number;
  readonly text: string;
}

export interface LoadOptions {
  readonly url: string;
  readonly apiKey: string;
  readonly customers: readonly Customer[];
  readonly paymentsPerSecond: number;
}

/** A client gives up waiting, and asks again. The server answers within 12 s. */
const ANSWER_WITHIN_MS = 15_000;
const RETRY_MS = 500;
/** Of 409s, those that say: it is under way, ask again. */
const UNDER_WAY = ['request_in_progress', 'operation_in_progress'];

export class Load {
  readonly #options: LoadOptions;
  readonly #underWay = new Set<Promise<void>>();
  /** Every final answer, in the order in which they came. */
  readonly acknowledged: Acknowledged[] = [];
  /** Final answers that no request should have had. */
  readonly unexpected: string[] = [];
  /** Order references of payments that were begun. */
  readonly begun: string[] = [];
  /** How often a request was sent. */
  sent = 0;
  #stopped = false;
  #beginning: Promise<void> = Promise.resolve();

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  start(): void {
    this.#beginning = this.#begin();
  }

  /** Begins no more payments, and waits until those that were begun are at their end. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#beginning;
    await Promise.all(this.#underWay);
  }

  /** The longest time without an acknowledgement that touches this span of it, in ms. */
  longestSilence(from: number, to: number): number {
    const times = this.acknowledged.map(({ at }) => at);
    const before = times.findLast((at) => at <= from) ?? from;
    const marks = [Math.max(before, from - 1_000), ...times.filter((at) => at > from && at <= to), to];
    return Math.max(...marks.slice(1).map((at, i) => at - (marks[i] ?? at)));
  }

  async #begin(): Promise<void> {
    const startedAt = performance.now();
    for (let n = 0; !this.#stopped; n += 1) {
      const dueAt = startedAt + (n * 1_000) / this.#options.paymentsPerSecond;
      await delay(Math.max(0, dueAt - performance.now()));
      const story = this.#pay(n);
      this.#underWay.add(story);
      void story.finally(() => this.#underWay.delete(story));
    }
  }

  async #pay(n: number): Promise<void> {
    const { customers } = this.#options;
    const customer = customers[n % customers.length];
    const orderReference = `FAILOVER-${n}`;
    this.begun.push(orderReference);
    const body = { amount: AMOUNTS.authorized, currency: 'KZT', orderReference, ...customer };
    const authorized = await this.#settle('/v1/wallet/authorize', body);
    if (authorized === null) return;
    const { walletTransactionId } = JSON.parse(authorized.text);
    await this.#settle(`/v1/wallet/${walletTransactionId}/capture`, { amount: AMOUNTS.captured });
    for (const amount of AMOUNTS.refunds)
      await this.#settle(`/v1/wallet/${walletTransactionId}/refund`, { amount });
  }

  /** Sends a request until it is answered for good. @returns null when it was refused */
  async #settle(path: string, body: object): Promise<Acknowledged | null> {
    const key = randomUUID();
    const sentAt = performance.now();
    for (;;) {
      this.sent += 1;
      const answer = await this.send(path, body, key);
      if (answer !== null && isFinal(answer)) {
        if (answer.status >= 300) {
          this.unexpected.push(`${path} ${answer.status} ${answer.text}`);
          return null;
        }
        const done = { at: performance.now(), sentAt, path, key, body, ...answer };
        this.acknowledged.push(done);
        return done;
      }
      await delay(RETRY_MS * (0.5 + Math.random()));
    }
  }

  /** One request. @returns null when there was no whole answer */
  async send(path: string, body: object, key: string): Promise<{ status: number; text: string } | null> {
    try {
      const answer = await fetch(`${this.#options.url}${path}`, {
        method: 'POST',
        headers: {
          authorization: this.#options.apiKey,
          'content-type': 'application/json',
          'idempotency-key': key,
        },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      });
      return { status: answer.status, text: await answer.text() };
    } catch {
      return null;
    }
  }
}

function isFinal({ status, text }: { status: number; text: string }): boolean {
  if (status >= 500 || status === 429) return false;
  return status !== 409 || !UNDER_WAY.some((reason) => text.includes(reason));
}
