/** What each connection does over and over: one unit of work, of one or more requests. */
import { randomBytes } from 'node:crypto';
import { type Customer, customersOf } from './customers.ts';

export type ScenarioName =
  | 'authorize'
  | 'overload'
  | 'oneMerchant'
  | 'hotWallet'
  | 'pairs'
  | 'cancels'
  | 'get'
  | 'links'
  | 'empty';

export interface Scenario {
  /** The request that begins a unit. */
  first(): string;
  /** @returns the unit's next request, null when it is done. @throws Error when the reply is not as it must be */
  next(reply: string, step: number): string | null;
  /** Whether the reply sheds the request; absent: none may. */
  isShed?(reply: string): boolean;
}

/** The seed's two merchants: connections alternate between them. */
const API_KEYS = ['pr_test_demo', 'pr_test_other'] as const;
/** How many payments of each merchant GET chooses from. */
const MAX_IDS = 50_000;
/** Minor units of every authorization. */
export const AMOUNT = 100;

/** What all connections of the load generator share. */
export class Traffic {
  readonly #customers: readonly Customer[];
  /** Of this run: keys and references never meet those of another. */
  readonly #run = randomBytes(6).toString('hex');
  readonly #ids: string[][] = API_KEYS.map(() => []);
  #counter = 0;
  #random = 1;

  constructor(wallets: number) {
    this.#customers = customersOf(wallets);
  }

  scenario(name: ScenarioName, connection: number): Scenario {
    const merchant = name === 'hotWallet' || name === 'oneMerchant' ? 0 : connection % API_KEYS.length;
    const authorize = (): string => this.#authorize(merchant, name !== 'hotWallet');
    switch (name) {
      case 'overload':
        return {
          first: authorize,
          next: (reply) => this.#authorized(reply, merchant) && null,
          isShed: (reply) => /^HTTP\/1\.1 (?:503|429) /.test(reply) && /\r\nretry-after: \d/i.test(reply),
        };
      case 'authorize':
      case 'oneMerchant':
      case 'hotWallet':
        return { first: authorize, next: (reply) => this.#authorized(reply, merchant) && null };
      case 'pairs':
        return {
          first: authorize,
          next: (reply, step) => {
            if (step === 0) return this.#operate('capture', merchant, this.#authorized(reply, merchant));
            requireReply(reply, '200', '"SUCCESS"');
            return null;
          },
        };
      case 'cancels':
        return {
          first: authorize,
          next: (reply, step) => {
            if (step === 0) return this.#operate('cancel', merchant, this.#authorized(reply, merchant));
            requireReply(reply, '200', '"SUCCESS"');
            return null;
          },
        };
      case 'get':
        return { first: () => this.#get(merchant), next: (reply) => requireReply(reply, '200', '"wt_') };
      case 'links':
        return { first: () => this.#link(merchant), next: (reply) => requireReply(reply, '201', '"active"') };
      case 'empty':
        return { first: authorize, next: (reply) => requireReply(reply, '200', '{}') };
    }
  }

  #authorize(merchant: number, spread: boolean): string {
    const customer = this.#customers[spread ? this.#below(this.#customers.length) : 0];
    if (customer === undefined) throw new Error('there are no customers');
    const reference = this.#unique();
    const body = `{"amount":${AMOUNT},"currency":"KZT","phoneNumber":"${customer.phone}","iin":"${customer.iin}","orderReference":"${reference}"}`;
    return post('/v1/wallet/authorize', merchant, reference, body);
  }

  #operate(operation: 'capture' | 'cancel', merchant: number, id: string): string {
    return post(`/v1/wallet/${id}/${operation}`, merchant, this.#unique(), `{"amount":${AMOUNT}}`);
  }

  #get(merchant: number): string {
    const ids = this.#ids[merchant] ?? [];
    const id = ids[this.#below(ids.length)];
    return `GET /v1/wallet/transaction/${id} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: ${API_KEYS[merchant]}\r\n\r\n`;
  }

  #link(merchant: number): string {
    const reference = this.#unique();
    const body = `{"amount":${AMOUNT},"currency":"KZT","orderReference":"${reference}"}`;
    return post('/v1/payment-links', merchant, reference, body);
  }

  /** @returns the id of the payment that was authorized */
  #authorized(reply: string, merchant: number): string {
    requireReply(reply, '201', '"PROCESSING"');
    const start = reply.lastIndexOf('"wt_') + 1;
    const id = reply.slice(start, start + 29);
    const ids = this.#ids[merchant];
    if (ids !== undefined && ids.length < MAX_IDS) ids.push(id);
    return id;
  }

  #unique(): string {
    this.#counter += 1;
    return `${this.#run}-${String(this.#counter).padStart(9, '0')}`;
  }

  /** Cheap and the same in every run: a linear congruential generator (Numerical Recipes). */
  #below(limit: number): number {
    this.#random = (Math.imul(this.#random, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.#random / 2 ** 32) * limit);
  }
}

function post(path: string, merchant: number, key: string, body: string): string {
  return `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: ${API_KEYS[merchant]}\r\nIdempotency-Key: ${key}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

function requireReply(reply: string, status: string, part: string): null {
  if (reply.startsWith(`HTTP/1.1 ${status} `) && reply.includes(part)) return null;
  throw new Error(`expected ${status} with ${part}, got: ${reply}`);
}
