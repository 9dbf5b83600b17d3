/** A link is paid once at most: by whoever comes at once, on two nodes, through 3-D Secure, confirmation, expiry and cancel. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { readConfig } from '../../src/app/config.ts';
import { createLogger } from '../../src/app/logging.ts';
import { type Server, startServer } from '../../src/app/server.ts';
import type { PaidByLink } from '../../src/links/payLink.ts';
import { startTestBank, type TestBank } from '../support/bank.ts';
import { CHALLENGED, eventually } from '../support/cards.ts';
import { createPayerTools, type PayerTools } from '../support/links.ts';
import { allSettled, reconcile } from '../support/reconcile.ts';
import { type Sandbox, startSandbox } from '../support/sandbox.ts';

const DECLINED = '4000000000000002';
const CONFIRMS = { phoneNumber: '+77010000004', iin: '' };
const DELAYED = { phoneNumber: '+77010000005', iin: '010715500051' };

let bank: TestBank;
let sandbox: Sandbox;
let second: Server;
/** Payers at either node. */
let payers: readonly [PayerTools, PayerTools];
before(async () => {
  bank = await startTestBank();
  sandbox = await startSandbox(bank.environment);
  const config = readConfig({ DATABASE_URL: sandbox.databaseUrl, PORT: '0', ...bank.environment });
  second = await startServer(config, createLogger('fatal'));
  payers = [createPayerTools(sandbox.deps), createPayerTools(second.deps)];
  const { rows } = await sandbox.pool.query(
    `SELECT c.phone FROM wallet_holder c JOIN account a ON a.owner_id = c.id WHERE a.approval = 'customer'`,
  );
  assert.equal(rows[0]?.phone, CONFIRMS.phoneNumber);
});
afterEach(async () => {
  await allSettled(sandbox.pool);
  await sandbox.assertInvariants();
  await reconcile(sandbox.pool, bank);
});
after(async () => {
  await second?.stop();
  await sandbox?.stop();
  await bank?.end();
});

async function create(body: Record<string, unknown> = {}): Promise<string> {
  const terms = { amount: 15_000, currency: 'KZT', orderReference: 'RACE' };
  const reply = await sandbox.call('POST', '/v1/payment-links', { body: { ...terms, ...body } });
  assert.equal(reply.status, 201, reply.text);
  return reply.body.id;
}

const linkOf = async (id: string) => (await sandbox.call('GET', `/v1/payment-links/${id}`)).body;
const cancel = (id: string) => sandbox.call('DELETE', `/v1/payment-links/${id}`);

async function paymentsOf(id: string): Promise<{ id: string; status: string; redirectUrl: string | null }[]> {
  const { body } = await sandbox.call('GET', `/v1/transactions/by-payment-link/${id}?limit=100`);
  return body.items ?? [];
}

async function statusOf(transactionId: string): Promise<string> {
  return (await sandbox.call('GET', `/v1/transactions/${transactionId}`)).body.status;
}

function idOf(paid: PaidByLink): string {
  assert.equal(paid.kind, 'payment', JSON.stringify(paid));
  return paid.kind === 'payment' ? paid.transactionId : '';
}

async function advance(advanceSeconds: number): Promise<void> {
  const { status, text } = await sandbox.call('POST', '/v1/sandbox/clock', { body: { advanceSeconds } });
  assert.equal(status, 200, text);
}

async function clock(): Promise<number> {
  return Date.parse((await sandbox.call('GET', '/v1/sandbox/clock')).body.now);
}

/** Begins 3-D Secure. @returns the payment, and where the payer decides */
async function challenge(id: string): Promise<{ id: string; redirectUrl: string }> {
  const payment = idOf(await payers[0].byCard(id, { number: CHALLENGED }));
  const { body } = await sandbox.call('GET', `/v1/transactions/${payment}`);
  assert.equal(body.status, '3d');
  return { id: payment, redirectUrl: body.redirectUrl };
}

/** The payer decides on the bank's page. @returns where the bank sends the payer */
async function decide(redirectUrl: string, decision: 'approve' | 'decline'): Promise<string> {
  const body = new URLSearchParams({ decision });
  const response = await fetch(redirectUrl, { method: 'POST', body, redirect: 'manual' });
  return response.headers.get('location') ?? '';
}

async function confirm(transactionId: string, approve: boolean, node = 0): Promise<void> {
  const engine = node === 0 ? sandbox.deps.engine : second.deps.engine;
  const sender = { actor: 'customer', merchantId: null, paymentMethod: 'wallet' } as const;
  const command = { kind: 'confirm', transactionId: transactionId as never, approve } as const;
  assert.equal((await engine.run(command, sender)).kind, 'transaction');
}

async function iinOfConfirming(): Promise<string> {
  const { SEED_CUSTOMERS } = await import('../../src/sandbox/fixtures.ts');
  return SEED_CUSTOMERS.find(({ phone }) => phone === CONFIRMS.phoneNumber)?.iin ?? '';
}

/** One payment, and everybody else was told that there is one. */
function assertOne(all: readonly PaidByLink[]): void {
  const paid = all.filter(({ kind }) => kind === 'payment');
  assert.equal(paid.length, 1, JSON.stringify(paid));
  for (const told of all)
    if (told.kind !== 'payment')
      assert.ok(
        told.kind === 'refused' && /^payment_link_(paid|in_use)$/.test(told.reason),
        JSON.stringify(told),
      );
}

describe('at once, on two nodes', () => {
  test('200 payers: one payment, and 199 clear answers', async () => {
    const id = await create();
    const before = (await bank.books()).length;
    const all = await Promise.all(
      Array.from({ length: 200 }, (_, i) => {
        const payer = payers[i % 2 === 0 ? 0 : 1];
        return i % 4 < 2 ? payer.byWallet(id) : payer.byCard(id);
      }),
    );
    assertOne(all);
    const payments = await paymentsOf(id);
    assert.equal(payments.length, 1);
    const link = await linkOf(id);
    assert.deepEqual([link.status, link.transactionId], ['paid', payments[0]?.id]);
    assert.ok((await bank.books()).length <= before + 1);
  });

  test('100 payers whose cards are all declined: each hears so, and the link stays to be paid', async () => {
    const id = await create();
    const all = await Promise.all(
      Array.from({ length: 100 }, (_, i) => payers[i % 2 === 0 ? 0 : 1].byCard(id, { number: DECLINED })),
    );
    assert.ok(all.some(({ kind }) => kind === 'payment'));
    for (const { status } of await paymentsOf(id)) assert.equal(status, 'rejected');
    assert.equal((await linkOf(id)).status, 'active');
    assert.equal(await statusOf(idOf(await payers[1].byCard(id))), 'authorized');
    assert.equal((await linkOf(id)).status, 'paid');
  });

  test('a double click, on either node: one payment, and one answer', async () => {
    for (const method of ['byCard', 'byWallet'] as const) {
      const id = await create();
      const attemptId = crypto.randomUUID();
      const all = await Promise.all(
        Array.from({ length: 20 }, (_, i) => payers[i % 2 === 0 ? 0 : 1][method](id, { attemptId })),
      );
      assert.equal(new Set(all.map((paid) => JSON.stringify(paid))).size, 1);
      assert.equal((await paymentsOf(id)).length, 1);
      // And the same long after.
      assert.deepEqual(await payers[1][method](id, { attemptId }), all[0]);
    }
  });

  test('a reusable link is paid by everybody', async () => {
    const id = await create({ reusable: true, amount: 10 });
    const all = await Promise.all(
      Array.from({ length: 40 }, (_, i) => payers[i % 2 === 0 ? 0 : 1].byWallet(id)),
    );
    assert.equal(new Set(all.map(idOf)).size, 40);
    const { status, transactionId } = await linkOf(id);
    assert.deepEqual([status, transactionId], ['active', null]);
    assert.equal((await cancel(id)).body.status, 'cancelled');
  });

  test('a cancel and payers: the link is one of both', async () => {
    for (let i = 0; i < 10; i += 1) {
      const id = await create();
      const [cancelled, ...all] = await Promise.all([
        cancel(id),
        ...payers.map((payer) => payer.byWallet(id)),
        ...payers.map((payer) => payer.byCard(id)),
      ]);
      const paid = all.filter(({ kind }) => kind === 'payment');
      const { status } = await linkOf(id);
      assert.equal(paid.length, status === 'paid' ? 1 : 0);
      if (status === 'paid') assert.ok([409, 422].includes(cancelled.status), cancelled.text);
      else assert.deepEqual([status, cancelled.status], ['cancelled', 200]);
    }
  });
});

describe('3-D Secure', () => {
  test('in two tabs: the second cannot begin, and both come back to one payment', async () => {
    const id = await create();
    const first = await challenge(id);
    assert.deepEqual(await payers[1].byCard(id, { number: CHALLENGED }), {
      kind: 'refused',
      reason: 'payment_link_in_use',
    });
    const refused = await cancel(id);
    assert.deepEqual([refused.status, refused.body.reason], [409, 'payment_link_in_use']);
    const back = await decide(first.redirectUrl, 'approve');
    const replies = await Promise.all(Array.from({ length: 4 }, () => fetch(back, { redirect: 'manual' })));
    for (const { status } of replies) assert.equal(status, 303);
    await eventually('it is authorized', async () => (await statusOf(first.id)) === 'authorized');
    const link = await linkOf(id);
    assert.deepEqual([link.status, link.transactionId], ['paid', first.id]);
    assert.deepEqual(await payers[0].byCard(id), { kind: 'refused', reason: 'payment_link_paid' });
  });

  test('that the payer declines gives the link back', async () => {
    const id = await create();
    const { redirectUrl, id: payment } = await challenge(id);
    await fetch(await decide(redirectUrl, 'decline'), { redirect: 'manual' });
    await eventually('it is rejected', async () => (await statusOf(payment)) === 'rejected');
    assert.equal((await linkOf(id)).status, 'active');
    const paid = idOf(await payers[1].byCard(id));
    assert.equal((await linkOf(id)).transactionId, paid);
  });

  test('that began in time may end after the link’s time', async () => {
    const id = await create({ expiresAt: new Date((await clock()) + 60_000).toISOString() });
    const { redirectUrl, id: payment } = await challenge(id);
    await advance(120);
    assert.equal((await linkOf(id)).status, 'active');
    assert.equal((await payers[0].byWallet(id)).kind, 'refused');
    await fetch(await decide(redirectUrl, 'approve'), { redirect: 'manual' });
    await eventually('it is authorized', async () => (await statusOf(payment)) === 'authorized');
    assert.equal((await linkOf(id)).status, 'paid');
  });

  test('that nobody finishes ends, and then the link, whose time was over', async () => {
    const id = await create({ expiresAt: new Date((await clock()) + 60_000).toISOString() });
    const { id: payment } = await challenge(id);
    await advance(3_600);
    await eventually('it is rejected', async () => (await statusOf(payment)) === 'rejected');
    await eventually('it has expired', async () => (await linkOf(id)).status === 'expired');
    const { body } = await sandbox.call('GET', `/v1/payment-links/${id}/history`);
    assert.deepEqual(
      body.items.map(({ name }: { name: string }) => name),
      ['payment_link.created', 'payment_link.expired'],
    );
  });
});

describe('a wallet that asks its owner', () => {
  test('takes the link until the owner has decided', async () => {
    const iin = await iinOfConfirming();
    const id = await create();
    const first = idOf(await payers[0].byWallet(id, { ...CONFIRMS, iin }));
    assert.equal(await statusOf(first), 'created');
    assert.deepEqual(await payers[1].byCard(id), { kind: 'refused', reason: 'payment_link_in_use' });
    await confirm(first, false, 1);
    assert.equal((await linkOf(id)).status, 'active');
    const other = idOf(await payers[1].byWallet(id, { ...CONFIRMS, iin }));
    await confirm(other, true);
    const link = await linkOf(id);
    assert.deepEqual([link.status, link.transactionId], ['paid', other]);
  });

  test('decides late, by the sweep, and pays it; while somebody has the link, the next time', async () => {
    const id = await create();
    const payment = idOf(await payers[0].byWallet(id, DELAYED));
    const holder = await sandbox.pool.connect();
    try {
      await holder.query('BEGIN');
      await holder.query('SELECT FROM payment_link WHERE order_reference = $1 FOR UPDATE', ['RACE']);
      await sandbox.pool.query('UPDATE installation SET clock_offset_ms = clock_offset_ms + 5000');
      for (const { engine } of [sandbox.deps, second.deps]) await engine.doDue(100);
      assert.equal(await statusOf(payment), 'created');
    } finally {
      await holder.query('ROLLBACK');
      holder.release();
    }
    await eventually('it is authorized', async () => (await statusOf(payment)) === 'authorized');
    assert.equal((await linkOf(id)).status, 'paid');
  });
});

describe('money', () => {
  test('is captured by itself: an hour later, or where the merchant captures, after five days', async () => {
    const [soon, late] = [await create(), await create({ autoClearing: false })];
    const payments = [idOf(await payers[0].byCard(soon)), idOf(await payers[0].byCard(late))];
    await advance(3_590);
    assert.deepEqual(await Promise.all(payments.map(statusOf)), ['authorized', 'authorized']);
    await advance(20);
    assert.deepEqual(await Promise.all(payments.map(statusOf)), ['charged', 'authorized']);
    await advance(5 * 86_400 - 3_660);
    assert.equal(await statusOf(payments[1] ?? ''), 'authorized');
    await advance(100);
    assert.equal(await statusOf(payments[1] ?? ''), 'charged');
  });

  test('is captured after the time that the payment began with, and never lapses before', async () => {
    const settings = (body: object) =>
      sandbox.call('PATCH', `/v1/admin/merchants/${merchantId}`, { apiKey: 'op_test_demo', body });
    const [{ merchant_id: merchantId } = { merchant_id: '' }] = (
      await sandbox.pool.query('SELECT merchant_id FROM payment_link LIMIT 1')
    ).rows;
    const id = await create({ autoClearing: false });
    // A hold of 2 hours would lapse long before the 5 days.
    assert.equal((await settings({ authorizationTtl: 7_200 })).status, 200);
    const payment = idOf(await payers[0].byWallet(id));
    assert.equal((await settings({ linkHold: 60, authorizationTtl: 604_800 })).status, 200);
    const next = idOf(await payers[0].byWallet(await create({ autoClearing: false })));
    await advance(120);
    assert.deepEqual([await statusOf(payment), await statusOf(next)], ['authorized', 'charged']);
    assert.equal((await settings({ linkHold: 432_000 })).status, 200);
    await advance(5 * 86_400);
    assert.equal(await statusOf(payment), 'charged');
  });

  test('that is refunded is the link’s as well', async () => {
    const id = await create();
    const payment = idOf(await payers[0].byWallet(id));
    await sandbox.call('POST', `/v1/transactions/${payment}/capture`, { body: {} });
    const refund = await sandbox.call('POST', `/v1/transactions/${payment}/refund`, { body: {} });
    assert.deepEqual([refund.status, refund.body.paymentLinkId], [200, { Value: id }]);
    assert.equal((await linkOf(id)).status, 'paid');
  });
});
