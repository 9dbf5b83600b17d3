/** What merchants do all the time while an operator upgrades: payments on whichever nodes serve, and what was answered. */
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { CUSTOMER, DEMO_KEY } from '../support/sandbox.ts';

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: bodies of any shape
  readonly body: any;
}

export interface Asked {
  readonly apiKey?: string | null;
  readonly key?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One request. The other version's answers are not held against this version's document. */
export async function ask(
  url: string,
  method: string,
  path: string,
  { apiKey = DEMO_KEY, key, body, headers = {} }: Asked = {},
): Promise<Answer> {
  const all = new Headers(headers);
  if (apiKey !== null) all.set('authorization', apiKey);
  if (key !== undefined) all.set('idempotency-key', key);
  if (body !== undefined) all.set('content-type', 'application/json');
  const response = await fetch(`${url}${path}`, {
    ...{ method, headers: all, redirect: 'manual' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') === true;
  return {
    ...{ status: response.status, text, headers: response.headers },
    body: isJson && text !== '' ? JSON.parse(text) : null,
  };
}

/** Authorizes at this node. */
export async function authorize(url: string, key: string = crypto.randomUUID()): Promise<Answer> {
  const body = { amount: 1_000, currency: 'KZT', orderReference: key, ...CUSTOMER };
  return ask(url, 'POST', '/v1/wallet/authorize', { key, body });
}

const WORKERS = 4;
const PAUSE_MS = 20;

/** Merchants who pay, capture and refund at the nodes that a balancer would send them to, one after the other. */
export class Traffic {
  /** Where requests go now, in turn. */
  nodes: readonly string[];
  /** Payments whose authorization was answered. */
  readonly acknowledged = new Map<string, 'authorized' | 'charged' | 'refunded'>();
  /** Answers that no merchant should get. */
  readonly troubles: string[] = [];
  /** How many requests each node has not answered. */
  readonly #open = new Map<string, number>();
  #turn = 0;
  #stopping = false;
  readonly #workers: Promise<void>[];

  constructor(nodes: readonly string[]) {
    this.nodes = nodes;
    this.#workers = Array.from({ length: WORKERS }, () => this.#work());
  }

  /** From now on sends to these nodes only. Resolves when the others have answered all that they were sent. */
  async move(nodes: readonly string[]): Promise<void> {
    this.nodes = nodes;
    const isBusy = ([url, open]: [string, number]): boolean => open > 0 && !this.nodes.includes(url);
    while ([...this.#open].some(isBusy)) await pause(PAUSE_MS);
  }

  /** Waits until so many more payments have been answered. */
  async more(count: number): Promise<void> {
    const wanted = this.acknowledged.size + count;
    for (const limit = Date.now() + 60_000; this.acknowledged.size < wanted; await pause(PAUSE_MS)) {
      assert.deepEqual(this.troubles.slice(0, 5), [], 'every request is answered as it should be');
      assert.ok(Date.now() < limit, 'payments go on');
    }
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#workers);
  }

  async #work(): Promise<void> {
    while (!this.#stopping) {
      await this.#pay().catch((error: unknown) => this.troubles.push(String(error)));
      await pause(PAUSE_MS);
    }
  }

  /** Each step at the next node; the first at two at once with one key, as a client does that lost patience. */
  async #pay(): Promise<void> {
    const key = crypto.randomUUID();
    const authorizeAt = (url: string): Promise<Answer> => authorize(url, key);
    const [first, again] = await Promise.all([this.#get(201, authorizeAt), this.#get(201, authorizeAt)]);
    this.#compare(first, again);
    const id = first.body.walletTransactionId as string;
    this.acknowledged.set(id, 'authorized');
    await this.#operate(id, 'capture');
    this.acknowledged.set(id, 'charged');
    if (this.acknowledged.size % 3 > 0) return;
    await this.#operate(id, 'refund');
    this.acknowledged.set(id, 'refunded');
  }

  /** Twice with one key, the second time at another node. */
  async #operate(id: string, operation: 'capture' | 'refund'): Promise<void> {
    const asked = { key: crypto.randomUUID(), body: { amount: 1_000 } };
    const operateAt = (url: string): Promise<Answer> =>
      ask(url, 'POST', `/v1/wallet/${id}/${operation}`, asked);
    this.#compare(await this.#get(200, operateAt), await this.#get(200, operateAt));
  }

  #compare(one: Answer, other: Answer): void {
    if (one.text !== other.text) this.troubles.push(`one key, two answers: ${one.text} and ${other.text}`);
  }

  /** What the next node answers, which has to have this status. */
  async #get(status: number, send: (url: string) => Promise<Answer>): Promise<Answer> {
    this.#turn += 1;
    const url = this.nodes[this.#turn % this.nodes.length] ?? '';
    const count = (change: number): void => void this.#open.set(url, (this.#open.get(url) ?? 0) + change);
    count(1);
    try {
      const answer = await send(url);
      if (answer.status !== status) throw new Error(`${answer.status} in place of ${status}: ${answer.text}`);
      return answer;
    } finally {
      count(-1);
    }
  }
}
