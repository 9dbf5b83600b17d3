/** Wallet payments that are asked for at the same time are read together, and whoever asks gets their own. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { parseTransactionId, type TransactionId } from '../../src/core/values/ids.ts';
import { createTurns } from '../../src/http/turns.ts';
import { WalletReads } from '../../src/payments/walletReads.ts';
import type { Pool } from '../../src/postgres/pool.ts';
import { OTHER_KEY, type Sandbox, startSandbox } from '../support/sandbox.ts';

let sandbox: Sandbox;
before(async () => {
  sandbox = await startSandbox();
});
after(() => sandbox.stop());

interface Paid {
  readonly merchantId: string;
  readonly id: TransactionId;
  readonly orderReference: string;
}

/** Payments of two merchants in turn. */
async function pay(count: number): Promise<Paid[]> {
  const ids = await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const apiKey = i % 2 === 0 ? {} : { apiKey: OTHER_KEY };
      const { body } = await sandbox.authorize({ amount: 1 + i, orderReference: `READ-${i}` }, apiKey);
      const id = parseTransactionId(body.walletTransactionId);
      assert.ok(id.ok);
      return id.value;
    }),
  );
  const { rows } = await sandbox.pool.query(
    `SELECT id, merchant_id AS "merchantId", order_reference AS "orderReference" FROM transaction
     WHERE id = ANY($1::uuid[]) ORDER BY array_position($1::uuid[], id)`,
    [ids],
  );
  return rows;
}

/** A pool that counts what it is asked, and how much of it at once. */
function counting(): { readonly pool: Pool; statements: number; atOnce: number } {
  let running = 0;
  const counts = {
    statements: 0,
    atOnce: 0,
    pool: new Proxy(sandbox.pool, {
      get: (target, name) => {
        if (name !== 'query') return Reflect.get(target, name);
        return async (...given: unknown[]) => {
          counts.statements += 1;
          running += 1;
          counts.atOnce = Math.max(counts.atOnce, running);
          return (target.query.bind(target) as (...all: unknown[]) => Promise<unknown>)(...given).finally(
            () => {
              running -= 1;
            },
          );
        };
      },
    }),
  };
  return counts;
}

const turns = createTurns(8, 4).common;

test('many at once are few statements, and each is answered with its own', async () => {
  const paid = await pay(150);
  const counts = counting();
  const reads = new WalletReads(counts.pool, turns);
  const found = await Promise.all(paid.map(({ merchantId, id }) => reads.find(merchantId, id)));
  assert.deepEqual(
    found.map((payment) => payment?.orderReference),
    paid.map(({ orderReference }) => orderReference),
  );
  assert.deepEqual([counts.statements, counts.atOnce], [3, 2]);
});

test('what is another merchant’s is nobody’s, also beside its owner who asks for it', async () => {
  const paid = await pay(20);
  const [one, other] = paid;
  assert.ok(one !== undefined && other !== undefined);
  const reads = new WalletReads(sandbox.pool, turns);
  const found = await Promise.all(
    paid.flatMap(({ id }) => [reads.find(one.merchantId, id), reads.find(other.merchantId, id)]),
  );
  assert.deepEqual(
    found.map((payment) => payment?.merchantId ?? null),
    paid.flatMap(({ merchantId }) =>
      [one.merchantId, other.merchantId].map((own) => (own === merchantId ? own : null)),
    ),
  );
  assert.equal(await reads.find(one.merchantId, randomUUID() as TransactionId), null);
});

test('cards’ payments and refunds are no wallet payments', async () => {
  const { body } = await sandbox.authorize({ amount: 100 });
  await sandbox.call('POST', `/v1/wallet/${body.walletTransactionId}/capture`, { body: { amount: 100 } });
  await sandbox.call('POST', `/v1/wallet/${body.walletTransactionId}/refund`, { body: { amount: 40 } });
  const { rows } = await sandbox.pool.query(
    `SELECT id, merchant_id AS "merchantId" FROM transaction WHERE type = 'refund' LIMIT 1`,
  );
  const reads = new WalletReads(sandbox.pool, turns);
  assert.equal(await reads.find(rows[0].merchantId, rows[0].id), null);
});

test('what one reads after the answer to an operation is what it did', async () => {
  const found = await Promise.all(
    Array.from({ length: 40 }, async () => {
      const { body } = await sandbox.authorize({ amount: 100 });
      const path = `/v1/wallet/${body.walletTransactionId}/cancel`;
      await sandbox.call('POST', path, { body: { amount: 100 } });
      const got = await sandbox.call('GET', `/v1/wallet/transaction/${body.walletTransactionId}`);
      return got.body.walletTransactionStatus;
    }),
  );
  assert.deepEqual(new Set(found), new Set(['SUCCESS']));
});

test('a statement that fails fails those who wait for it, and no others', async () => {
  const [one] = await pay(2);
  assert.ok(one !== undefined);
  let fails = true;
  const failing = new Proxy(sandbox.pool, {
    get: (target, name) => {
      if (name === 'query' && fails) return async () => Promise.reject(new Error('cut off'));
      const value = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const reads = new WalletReads(failing, turns);
  const both = await Promise.allSettled([1, 2].map(() => reads.find(one.merchantId, one.id)));
  assert.deepEqual(
    both.map((each) => each.status === 'rejected' && each.reason.message),
    ['cut off', 'cut off'],
  );
  fails = false;
  assert.equal((await reads.find(one.merchantId, one.id))?.id, one.id);
});

test('a merchant that asks for too much at once is refused, and the others are answered', async () => {
  const [one, other] = await pay(2);
  assert.ok(one !== undefined && other !== undefined);
  const reads = new WalletReads(sandbox.pool, turns);
  const flood = Array.from({ length: 1_200 }, () => reads.find(one.merchantId, one.id));
  const beside = reads.find(other.merchantId, other.id);
  const settled = await Promise.allSettled(flood);
  const refused = settled.filter((each) => each.status === 'rejected');
  assert.equal(refused.length, 200);
  assert.ok(refused.every(({ reason }) => reason.reason === 'rate_limited'));
  assert.equal((await beside)?.id, other.id);
});
