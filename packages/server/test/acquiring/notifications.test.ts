/** What a bank sends by itself has it asked, and decides nothing; what others send does nothing at all. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, beforeEach, describe, test } from 'node:test';
import { DEFAULT_ACQUIRER_ID } from '../../src/core/acquirers.ts';
import { startTestBank, type TestBank } from '../support/bank.ts';
import { CHALLENGED, eventually, operate, pay, settled, stored, VISA } from '../support/cards.ts';
import { operatorOf } from '../support/operator.ts';
import { type Reply, type Sandbox, startSandbox } from '../support/sandbox.ts';

let bank: TestBank;
let sandbox: Sandbox;
let acquirerId: string;
let secret: string;
before(async () => {
  bank = await startTestBank();
  sandbox = await startSandbox({ ...bank.environment, ACQUIRER_PATIENCE_MS: '120000' });
  secret = bank.environment.ACQUIRER_SECRET ?? '';
  const operator = operatorOf(sandbox);
  acquirerId = (await operator('POST', '/acquirers', { name: 'one', url: bank.url, secret })).body.id;
  const routes = [{ acquirerId }];
  assert.equal((await operator('PUT', '/acquirer-routes', { routes })).status, 200);
});
beforeEach(() => bank.healthy());
after(async () => {
  await sandbox?.stop();
  await bank?.end();
});

interface Sent {
  readonly to?: string;
  readonly key?: string;
  readonly body?: string;
}

/** As the bank sends it, unless something is said otherwise. */
function send(paymentId: string, { to = acquirerId, key = secret, body }: Sent = {}): Promise<Reply> {
  const rawBody = body ?? JSON.stringify({ authorizationId: paymentId, operationId: null });
  const signature = createHmac('sha256', key).update(rawBody).digest('hex');
  return sandbox.call('POST', `/v1/acquirers/${to}/notifications`, {
    ...{ apiKey: null, rawBody, headers: { 'bank-signature': signature } },
  });
}

async function answerChallenge(id: string, decision: 'approve' | 'decline'): Promise<void> {
  const { redirect_url } = await stored(sandbox.pool, id);
  const answered = await fetch(redirect_url ?? '', {
    ...{ method: 'POST', body: new URLSearchParams({ decision }), redirect: 'manual' },
  });
  assert.equal(answered.status, 303);
}

/** Everything that tells of a payment, to compare. */
async function everythingOf(id: string): Promise<unknown> {
  const { rows } = await sandbox.pool.query(
    `SELECT (SELECT to_jsonb(t) FROM transaction t WHERE t.id = $1) AS payment,
       (SELECT jsonb_agg(to_jsonb(o) - 'next_attempt_at' ORDER BY o.id) FROM bank_operation o WHERE o.payment_id = $1) AS asked,
       (SELECT count(*)::int FROM event WHERE transaction_id = $1) AS events`,
    [id],
  );
  return rows[0];
}

for (const [decision, status] of [
  ['approve', 'authorized'],
  ['decline', 'rejected'],
] as const)
  test(`a payer who answers 3-D Secure (${decision}) and never comes back: the payment is decided at once`, async () => {
    const { body } = await pay(sandbox.call, CHALLENGED, { returnUrl: 'http://shop.test/' });
    assert.equal(body.status, '3d');
    await answerChallenge(body.id, decision);
    const row = await eventually('it is decided', async () => {
      const found = await stored(sandbox.pool, body.id);
      return found.status !== '3d' && found;
    });
    assert.equal(row.status, status);
  });

test('a capture whose answer got lost is asked about when the bank says so, long before its next attempt', async () => {
  const { id } = (await pay(sandbox.call, VISA)).body;
  await bank.fault({ mode: 'timeout_worked', operations: ['capture', 'inquire'] });
  const captured = operate(sandbox.call, id, 'capture');
  const operation = await eventually('it was tried twice', async () => {
    const { rows } = await sandbox.pool.query(
      `SELECT id FROM bank_operation WHERE payment_id = $1 AND kind = 'capture' AND attempts >= 2`,
      [id],
    );
    return rows[0];
  });
  // Its next attempt is put off as if it had failed for long.
  await eventually('it waits', async () => {
    const { rowCount } = await sandbox.pool.query(
      `UPDATE bank_operation SET next_attempt_at = clock_timestamp() + interval '100 seconds'
       WHERE id = $1 AND next_attempt_at < clock_timestamp() + interval '10 seconds'`,
      [operation.id],
    );
    return rowCount === 1;
  });
  await bank.healthy();
  const about = JSON.stringify({ authorizationId: id, operationId: operation.id });
  assert.equal((await send(id, { body: about })).status, 204);
  assert.equal((await settled(sandbox.pool, id, 30_000)).status, 'charged');
  await captured;
});

describe('it decides nothing itself', () => {
  test('a payer who has not answered stays in 3-D Secure, however often the bank is said to have news', async () => {
    const { id } = (await pay(sandbox.call, CHALLENGED, { returnUrl: 'http://shop.test/' })).body;
    const replies = await Promise.all(Array.from({ length: 10 }, () => send(id)));
    assert.deepEqual([...new Set(replies.map(({ status, text }) => `${status} ${text}`))], ['204 ']);
    await eventually('nothing is asked', async () => (await stored(sandbox.pool, id)).operation_id === null);
    assert.equal((await stored(sandbox.pool, id)).status, '3d');
  });

  test('a body that claims an outcome is worth as much as one that does not', async () => {
    const { id } = (await pay(sandbox.call, CHALLENGED, { returnUrl: 'http://shop.test/' })).body;
    const body = JSON.stringify({ authorizationId: id, operationId: null, status: 'approved', amount: 1 });
    assert.equal((await send(id, { body })).status, 204);
    await eventually('nothing is asked', async () => (await stored(sandbox.pool, id)).operation_id === null);
    assert.equal((await stored(sandbox.pool, id)).status, '3d');
  });

  test('a payment that is settled is left as it is', async () => {
    const { id } = (await pay(sandbox.call, VISA)).body;
    const before = await everythingOf(id);
    for (let i = 0; i < 3; i += 1) assert.equal((await send(id)).status, 204);
    assert.deepEqual(await everythingOf(id), before);
  });

  test('a payment that there is not, or is another acquirer’s, is answered like one that there is', async () => {
    const operator = operatorOf(sandbox);
    await operator('PUT', '/acquirer-routes', { routes: [] });
    const other = (await pay(sandbox.call, CHALLENGED, { returnUrl: 'http://shop.test/' })).body.id;
    await operator('PUT', '/acquirer-routes', { routes: [{ acquirerId }] });
    const before = await everythingOf(other);
    const bodies = [crypto.randomUUID(), other].map((id) => ({ authorizationId: id, operationId: null }));
    const about = { authorizationId: crypto.randomUUID(), operationId: 'x.1' };
    for (const body of [...bodies, about]) {
      const reply = await send('', { body: JSON.stringify(body) });
      assert.deepEqual([reply.status, reply.text], [204, '']);
    }
    assert.deepEqual(await everythingOf(other), before);
  });
});

describe('what is not certainly the acquirer’s', () => {
  const refused: readonly (readonly [string, Sent | (() => Sent)])[] = [
    ['signed with another secret', { key: 'another secret' }],
    ['sent to an acquirer that there is not', { to: crypto.randomUUID() }],
    ['sent to what is no id', { to: 'x' }],
    ['sent to an acquirer that sends none', { to: DEFAULT_ACQUIRER_ID }],
    ['that is no JSON', { body: '{"authorizationId":' }],
    ['that names nothing', { body: '{}' }],
    ['that is empty', { body: '' }],
  ];
  before(async () => {
    // The default one has the same bank and secret, but is not set up to send anything.
    const path = `/acquirers/${DEFAULT_ACQUIRER_ID}`;
    const capabilities = [
      'partial_capture',
      'several_captures',
      'partial_reversal',
      'tokens',
      'merchant_initiated',
    ];
    assert.equal((await operatorOf(sandbox)('PATCH', path, { capabilities })).status, 200);
  });
  for (const [name, sent] of refused)
    test(`${name}: all are answered alike, and nothing happens`, async () => {
      const { id } = (await pay(sandbox.call, CHALLENGED, { returnUrl: 'http://shop.test/' })).body;
      const before = await everythingOf(id);
      const reply = await send(id, typeof sent === 'function' ? sent() : sent);
      assert.deepEqual([reply.status, reply.body.reason], [401, 'notification_not_verified']);
      assert.equal(reply.body.message, 'the notification is not known to be this acquirer’s');
      assert.deepEqual(await everythingOf(id), before);
    });

  test('is bounded: a body in size, and those who go on sending by their network', async () => {
    const large = await send('', { body: `"${'x'.repeat(17 * 1024)}"` });
    assert.equal(large.status, 413);
    const replies = await Promise.all(Array.from({ length: 250 }, () => send('', { key: 'another secret' })));
    const statuses = new Set(replies.map(({ status }) => status));
    assert.deepEqual([...statuses].sort(), [401, 429]);
    // The bank itself is heard all the same.
    assert.equal((await send(crypto.randomUUID())).status, 204);
  });
});
