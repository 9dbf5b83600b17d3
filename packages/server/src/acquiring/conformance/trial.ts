/** One connector under test: questions with ids of their own, and what must be so of their answers. */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import {
  type Capability,
  type CardForBank,
  type CardOnFile,
  type Connector,
  type ConnectorAnswer,
  isNotAsked,
  type Question,
} from '../connector.ts';
import type { Fate, FaultyProxy } from './proxy.ts';
import type { ConformanceTarget } from './target.ts';

/** What a connector does is not what it promises. */
export class Nonconformance extends Error {}

/** It cannot be checked with what the author has told. */
export class NotChecked extends Error {}

export const AMOUNT = 10_000n;
/** Beyond the time that an answer may take: to notice that, on a machine that is busy. */
const SLACK_MS = 1_500;

export type Outcome<T> = { readonly answer: T } | { readonly error: unknown };

export class Trial {
  readonly target: ConformanceTarget;
  readonly connector: Connector;
  readonly proxy: FaultyProxy;

  constructor(target: ConformanceTarget, proxy: FaultyProxy, baseUrl: string = proxy.url) {
    const { connector, secret } = target;
    this.target = target;
    this.proxy = proxy;
    this.connector = connector.create({ baseUrl: () => baseUrl, secret, timeoutMs: this.timeoutMs });
  }

  get timeoutMs(): number {
    return this.target.timeoutMs ?? 2_000;
  }

  /** @throws NotChecked when the bank cannot do this */
  needs(capability: Capability): void {
    const { capabilities = this.target.connector.capabilities } = this.target;
    if (!capabilities.includes(capability)) throw new NotChecked(`${capability} is none of its capabilities`);
  }

  /** A question about a new payment. */
  newPayment(amount = AMOUNT): Question {
    const id = randomUUID();
    const {
      merchantId = '01900000-0000-7000-8000-000000000001',
      currency = 'KZT',
      credentials = null,
    } = this.target;
    return { id, paymentId: id, merchantId, kind: 'authorize', amount, currency, final: true, credentials };
  }

  /** A question of its own about a payment. */
  about(payment: Question, kind: Question['kind'], amount = payment.amount): Question {
    const id = kind === 'complete' ? payment.paymentId : randomUUID();
    return { ...payment, id, kind, amount };
  }

  authorize(
    operation: Question,
    card: CardForBank = this.target.cards.approved,
    onFile: CardOnFile | null = null,
  ): Promise<ConnectorAnswer> {
    const isAttended = onFile?.use !== 'merchant';
    return this.connector.authorize({
      ...{ operation, card, merchantName: 'Conformance', orderReference: 'CONFORMANCE-1', description: null },
      returnUrl: isAttended ? 'https://shop.example/back' : null,
      payerIp: isAttended ? '203.0.113.7' : null,
      browser: null,
      notificationUrl: this.target.notifications?.url ?? null,
      onFile,
    });
  }

  /** An authorization that the bank has approved. */
  async approved(amount = AMOUNT): Promise<Question> {
    const payment = this.newPayment(amount);
    expectStatus(await this.within(this.authorize(payment)), 'approved', 'an authorization');
    return payment;
  }

  /** Lets something happen to what is asked meanwhile. */
  async under<T>(fate: Fate, ask: () => Promise<T>): Promise<Outcome<T>> {
    this.proxy.fate = fate;
    try {
      return await this.outcomeOf(ask());
    } finally {
      this.proxy.fate = { kind: 'pass' };
    }
  }

  async outcomeOf<T>(asked: Promise<T>): Promise<Outcome<T>> {
    return this.within(asked).then(
      (answer) => ({ answer }),
      (error: unknown) => {
        if (error instanceof Nonconformance) throw error;
        return { error };
      },
    );
  }

  /** @throws Nonconformance when it does not end in time */
  async within<T>(asked: Promise<T>): Promise<T> {
    asked.catch(() => undefined);
    const limitMs = this.timeoutMs + SLACK_MS;
    const over = new AbortController();
    const tooLate = pause(limitMs, undefined, { signal: over.signal }).then((): never => {
      throw new Nonconformance(`it has not ended after ${limitMs} ms, and timeoutMs is ${this.timeoutMs}`);
    });
    tooLate.catch(() => undefined);
    try {
      return await Promise.race([asked, tooLate]);
    } finally {
      over.abort();
    }
  }
}

export function expectStatus(
  answer: ConnectorAnswer | null,
  status: ConnectorAnswer['status'],
  what: string,
): ConnectorAnswer {
  if (answer?.status === status) return answer;
  throw new Nonconformance(
    `${what} is ${answer === null ? 'unknown' : String(answer.status)}, not ${status}`,
  );
}

/** Whatever the bank did, its answer was not heard: only a throw says so. */
export function expectUnknown(outcome: Outcome<ConnectorAnswer | null>, what: string): void {
  if ('answer' in outcome) {
    const told = outcome.answer === null ? 'null' : outcome.answer.status;
    throw new Nonconformance(`${what} must throw, and it says ${told}`);
  }
  if (isNotAsked(outcome.error))
    throw new Nonconformance(`${what} must not be a NotAskedError: the question may have reached the bank`);
}
