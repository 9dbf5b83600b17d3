/** Issues of a real sandbox: each is found, its evidence shows exactly its transactions, and it can be muted. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { OTHER_KEY, type Sandbox, startSandbox } from '../support/sandbox.ts';
import { createEndpoint, startReceiver } from '../support/webhooks.ts';

let sandbox: Sandbox;
before(async () => {
  sandbox = await startSandbox();
  const poor = { phoneNumber: '+77010000002', iin: '850520400027' };
  await Promise.all(Array.from({ length: 12 }, () => sandbox.authorize(poor)));
  await Promise.all(Array.from({ length: 3 }, () => sandbox.authorize()));
  await sandbox.authorize({ phoneNumber: '+77010000003', iin: '771211300039' });
});
after(() => sandbox.stop());

// biome-ignore lint/suspicious/noExplicitAny: an answer
async function issues(): Promise<any[]> {
  const { status, body, text } = await sandbox.call('GET', '/v1/issues');
  assert.equal(status, 200, text);
  return body.items;
}

async function evidenceOf({
  evidence,
}: {
  evidence: string;
}): Promise<{ id: string; status: string; failureCode: string; createdAt: string; expiresAt: string }[]> {
  const { status, body, text } = await sandbox.call('GET', `/v1/transactions?limit=100&${evidence}`);
  assert.equal(status, 200, text);
  return body.items;
}

test('a reason of declines that came often; its evidence is those payments', async () => {
  const found = await issues();
  assert.deepEqual(
    found.map(({ id }) => id),
    ['decline_spike.insufficient_funds'],
  );
  const [spike] = found;
  assert.deepEqual([spike.severity, spike.count, spike.mutedUntil], ['critical', 12, null]);
  const evidence = await evidenceOf(spike);
  assert.equal(evidence.length, 12);
  assert.equal(spike.since, evidence.map(({ createdAt }) => createdAt).sort()[0]);
  assert.ok(evidence.every(({ failureCode }) => failureCode === 'insufficient_funds'));
  assert.deepEqual((await sandbox.call('GET', '/v1/issues', { apiKey: OTHER_KEY })).body.items, []);
});

test('muted for a while by anybody of the merchant, and shown again', async () => {
  const mute = (id: string, untilSeconds: unknown, options = {}) =>
    sandbox.call('POST', `/v1/issues/${id}/mute`, { body: { untilSeconds }, ...options });
  const id = 'decline_spike.insufficient_funds';
  const muted = await mute(id, 3_600, { idempotencyKey: 'mute' });
  assert.equal(muted.status, 200, muted.text);
  const left = Date.parse(muted.body.mutedUntil) - Date.now();
  assert.ok(left > 3_500_000 && left <= 3_601_000);
  assert.equal((await mute(id, 3_600, { idempotencyKey: 'mute' })).text, muted.text);
  assert.equal((await issues())[0].mutedUntil, muted.body.mutedUntil);
  assert.equal((await mute(id, 0)).body.mutedUntil, null);
  assert.equal((await issues())[0].mutedUntil, null);
  assert.equal((await mute('nothing', 5)).body.reason, 'issue_not_found');
  for (const bad of [-1, 1.5, '5', 30 * 86_400 + 1]) assert.equal((await mute(id, bad)).status, 400);
});

test('holds that nobody captures, once they are about to expire', async () => {
  const moved = await sandbox.call('POST', '/v1/sandbox/clock', {
    body: { advanceSeconds: 6 * 86_400 + 60 },
  });
  assert.equal(moved.status, 200, moved.text);
  await sandbox.pool.query('SELECT pg_sleep(5.5)');
  const found = await issues();
  assert.deepEqual(
    found.map(({ id, count }) => [id, count]),
    [['holds_expiring', 3]],
  );
  const evidence = await evidenceOf(found[0]);
  // Since a day before the first of them expires, however often one asks.
  const first = Math.min(...evidence.map(({ expiresAt }) => Date.parse(expiresAt)));
  assert.equal(Date.parse(found[0].since), first - 86_400_000);
  assert.deepEqual(
    evidence.map(({ status }) => status),
    ['authorized', 'authorized', 'authorized'],
  );
  // One that is captured by itself is nothing to look after, and no evidence.
  const [{ id } = { id: '' }] = evidence;
  await sandbox.pool.query('UPDATE transaction SET capture_at = expires_at WHERE id = $1', [id]);
  const rest = (await evidenceOf(found[0])).map((row) => row.id);
  await sandbox.pool.query('UPDATE transaction SET capture_at = NULL WHERE id = $1', [id]);
  assert.deepEqual(
    rest,
    evidence.map((row) => row.id).filter((each) => each !== id),
  );
});

test('payments without a decision, and operations of which the bank says nothing', async () => {
  await sandbox.pool.query(
    `INSERT INTO bank_operation (id, transaction_id, payment_id, merchant_id, kind, amount, currency, actor, status,
       requested_at, next_attempt_at)
     SELECT gen_random_uuid(), id, id, merchant_id, 'capture', 1, currency, 'api', 'pending', now() - interval '10 minutes',
       now() + interval '30 seconds' FROM transaction WHERE status = 'authorized' LIMIT 1`,
  );
  const { rows } = await sandbox.pool.query(
    `UPDATE transaction SET status = 'created', created_at = created_at - interval '1 hour' WHERE status = 'authorized' RETURNING id`,
  );
  await sandbox.pool.query('SELECT pg_sleep(5.5)');
  const found = await issues();
  assert.deepEqual(
    found.map(({ id, count }) => [id, count]),
    [
      ['bank_operations_unknown', 1],
      ['transactions_outstanding', 3],
    ],
  );
  assert.equal((await evidenceOf(found[0])).length, 1);
  assert.equal((await evidenceOf(found[1])).length, 3);
  await sandbox.pool.query('DELETE FROM bank_operation');
  await sandbox.pool.query(
    `UPDATE transaction SET status = 'authorized', created_at = created_at + interval '1 hour' WHERE id = ANY($1)`,
    [rows.map(({ id }) => id)],
  );
});

test('an endpoint that only fails, until it succeeds; one that is gone, until it is enabled again', async (t) => {
  const receiver = await startReceiver();
  t.after(receiver.stop);
  let status = 500;
  receiver.answer((_received, response) => response.writeHead(status).end());
  const { id } = await createEndpoint(sandbox.call, receiver.url);
  // Disabled by the merchant, nothing is wrong with it.
  const other = await createEndpoint(sandbox.call, receiver.url);
  const failing = async () => {
    await sandbox.pool.query('SELECT pg_sleep(5.5)');
    return (await issues()).filter(({ kind }) => kind === 'webhook_endpoint_failing');
  };
  const advance = async (advanceSeconds: number) => {
    const { length } = receiver.received;
    await sandbox.call('POST', '/v1/sandbox/clock', { body: { advanceSeconds } });
    await receiver.until(({ received }) => received.length > length, 'the next attempt');
  };
  await sandbox.authorize();
  for (const limit = Date.now() + 20_000; ; await sleep(10)) {
    const { body } = await sandbox.call('GET', '/v1/webhook-endpoints');
    if (body.items.every(({ failingSince }: { failingSince: string | null }) => failingSince !== null)) break;
    assert.ok(Date.now() < limit, 'no attempt at both endpoints');
  }
  await sandbox.call('POST', `/v1/webhook-endpoints/${other.id}/disable`);
  assert.deepEqual(await failing(), []);

  await advance(20 * 60);
  const [issue, ...more] = await failing();
  assert.deepEqual(more, []);
  assert.deepEqual(
    [issue.id, issue.severity, issue.count, issue.evidence, issue.data.url],
    [`webhook_endpoint_failing.${id}`, 'warning', 2, id, receiver.url],
  );
  const muted = await sandbox.call('POST', `/v1/issues/${issue.id}/mute`, { body: { untilSeconds: 0 } });
  assert.equal(muted.status, 200, muted.text);

  status = 410;
  await advance(40 * 60);
  const [gone] = await failing();
  assert.deepEqual([gone.severity, gone.data.disabledReason], ['critical', 'gone']);
  assert.deepEqual((await sandbox.call('GET', '/v1/issues', { apiKey: OTHER_KEY })).body.items, []);

  status = 200;
  await sandbox.call('POST', `/v1/webhook-endpoints/${id}/enable`);
  assert.deepEqual(await failing(), []);
});
