/**
 * kill -9 of the server and of PostgreSQL at random moments under load. After every restart: what was
 * answered is there and is answered alike, every key has one effect, and the audit finds nothing.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { stopDatabaseServer } from '../support/database.ts';
import type { TestWallet } from '../support/ledger.ts';
import { type Nodes, startNodes } from '../support/nodes.ts';
import { type KillablePostgres, startKillablePostgres } from '../support/process.ts';
import type { Reply } from '../support/sandbox.ts';
import { atOnce, countEvents, Shop, tally } from '../support/shop.ts';

after(stopDatabaseServer);

const PER_ROUND = 50;
const AMOUNT = 100;
/** A request that is answered later than this has hung. */
const HANG_MS = 15_000;

/**
 * One merchant and wallet through all rounds; each authorizes, and captures the holds of the one before: each hold by
 * two halves at once, of which the second one ends it.
 */
class Load {
  readonly shop: Shop;
  readonly wallet: TestWallet;
  #held: string[] = [];
  #round = 0;
  #captured = 0;
  answered = 0;

  private constructor(shop: Shop, wallet: TestWallet) {
    this.shop = shop;
    this.wallet = wallet;
  }

  static async start(nodes: Nodes): Promise<Load> {
    const shop = await Shop.open(nodes);
    return new Load(shop, await shop.wallet(1_000_000_000));
  }

  /** Sends everything, calls `crash` meanwhile, `recover` afterwards, and sends everything again. */
  async round(crash: () => Promise<void>, recover: () => Promise<void>): Promise<void> {
    this.#round += 1;
    const held = this.#held.flatMap((id) => [id, id]);
    const sent = this.#send(held, true);
    await crash();
    const before = await sent;
    await recover();
    const replies = await this.#send(held, false);
    assert.deepEqual(tally(replies), this.#expected(held.length));
    before.forEach((reply, i) => {
      if (reply === null || reply.status === 503) return;
      this.answered += 1;
      assert.equal(reply.text, replies[i]?.text);
    });
    const authorizations = replies.slice(0, PER_ROUND);
    this.#held = authorizations.map((reply) => reply?.body.walletTransactionId);
    this.#captured += held.length / 2;
    await this.shop.nodes.assertInvariants();
    const spent = this.#round * PER_ROUND * AMOUNT;
    await this.shop.assertMoney(this.wallet, {
      available: 1_000_000_000 - spent,
      held: PER_ROUND * AMOUNT,
      merchant: this.#captured * AMOUNT,
    });
    const events = await this.shop.events();
    assert.equal(countEvents(events, 'transaction.authorized'), this.#round * PER_ROUND);
    assert.equal(countEvents(events, 'transaction.partially_captured'), this.#captured);
    assert.equal(countEvents(events, 'transaction.charged'), this.#captured);
  }

  #expected(captures: number): Record<string, number> {
    return captures === 0
      ? { '201 PROCESSING': PER_ROUND }
      : { '201 PROCESSING': PER_ROUND, '200 PROCESSING': captures / 2, '200 SUCCESS': captures / 2 };
  }

  #send(held: readonly string[], spread: boolean): Promise<Reply[]>;
  async #send(held: readonly string[], spread: boolean): Promise<(Reply | null)[]> {
    const { shop, wallet } = this;
    return atOnce(PER_ROUND + held.length, async (i) => {
      if (spread) await delay(Math.random() * 60);
      const id = held[i - PER_ROUND];
      const key = `${this.#round}-${i}`;
      const reply =
        id === undefined
          ? shop.authorize(wallet, AMOUNT, key)
          : shop.operate(id, 'capture', AMOUNT / 2, key, { final: false });
      const hung = delay(HANG_MS, 'hung' as const, { ref: false });
      const result = await Promise.race([reply.catch(() => null), hung]);
      assert.notEqual(result, 'hung', 'a request hung');
      return result === 'hung' ? null : result;
    });
  }
}

describe('kill -9 of the server', () => {
  test('10 times under load', async () => {
    const nodes = await startNodes(1);
    try {
      const [node] = nodes.processes;
      const load = await Load.start(nodes);
      for (let i = 0; i < 10; i += 1) {
        await load.round(
          async () => {
            await delay(5 + Math.random() * 70);
            await node?.signal('SIGKILL');
          },
          async () => node?.restart(),
        );
      }
      assert.ok(load.answered > 0, 'no kill came after an answer');
    } finally {
      await nodes.stop();
    }
  });
});

describe('kill -9 of PostgreSQL', () => {
  let postgres: KillablePostgres;
  let nodes: Nodes;
  before(async () => {
    postgres = await startKillablePostgres();
    nodes = await startNodes(2, {}, postgres.url);
  });
  after(async () => {
    await nodes.stop();
    await postgres.end();
  });

  test('the postmaster and single backends, 5 times under load', async () => {
    const load = await Load.start(nodes);
    for (let i = 0; i < 5; i += 1) {
      const postmaster = i % 2 === 0;
      await load.round(
        async () => {
          await delay(10 + Math.random() * 60);
          await (postmaster ? postgres.killPostmaster() : postgres.killBackend('plexy-pay engine 1'));
          if (postmaster) await postgres.restart();
        },
        async () => untilReady(nodes),
      );
    }
  });
});

/** A killed backend takes all others with it: PostgreSQL is out of reach for a moment. */
async function untilReady(nodes: Nodes): Promise<void> {
  for (const node of nodes.processes.keys()) {
    const end = Date.now() + 60_000;
    while ((await nodes.callNode(node, 'GET', '/ready')).status !== 200) {
      assert.ok(Date.now() < end, 'the node did not become ready again');
      await delay(50);
    }
  }
}
