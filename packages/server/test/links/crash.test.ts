/** kill -9 of a node while payers pay links: whoever asks again pays once, and each link was paid once at most. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { PaidByLink } from '../../src/links/payLink.ts';
import { startTestBank, type TestBank } from '../support/bank.ts';
import { endLeases, eventually } from '../support/cards.ts';
import { allSettled, reconcile } from '../support/reconcile.ts';
import { RUN_ENVIRONMENT } from '../support/run.ts';
import { type Sandbox, startSandbox } from '../support/sandbox.ts';

const NODE = path.join(import.meta.dirname, '../support/payerNode.ts');
const LINKS = 12;
const PAYERS = 6;
const ROUNDS = 4;

type Told = PaidByLink | { readonly kind: 'unknown' };

let bank: TestBank;
let sandbox: Sandbox;
before(async () => {
  bank = await startTestBank();
  sandbox = await startSandbox(bank.environment);
});
after(async () => {
  await sandbox?.stop();
  await bank?.end();
});

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

interface PayerNode {
  pay(body: object): Promise<Told>;
  kill(): Promise<void>;
}

async function startNode(): Promise<PayerNode> {
  const { PATH = '' } = process.env;
  const env = { PATH, DATABASE_URL: sandbox.databaseUrl, PORT: '0', ...bank.environment, ...RUN_ENVIRONMENT };
  const child = spawn(process.execPath, [NODE], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  running.add(child);
  const exited = once(child, 'exit').finally(() => running.delete(child));
  const listening = once(createInterface({ input: child.stdout }), 'line') as Promise<[string]>;
  const [line] = await Promise.race([listening, exited.then(() => assert.fail('the node ended'))]);
  const { door } = JSON.parse(line);
  return {
    pay: async (body) => {
      try {
        const response = await fetch(door, { method: 'POST', body: JSON.stringify(body) });
        return (await response.json()) as Told;
      } catch {
        return { kind: 'unknown' };
      }
    },
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

async function createLink(): Promise<string> {
  const body = { amount: 700, currency: 'KZT', orderReference: 'CRASH' };
  const reply = await sandbox.call('POST', '/v1/payment-links', { body });
  assert.equal(reply.status, 201, reply.text);
  return reply.body.id;
}

test('a node that is killed while payers pay: each link is paid once, and whoever asks again hears the same', async () => {
  for (let round = 0; round < ROUNDS; round += 1) {
    const nodes = await Promise.all([startNode(), startNode()]);
    const ids = await Promise.all(Array.from({ length: LINKS }, createLink));
    const wishes = ids.flatMap((id) =>
      Array.from({ length: PAYERS }, (_, i) => ({
        ...{ id, attemptId: crypto.randomUUID() },
        method: i % 2 === 0 ? 'card' : 'wallet',
      })),
    );
    const first = Promise.all(
      wishes.map(async (wish, i) => {
        await delay(Math.random() * 250);
        return nodes[i % 2]?.pay(wish);
      }),
    );
    await delay(60 + Math.random() * 200);
    await nodes[0]?.kill();
    const told = await first;
    // The node that is left goes on with what the other had begun.
    await endLeases(sandbox.pool);
    await allSettled(sandbox.pool);
    const again = await Promise.all(wishes.map((wish) => nodes[1]?.pay(wish)));
    again.forEach((now, i) => {
      assert.ok(now !== undefined && now.kind !== 'unknown' && now.kind !== 'waiting', JSON.stringify(now));
      const before = told[i];
      if (before?.kind === 'payment') assert.deepEqual(now, before, 'a payment is told as before');
    });
    await allSettled(sandbox.pool);
    await sandbox.assertInvariants();
    await reconcile(sandbox.pool, bank);
    for (const id of ids) {
      const link = (await sandbox.call('GET', `/v1/payment-links/${id}`)).body;
      assert.equal(link.status, 'paid', `round ${round}: ${JSON.stringify(link)}`);
      const ofLink = again.filter((_, i) => wishes[i]?.id === id);
      const paying = new Set(ofLink.flatMap((now) => (now?.kind === 'payment' ? [now.transactionId] : [])));
      assert.ok(paying.has(link.transactionId), 'whoever paid hears so');
    }
    await Promise.all(nodes.map((node) => node.kill()));
  }
  await eventually('nothing waits', async () => {
    const { rows } = await sandbox.pool.query(
      "SELECT count(*)::int AS n FROM transaction WHERE status IN ('created', '3d') AND payment_link_id IS NOT NULL",
    );
    return rows[0].n === 0;
  });
});
