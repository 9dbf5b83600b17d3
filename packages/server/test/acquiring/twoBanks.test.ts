/** Two banks, each of which may die: what was asked of one stays there, and what was asked of nobody goes to the other. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { DEFAULT_ACQUIRER_ID } from '../../src/core/acquirers.ts';
import { startTestBank, type TestBank } from '../support/bank.ts';
import { CHALLENGED, eventually, operate, pay, settled, stored, VISA } from '../support/cards.ts';
import { operatorOf } from '../support/operator.ts';
import { allSettled, reconcile } from '../support/reconcile.ts';
import { type Sandbox, startSandbox } from '../support/sandbox.ts';

const MASTERCARD = '5555555555554444';
const AMEX = '378282246310005';

let first: TestBank;
let second: TestBank;
let secondId: string;
let sandbox: Sandbox;
before(async () => {
  [first, second] = await Promise.all([startTestBank(), startTestBank()]);
  sandbox = await startSandbox({ ...first.environment, ACQUIRER_PATIENCE_MS: '60000' });
  const operator = operatorOf(sandbox);
  const secret = second.environment.ACQUIRER_SECRET;
  const created = await operator('POST', '/acquirers', { name: 'second', url: second.url, secret });
  assert.equal(created.status, 201, created.text);
  secondId = created.body.id;
  // Mastercard to the second one; whatever else to the first, and then to the other of both.
  const routes = [
    { cardBrand: 'mastercard', acquirerId: secondId },
    { acquirerId: DEFAULT_ACQUIRER_ID },
    { acquirerId: secondId },
  ];
  assert.equal((await operator('PUT', '/acquirer-routes', { routes })).status, 200);
});
beforeEach(async () => {
  await Promise.all([first.restart(), second.restart()]);
  // What was noticed of a bank that was away is over after this.
  await eventually('both are asked again', async () => {
    const [a, b] = await Promise.all([pay(sandbox.call, VISA), pay(sandbox.call, MASTERCARD)]);
    const at = await Promise.all([acquirerOf(a.body.id), acquirerOf(b.body.id)]);
    return at[0] === DEFAULT_ACQUIRER_ID && at[1] === secondId;
  });
});
after(async () => {
  await sandbox?.stop();
  await Promise.all([first?.end(), second?.end()]);
});

async function acquirerOf(id: string): Promise<string> {
  const { rows } = await sandbox.pool.query('SELECT acquirer_id AS id FROM transaction WHERE id = $1', [id]);
  return rows[0].id;
}

/** Each payment is in the books of its own bank, and in those of no other. */
async function reconcileBoth(): Promise<void> {
  await allSettled(sandbox.pool, 60_000);
  await reconcile(sandbox.pool, first, DEFAULT_ACQUIRER_ID);
  await reconcile(sandbox.pool, second, secondId);
  await sandbox.assertInvariants();
}

for (const dead of ['first', 'second'] as const)
  test(`the ${dead} bank dies: payments of the other go on, its own are decided once it is back`, async () => {
    const [mine, others] = dead === 'first' ? [VISA, MASTERCARD] : [MASTERCARD, VISA];
    const bank = dead === 'first' ? first : second;
    const [own, other, toRefund] = await Promise.all(
      [mine, others, mine].map(async (number): Promise<string> => (await pay(sandbox.call, number)).body.id),
    );
    assert.ok(own !== undefined && other !== undefined && toRefund !== undefined);
    assert.equal((await operate(sandbox.call, toRefund, 'capture')).status, 200);
    const challenge = await pay(sandbox.call, others === VISA ? CHALLENGED : others, {
      returnUrl: 'http://shop.test/',
    });
    await bank.kill();

    const captured = operate(sandbox.call, own, 'capture');
    const refunded = operate(sandbox.call, toRefund, 'refund', 4_000);
    assert.equal((await operate(sandbox.call, other, 'capture')).status, 200);
    assert.equal((await operate(sandbox.call, other, 'refund', 1_000)).status, 200);
    assert.equal((await pay(sandbox.call, others)).body.status, 'authorized');
    assert.equal((await operate(sandbox.call, challenge.body.id, 'cancel')).status, 200);
    assert.equal((await stored(sandbox.pool, own)).status, 'authorized', 'it waits for its bank');

    await bank.restart();
    assert.ok([200, 202].includes((await captured).status));
    assert.ok([200, 202].includes((await refunded).status));
    await allSettled(sandbox.pool, 60_000);
    assert.equal((await stored(sandbox.pool, own)).status, 'charged');
    assert.equal((await stored(sandbox.pool, toRefund)).refunded, 4_000n);
    await reconcileBoth();
  });

test('new payments go to the bank that lives, from the first one on, if nothing was asked of the other', async () => {
  await first.kill();
  for (let i = 0; i < 5; i += 1) {
    const paid = await pay(sandbox.call, i % 2 === 0 ? VISA : AMEX);
    assert.deepEqual([paid.status, paid.body.status], [201, 'authorized'], paid.text);
    assert.equal(await acquirerOf(paid.body.id), secondId);
  }
  await first.restart();
  await reconcileBoth();
});

test('a payment that moved stays: it is captured and refunded where it was authorized', async () => {
  await first.kill();
  const { id } = (await pay(sandbox.call, VISA)).body;
  await first.restart();
  assert.equal((await operate(sandbox.call, id, 'capture', 6_000)).status, 200);
  assert.equal((await operate(sandbox.call, id, 'refund', 1_000)).status, 200);
  assert.equal(await acquirerOf(id), secondId);
  assert.equal((await second.find(id))?.refunded, 1_000);
  assert.equal(await first.find(id), undefined);
  await reconcileBoth();
});

for (const mode of [
  'timeout_worked',
  'timeout_not_worked',
  'cut_before',
  'cut_after',
  'garbage',
  'down',
] as const)
  test(`a payment never moves once it was asked: ${mode}`, async () => {
    await first.fault({ mode, operations: ['authorize'] });
    const before = (await sandbox.pool.query(`SELECT id FROM bank_operation WHERE kind = 'authorize'`)).rows;
    const paid = pay(sandbox.call, VISA);
    await eventually('it was asked', async () => {
      const { rows } = await sandbox.pool.query(
        `SELECT FROM bank_operation WHERE kind = 'authorize' AND (status <> 'pending' OR attempts > 0)
         AND id <> ALL ($1::uuid[])`,
        [before.map(({ id }) => id)],
      );
      return rows.length > 0;
    });
    await first.kill();
    await first.restart();
    await first.healthy();
    const { body } = await paid;
    const row = await settled(sandbox.pool, body.id);
    assert.equal(row.status, 'authorized');
    assert.equal(await acquirerOf(body.id), DEFAULT_ACQUIRER_ID);
    assert.equal(await second.find(body.id), undefined);
    await reconcileBoth();
  });

test('where both are dead a payment waits, and is decided by whoever it named in the end', async () => {
  await Promise.all([first.kill(), second.kill()]);
  const paid = pay(sandbox.call, VISA);
  const waiting = await eventually('it waits', async () => {
    const { rows } = await sandbox.pool.query(
      `SELECT transaction_id AS id FROM bank_operation WHERE status = 'pending' AND kind = 'authorize'`,
    );
    return rows[0]?.id;
  });
  await Promise.all([first.restart(), second.restart()]);
  await paid;
  assert.equal((await settled(sandbox.pool, waiting)).status, 'authorized');
  await reconcileBoth();
});
