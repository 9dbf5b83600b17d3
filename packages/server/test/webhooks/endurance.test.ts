/** Webhooks when something is dead, slow, killed or much: nobody else waits, and nothing is lost. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createMerchants, createWallet, type TestMerchant } from '../support/ledger.ts';
import { type Nodes, startNodes } from '../support/nodes.ts';
import type { Reply } from '../support/sandbox.ts';
import { createEndpoint, type Receiver, startReceiver } from '../support/webhooks.ts';

let nodes: Nodes;
let receiver: Receiver;
before(async () => {
  nodes = await startNodes(2);
  receiver = await startReceiver();
});
after(async () => {
  await receiver.stop();
  await nodes.assertInvariants();
  await nodes.stop();
});

/** Authorizations of one merchant, at both nodes, so many at a time. @returns their ids */
async function authorizeMany({ apiKey }: TestMerchant, count: number): Promise<Set<string>> {
  const { phoneNumber, iin, currency } = await createWallet(nodes.pool, { available: 1_000_000 });
  const ids = new Set<string>();
  const one = async (): Promise<void> => {
    const body = { amount: 1, currency, phoneNumber, iin, orderReference: 'ORDER-1' };
    const options = { apiKey, body, idempotencyKey: crypto.randomUUID() };
    const reply: Reply = await nodes.call('POST', '/v1/wallet/authorize', options);
    assert.equal(reply.status, 201, reply.text);
    ids.add(reply.body.walletTransactionId);
  };
  for (let left = count; left > 0; left -= 20)
    await Promise.all(Array.from({ length: Math.min(20, left) }, one));
  return ids;
}

async function merchantWith(url: string): Promise<TestMerchant & { endpointId: string }> {
  const [merchant] = await createMerchants(nodes.pool, 1);
  assert.ok(merchant !== undefined);
  const { id } = await createEndpoint(nodes.call, url, {}, { apiKey: merchant.apiKey });
  return { ...merchant, endpointId: id };
}

/** The webhook-ids that came to a path. */
function idsAt(path: string): string[] {
  return receiver.received
    .filter((received) => received.path === path)
    .map(({ headers }) => String(headers['webhook-id']));
}

function at(path: string): string {
  return new URL(path, receiver.url).href;
}

async function count(sql: string, values: unknown[] = []): Promise<number> {
  return Number((await nodes.pool.query(sql, values)).rows[0].count);
}

/** Lanes are there exactly as long as something is pending, and know how much. */
async function assertLanes(): Promise<void> {
  const { rows } = await nodes.pool.query(
    `SELECT * FROM (SELECT family_id, endpoint_id, count(*)::int AS pending FROM webhook_delivery WHERE status = 'pending' GROUP BY 1, 2) d
     FULL JOIN webhook_lane l USING (family_id, endpoint_id) JOIN webhook_endpoint e ON e.id = endpoint_id
     WHERE e.deleted_at IS NULL AND d.pending IS DISTINCT FROM l.pending`,
  );
  assert.deepEqual(rows.slice(0, 3), []);
}

test('two nodes share the work, and neither repeats what the other does', async () => {
  const merchant = await merchantWith(at('/shared'));
  const attemptsOf = ({ url }: { url: string }): Promise<number> =>
    fetch(`${url}/metrics`)
      .then((reply) => reply.text())
      .then((text) =>
        Number(/^plexy_webhook_attempts_total\{outcome="delivered"\} (\d+)/m.exec(text)?.[1] ?? 0),
      );
  const shares = (): Promise<number[]> => Promise.all(nodes.processes.map(attemptsOf));
  // Whoever looks first makes deliveries of what is new, and has what it has slots for.
  let count = 0;
  for (const limit = Date.now() + 60_000; Math.min(...(await shares())) <= 50; count += 200) {
    assert.ok(Date.now() < limit, `the nodes made ${(await shares()).join(' and ')} attempts`);
    await authorizeMany(merchant, 200);
  }
  await receiver.until(() => idsAt('/shared').length >= 2 * count, 'two webhooks each');
  await sleep(500);
  const ids = idsAt('/shared');
  assert.deepEqual([ids.length, new Set(ids).size], [2 * count, 2 * count]);
  const attempts = await shares();
  assert.equal(
    attempts.reduce((a, b) => a + b),
    2 * count,
  );
  const seen = new Map<string, string[]>();
  for (const { body, path } of receiver.received)
    if (path === '/shared') seen.set(body.data.id, [...(seen.get(body.data.id) ?? []), body.data.status]);
  for (const statuses of seen.values()) assert.deepEqual(statuses, ['created', 'authorized']);
  await assertLanes();
});

test('one endpoint that is dead delays none of nine', async () => {
  const dead = await merchantWith(at('/dead'));
  let [open, mostOpen] = [0, 0];
  receiver.answer(({ path }, response) => {
    if (path !== '/dead') return void response.end();
    open += 1;
    mostOpen = Math.max(mostOpen, open);
    response.on('close', () => {
      open -= 1;
    });
  });
  await authorizeMany(dead, 400);
  const healthy = await Promise.all(Array.from({ length: 9 }, (_, i) => merchantWith(at(`/healthy${i}`))));
  await Promise.all(healthy.map((merchant) => authorizeMany(merchant, 20)));
  const arrived = (): number => receiver.received.filter(({ path }) => path.startsWith('/healthy')).length;
  await receiver.until(() => arrived() >= 9 * 40, 'all of the healthy');
  const lags = receiver.received
    .filter(({ path }) => path.startsWith('/healthy'))
    .map(({ at: time, body }) => time - Date.parse(body.data.updatedAt))
    .sort((a, b) => a - b);
  assert.ok((lags.at(-1) ?? 0) < 5_000, `the slowest took ${lags.at(-1)} ms`);
  // Each node has so many under way.
  assert.ok(mostOpen > 0 && mostOpen <= 2 * 64, `${mostOpen} attempts at a time at the dead one`);
  await nodes.call('DELETE', `/v1/webhook-endpoints/${dead.endpointId}`, { apiKey: dead.apiKey });
  receiver.answer((_received, response) => response.end());
});

describe('a node that ends', () => {
  test('by kill -9 while a webhook is under way: another sends it again, none is lost', async () => {
    const merchant = await merchantWith(at('/killed'));
    let hold = true;
    receiver.answer(({ path }, response) => {
      if (path !== '/killed' || !hold) response.end();
    });
    await authorizeMany(merchant, 40);
    await receiver.until(() => idsAt('/killed').length >= 40, 'the first attempts');
    hold = false;
    for (const node of nodes.processes) await node.signal('SIGKILL');
    const before = new Set(idsAt('/killed'));
    await Promise.all(nodes.processes.map((node) => node.restart()));
    await receiver.until(() => new Set(idsAt('/killed')).size >= 80, 'all after the leases are over', 60_000);
    for (const id of before) assert.ok(idsAt('/killed').filter((other) => other === id).length >= 2, id);
    for (const limit = Date.now() + 60_000; ; await sleep(50)) {
      const pending = await count(
        `SELECT count(*) FROM webhook_delivery WHERE endpoint_id = $1 AND status <> 'delivered'`,
        [merchant.endpointId],
      );
      if (pending === 0) break;
      assert.ok(Date.now() < limit, `${pending} are not recorded`);
    }
    await assertLanes();
  });

  test('by SIGTERM lets the webhooks that are under way end, and records them', async () => {
    const merchant = await merchantWith(at('/stopped'));
    receiver.answer(({ path }, response) => {
      if (path === '/stopped') setTimeout(() => response.end('late'), 1_500);
      else response.end();
    });
    await authorizeMany(merchant, 10);
    await receiver.until(() => idsAt('/stopped').length >= 10, 'the first attempts');
    const startedAt = Date.now();
    await Promise.all(nodes.processes.map((node) => node.signal('SIGTERM')));
    assert.ok(Date.now() - startedAt < 10_000);
    const counts = await nodes.pool.query(
      `SELECT status, count(*)::int AS count FROM webhook_delivery WHERE endpoint_id = $1 GROUP BY 1 ORDER BY 1`,
      [merchant.endpointId],
    );
    assert.deepEqual(counts.rows, [
      { status: 'delivered', count: 10 },
      { status: 'pending', count: 10 },
    ]);
    await assertLanes();
    await Promise.all(nodes.processes.map((node) => node.restart()));
    // Nothing has to wait for a lease: the lanes were given back.
    await receiver.until(() => idsAt('/stopped').length >= 20, 'the rest', 20_000);
    assert.equal(new Set(idsAt('/stopped')).size, idsAt('/stopped').length);
  });
});

test('100,000 pending at the start: what happens now is not behind them', async () => {
  const flooded = await merchantWith(at('/flooded'));
  await Promise.all(nodes.processes.map((node) => node.signal('SIGTERM')));
  await nodes.pool.query(
    `WITH message AS (INSERT INTO webhook_message (transaction_id, seq, merchant_id, body, created_at)
         SELECT gen_random_uuid(), 0, $2, '{"name":"webhook.test","data":{}}', now()
         FROM generate_series(1, 100000) RETURNING transaction_id AS id),
       delivery AS (INSERT INTO webhook_delivery (family_id, endpoint_id, merchant_id, transaction_id, seq, name, event_at, created_at)
         SELECT id, $1, $2, id, 0, 'webhook.test', now(), now() FROM message)
     INSERT INTO webhook_lane (family_id, endpoint_id, merchant_id, pending, due_at) SELECT id, $1, $2, 1, now() FROM message`,
    [flooded.endpointId, flooded.id],
  );
  const other = await merchantWithoutNodes();
  await Promise.all(nodes.processes.map((node) => node.restart()));
  const { id } = await createEndpoint(nodes.call, at('/other'), {}, { apiKey: other.apiKey });
  assert.ok(id);
  await authorizeMany(other, 50);
  await receiver.until(() => idsAt('/other').length >= 100, 'what happened after the start');
  const before = idsAt('/flooded').length;
  assert.ok(before < 50_000, `${before} of the flood came before`);
  const plan = await nodes.pool.query(`EXPLAIN (ANALYZE, FORMAT JSON) SELECT ctid FROM webhook_lane
    WHERE endpoint_id = '${flooded.endpointId}' AND due_at <= now() AND (leased_until IS NULL OR leased_until < now())
    ORDER BY due_at LIMIT 64 FOR UPDATE SKIP LOCKED`);
  assert.match(JSON.stringify(plan.rows), /webhook_lane_due/);
  await receiver.until(() => idsAt('/flooded').length >= 5_000, 'some of the flood', 60_000);
  await nodes.call('DELETE', `/v1/webhook-endpoints/${flooded.endpointId}`, { apiKey: flooded.apiKey });
});

async function merchantWithoutNodes(): Promise<TestMerchant> {
  const [merchant] = await createMerchants(nodes.pool, 1);
  assert.ok(merchant !== undefined);
  return merchant;
}
