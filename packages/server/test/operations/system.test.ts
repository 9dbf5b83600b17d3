import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { eventually } from '../support/cards.ts';
import { type Operate, operatorOf } from '../support/operator.ts';
import { type Reply, type Sandbox, startSandbox } from '../support/sandbox.ts';

let sandbox: Sandbox;
let operate: Operate;
before(async () => {
  sandbox = await startSandbox();
  operate = operatorOf(sandbox);
});
after(() => sandbox.stop());

async function finishedAudit(): Promise<Reply> {
  for (;;) {
    const reply = await operate('GET', '/audit');
    if (reply.body.state !== 'running') return reply;
    await setTimeout(20);
  }
}

test('the sums of the ledger: 0 in every currency', async () => {
  await sandbox.authorize({ amount: 5_000 });
  const { body } = await operate('GET', '/accounts/sums');
  assert.deepEqual(body.items[0], {
    currency: 'KZT',
    accounts: [
      { kind: 'wallet', balance: 13_001_000_500, held: 5_000 },
      { kind: 'merchant', balance: 0, held: 0 },
      { kind: 'acquirer', balance: 0, held: 0 },
      { kind: 'funding', balance: -13_001_000_500, held: 0 },
    ],
    sum: 0,
  });
});

test('an audit runs in the background, one at a time, and its result is kept', async () => {
  assert.equal((await operate('GET', '/audit')).status, 404);
  const blocker = await sandbox.pool.connect();
  await blocker.query('BEGIN; LOCK TABLE account IN ACCESS EXCLUSIVE MODE');
  const started = await operate('POST', '/audit', undefined, 'audit 1');
  assert.deepEqual([started.status, started.body.state], [201, 'running'], started.text);
  assert.equal((await operate('GET', '/audit')).body.state, 'running');
  const second = await operate('POST', '/audit');
  assert.deepEqual([second.status, second.body.reason], [409, 'audit_in_progress']);
  await blocker.query('COMMIT');
  blocker.release();
  const { body } = await finishedAudit();
  assert.deepEqual([body.id, body.state, body.invariants.length], [started.body.id, 'passed', 7]);
  assert.ok(Date.parse(body.finishedAt) >= Date.parse(body.startedAt));
  const again = await operate('POST', '/audit', undefined, 'audit 1');
  assert.equal(again.text, started.text);
  assert.equal((await operate('GET', '/audit')).body.id, body.id, 'a repeated request starts nothing');
});

test('what is broken is named', async () => {
  await sandbox.pool.query(
    'UPDATE account SET balance = balance + 1, available = available + 1 WHERE frozen',
  );
  await operate('POST', '/audit');
  const { body } = await finishedAudit();
  await sandbox.pool.query(
    'UPDATE account SET balance = balance - 1, available = available - 1 WHERE frozen',
  );
  assert.equal(body.state, 'broken');
  const broken = body.invariants.filter(({ violations }: { violations: string[] }) => violations.length > 0);
  assert.deepEqual(
    broken.map(({ invariant }: { invariant: number }) => invariant),
    [1, 2],
  );
  assert.equal(JSON.parse(broken[0].violations[0]).sum, '1');
  const { body: sums } = await operate('GET', '/accounts/sums');
  assert.equal(sums.items[0].sum, 0);
});

test('an audit whose node ended under it was interrupted', async () => {
  await sandbox.pool.query(
    `INSERT INTO audit_run (id, started_at) VALUES ('ffffffff-ffff-7fff-bfff-ffffffffffff', now())`,
  );
  assert.equal((await operate('GET', '/audit')).body.state, 'interrupted');
  await sandbox.pool.query('DELETE FROM audit_run');
});

test('health says how database, feed, queue and bank are', async () => {
  // Its session listens a moment after the start.
  const { body } = await eventually('health that listens', async () => {
    const reply = await operate('GET', '/health');
    assert.equal(reply.status, 200, reply.text);
    return reply.body.feed.listening && reply;
  });
  assert.deepEqual([body.feed.listening, body.queue.depth, body.queue.limit], [true, 0, 10_000]);
  assert.deepEqual(body.bank, { connected: true, pending: 0, oldestSeconds: null });
  assert.match(body.database.migration, /^\d{4}_\w+\.sql$/);
  assert.ok(body.database.connections > 0 && body.database.connections < body.database.maxConnections);
  assert.deepEqual([body.versions.node, body.mode], [process.versions.node, 'sandbox']);
});

test('customers are found by the end of their IIN', async () => {
  const found = await operate('GET', '/wallet-holders?iinLast4=0017');
  assert.deepEqual(
    found.body.items.map(({ phoneNumber }: { phoneNumber: string }) => phoneNumber),
    ['+77010000001'],
  );
  assert.deepEqual((await operate('GET', '/wallet-holders?iinLast4=9999')).body.items, []);
  assert.equal((await operate('GET', '/wallet-holders?iinLast4=17')).status, 400);
});

test('health knows the moved clock, and goes by it for how long the bank has not answered', async (t) => {
  const call = (method: string, path: string, body: object) =>
    sandbox.call(method, path, { idempotencyKey: crypto.randomUUID(), body });
  const card = { number: '4242424242424242', expiryMonth: 12, expiryYear: 2035, cvc: '123' };
  const paid = await call('POST', '/v1/payments', {
    ...{ amount: 100, currency: 'KZT', orderReference: 'AGED' },
    card,
  });
  assert.equal((await operate('GET', '/health')).body.clock.offsetSeconds, 0);
  await call('PUT', '/v1/sandbox/faults', { bank: 'down' });
  t.after(() => call('PUT', '/v1/sandbox/faults', { bank: 'none' }));
  assert.equal((await call('POST', `/v1/transactions/${paid.body.id}/capture`, {})).status, 202);
  await sandbox.pool.query('UPDATE installation SET clock_offset_ms = 3600000');
  t.after(() => sandbox.pool.query('UPDATE installation SET clock_offset_ms = 0'));
  const { clock, bank } = (await operate('GET', '/health')).body;
  assert.equal(clock.offsetSeconds, 3_600);
  const aheadMs = Date.parse(clock.now) - Date.now();
  assert.ok(aheadMs > 3_500_000 && aheadMs < 3_700_000, clock.now);
  assert.equal(bank.pending, 1);
  assert.ok(bank.oldestSeconds >= 3_600 && bank.oldestSeconds < 3_700, String(bank.oldestSeconds));
});
