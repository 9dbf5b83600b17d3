/** What is claimed and cannot be sent is given back at once, and nobody else's webhooks wait for it. */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Sandbox, startSandbox } from '../support/sandbox.ts';
import { createEndpoint, deleteEndpoints, type Receiver, startReceiver } from '../support/webhooks.ts';

let sandbox: Sandbox;
let receiver: Receiver;
before(async () => {
  sandbox = await startSandbox();
});
beforeEach(async () => {
  receiver = await startReceiver();
});
afterEach(async () => {
  await deleteEndpoints(sandbox.call);
  await receiver.stop();
});
after(() => sandbox.stop());

function at(path: string): string {
  return new URL(path, receiver.url).href;
}

function cameAt(path: string): number {
  return receiver.received.filter((received) => received.path === path).length;
}

/** Waits until an endpoint's lanes are nobody's, and due in about a minute: well before a lease of 30 s is over. */
async function untilLeftAlone(endpointId: string, count: number): Promise<void> {
  const leftAlone = `SELECT failures FROM webhook_lane WHERE endpoint_id = $1 AND lease IS NULL
    AND due_at BETWEEN now() + interval '35 seconds' AND now() + interval '61 seconds'`;
  for (const limit = Date.now() + 20_000; ; await sleep(20)) {
    const { rows } = await sandbox.pool.query(leftAlone, [endpointId]);
    if (rows.length === count) return assert.deepEqual(rows[0].failures, 0);
    if (Date.now() > limit) {
      const lanes = await sandbox.pool.query('SELECT *, now() FROM webhook_lane WHERE endpoint_id = $1', [
        endpointId,
      ]);
      assert.fail(`${rows.length} of ${count} lanes are left alone: ${JSON.stringify(lanes.rows)}`);
    }
  }
}

async function makeDue(endpointId: string): Promise<void> {
  await sandbox.pool.query('UPDATE webhook_lane SET due_at = now() WHERE endpoint_id = $1', [endpointId]);
}

test('an endpoint whose secret cannot be opened gets nothing, and holds up no other', async () => {
  const [broken, fine] = [
    await createEndpoint(sandbox.call, at('/broken')),
    await createEndpoint(sandbox.call, at('/fine')),
  ];
  const { rows } = await sandbox.pool.query('SELECT secret FROM webhook_endpoint WHERE id = $1', [broken.id]);
  const setSecret = (secret: string) =>
    sandbox.pool.query('UPDATE webhook_endpoint SET secret = $2, version = version + 1 WHERE id = $1', [
      broken.id,
      secret,
    ]);
  await setSecret('nothing that was sealed');
  // Of what is new …
  for (let i = 0; i < 3; i += 1) assert.equal((await sandbox.authorize()).status, 201);
  await receiver.until(() => cameAt('/fine') === 6, 'the other endpoint’s webhooks', 15_000);
  await untilLeftAlone(broken.id, 3);
  // … and of what is claimed, together with the other's.
  await sandbox.pool.query('UPDATE webhook_lane SET due_at = now() WHERE endpoint_id = $1', [broken.id]);
  const test = await sandbox.call('POST', `/v1/webhook-endpoints/${fine.id}/test`, {});
  assert.equal(test.status, 201);
  await receiver.until(() => cameAt('/fine') === 7, 'the test', 15_000);
  await untilLeftAlone(broken.id, 3);
  assert.equal(cameAt('/broken'), 0);
  await setSecret(rows[0].secret);
  await makeDue(broken.id);
  await receiver.until(() => cameAt('/broken') === 6, 'what was kept for it', 15_000);
  const most = 'SELECT max(attempts) AS attempts FROM webhook_delivery WHERE endpoint_id = $1';
  const { attempts } = (await sandbox.pool.query(most, [broken.id])).rows[0];
  assert.ok(attempts <= 1, `${attempts} attempts`);
});

test('a delivery whose message is gone is left alone, and the endpoint’s others come', async () => {
  const { id } = await createEndpoint(sandbox.call, at('/hook'));
  receiver.answer((_received, response) => void response.writeHead(500).end());
  assert.equal((await sandbox.authorize()).status, 201);
  await receiver.until(() => cameAt('/hook') === 1, 'the first attempt');
  const recorded = 'SELECT FROM webhook_delivery WHERE endpoint_id = $1 AND attempts = 1';
  while ((await sandbox.pool.query(recorded, [id])).rowCount === 0) await sleep(10);
  await sandbox.pool.query('DELETE FROM webhook_message');
  await sandbox.pool.query('UPDATE webhook_lane SET failures = 0');
  receiver.answer((_received, response) => void response.end());
  await makeDue(id);
  await untilLeftAlone(id, 1);
  assert.equal((await sandbox.authorize()).status, 201);
  await receiver.until(() => cameAt('/hook') === 3, 'the other payment’s webhooks', 15_000);
});
