/** A merchant of its own on some nodes, and short forms of what it does. */
import assert from 'node:assert/strict';
import * as ledger from './ledger.ts';
import type { Nodes } from './nodes.ts';
import type { CallOptions, Reply } from './sandbox.ts';

export class Shop {
  readonly nodes: Nodes;
  readonly merchant: ledger.TestMerchant;
  /** The node that is asked; null: all of them in turn. */
  readonly node: number | null;

  private constructor(nodes: Nodes, merchant: ledger.TestMerchant, node: number | null) {
    this.nodes = nodes;
    this.merchant = merchant;
    this.node = node;
  }

  /** A new merchant whose authorizations hold for this long. */
  static async open(nodes: Nodes, authorizationTtlSeconds?: number): Promise<Shop> {
    return new Shop(nodes, await ledger.createMerchant(nodes.pool, authorizationTtlSeconds), null);
  }

  /** The same merchant, asking one node only. */
  at(node: number): Shop {
    return new Shop(this.nodes, this.merchant, node);
  }

  wallet(available: number): Promise<ledger.TestWallet> {
    return ledger.createWallet(this.nodes.pool, { available });
  }

  authorize(
    { phoneNumber, iin, currency }: ledger.TestWallet,
    amount: number,
    key: string = crypto.randomUUID(),
    orderReference = 'ORDER-1',
  ): Promise<Reply> {
    const body = { amount, currency, phoneNumber, iin, orderReference };
    return this.call('POST', '/v1/wallet/authorize', { idempotencyKey: key, body });
  }

  /** Authorizes, which must succeed. @returns the walletTransactionId */
  async hold(wallet: ledger.TestWallet, amount: number): Promise<string> {
    const { status, body } = await this.authorize(wallet, amount);
    assert.deepEqual([status, body.walletTransactionStatus], [201, 'PROCESSING']);
    return body.walletTransactionId;
  }

  /** Authorizes and captures, which must succeed. @returns the walletTransactionId */
  async charge(wallet: ledger.TestWallet, amount: number): Promise<string> {
    const id = await this.hold(wallet, amount);
    assert.equal((await this.operate(id, 'capture', amount)).status, 200);
    return id;
  }

  operate(id: string, operation: string, amount: number, key?: string, more: object = {}): Promise<Reply> {
    const options = { body: { amount, ...more }, ...(key === undefined ? {} : { idempotencyKey: key }) };
    return this.call('POST', `/v1/wallet/${id}/${operation}`, options);
  }

  async statusOf(id: string): Promise<string> {
    const { body } = await this.call('GET', `/v1/wallet/transaction/${id}`);
    return body.walletTransactionStatus;
  }

  call(method: string, path: string, options: CallOptions = {}): Promise<Reply> {
    const { apiKey } = this.merchant;
    if (this.node === null) return this.nodes.call(method, path, { apiKey, ...options });
    return this.nodes.callNode(this.node, method, path, { apiKey, ...options });
  }

  events(): Promise<ledger.EventRow[]> {
    return ledger.eventsOf(this.nodes.pool, this.merchant.id);
  }

  async assertMoney(
    wallet: ledger.TestWallet,
    expected: { available: number; held: number; merchant: number },
  ): Promise<void> {
    const { available, held } = await ledger.walletBalances(this.nodes.pool, wallet.id);
    const merchant = await ledger.merchantBalance(this.nodes.pool, this.merchant.id);
    const money = { available: Number(available), held: Number(held), merchant: Number(merchant) };
    assert.deepEqual(money, expected);
  }
}

/** What `work` answers, called so many times at once. */
export function atOnce<T>(times: number, work: (i: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: times }, (_, i) => work(i)));
}

/** How often each answer came: the status and, of an error, its reason or, of a payment, its status. */
export function tally(replies: readonly Reply[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status, body } of replies) {
    const key = `${status} ${body.reason ?? body.failureCode ?? body.walletTransactionStatus}`;
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

export function countEvents(events: readonly ledger.EventRow[], name: string): number {
  return events.filter((event) => event.name === name).length;
}
