/** Two nodes and a bank, everything at once: expiry, automatic captures, random faults, kill -9. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { startTestBank, type TestBank } from '../support/bank.ts';
import {
  advanceClock,
  type Call,
  CHALLENGED,
  eventually,
  operate,
  pay,
  stored,
  VISA,
} from '../support/cards.ts';
import { stopDatabaseServer } from '../support/database.ts';
import { createMerchant } from '../support/ledger.ts';
import { type Nodes, startNodes } from '../support/nodes.ts';
import { allSettled, reconcile } from '../support/reconcile.ts';
import type { Reply } from '../support/sandbox.ts';

let bank: TestBank;
let nodes: Nodes;
before(async () => {
  bank = await startTestBank();
  nodes = await startNodes(2, bank.environment);
});
after(async () => {
  await nodes?.stop();
  await bank?.end();
  await stopDatabaseServer();
});

async function newMerchant(authorizationTtlSeconds?: number): Promise<{ id: string; call: Call }> {
  const { id, apiKey } = await createMerchant(nodes.pool, authorizationTtlSeconds);
  return { id, call: (method, path, options) => nodes.call(method, path, { apiKey, ...options }) };
}

async function statuses(merchantId: string): Promise<Record<string, number>> {
  const sql = `SELECT status, count(*)::int AS n FROM transaction WHERE merchant_id = $1 AND type = 'payment' GROUP BY 1`;
  const { rows } = await nodes.pool.query(sql, [merchantId]);
  return Object.fromEntries(rows.map(({ status, n }) => [status, n]));
}

/** Random numbers that can be repeated (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

test('captures and cancels race the expiry and two schedulers: each hold ends once', async () => {
  const { id, call } = await newMerchant(3_600);
  const payments = await Promise.all(Array.from({ length: 30 }, () => pay(call, VISA)));
  await bank.fault({ mode: 'slow', merchantId: id, delayMs: 100, operations: ['capture', 'reverse'] });
  // Half a second before the first one lapses: all callers of outstanding operations still wait.
  const { rows } = await nodes.pool.query<{ left: number }>(
    `SELECT extract(epoch FROM min(expires_at) - clock_timestamp())::float8 * 1000 - clock_offset_ms AS left
     FROM transaction, installation WHERE merchant_id = $1 GROUP BY clock_offset_ms`,
    [id],
  );
  await advanceClock(nodes.pool, Math.floor((rows[0]?.left ?? 0) - 500));
  const races = payments.map(async ({ body }, i) => {
    await pause(i * 40);
    return operate(call, body.id, i % 2 === 0 ? 'capture' : 'cancel');
  });
  const replies = await Promise.all(races);
  await eventually('no hold is left', async () => (await statuses(id)).authorized === undefined);
  await bank.fault({ mode: 'none', merchantId: id });
  await allSettled(nodes.pool);
  for (const [i, { status, body }] of replies.entries()) {
    const row = await stored(nodes.pool, payments[i]?.body.id);
    if (status === 200) assert.equal(row.status, body.status);
    else assert.deepEqual([row.status, row.status_reason], ['cancelled', 'expired'], body.reason);
  }
  const events = await nodes.pool.query(
    `SELECT transaction_id FROM event WHERE merchant_id = $1 AND status IN ('charged', 'cancelled')
     GROUP BY 1 HAVING count(*) <> 1`,
    [id],
  );
  assert.deepEqual(events.rows, []);
  await reconcile(nodes.pool, bank);
});

test('automatic captures and abandoned authentications, with two schedulers: once each', async () => {
  const { id, call } = await newMerchant();
  await nodes.pool.query(
    `UPDATE merchant SET capture_mode = 'automatic', capture_delay_s = 60 WHERE id = $1`,
    [id],
  );
  await Promise.all([
    ...Array.from({ length: 30 }, () => pay(call, VISA)),
    ...Array.from({ length: 10 }, () => pay(call, CHALLENGED, { returnUrl: 'http://shop.test/' })),
  ]);
  assert.deepEqual(await statuses(id), { authorized: 30, '3d': 10 });
  await advanceClock(nodes.pool, 60_000);
  await eventually('all are captured', async () => (await statuses(id)).charged === 30);
  await advanceClock(nodes.pool, 15 * 60_000);
  await eventually('all are rejected', async () => (await statuses(id)).rejected === 10);
  const { rows } = await nodes.pool.query(
    `SELECT kind, count(*)::int AS n FROM bank_operation WHERE merchant_id = $1 GROUP BY 1 ORDER BY 1`,
    [id],
  );
  assert.deepEqual(rows, [
    { kind: 'authorize', n: 40 },
    { kind: 'cancel', n: 10 },
    { kind: 'capture', n: 30 },
    // Before one is given up, the bank is asked once more how it went.
    { kind: 'complete', n: 10 },
  ]);
  await reconcile(nodes.pool, bank);
});

const CARDS = [
  VISA,
  VISA,
  '5555555555554444',
  '4000000000009995',
  '4000000000700056',
  '4000000000700072',
  CHALLENGED,
];
const MODES = [
  'down',
  'slow',
  'timeout_worked',
  'timeout_not_worked',
  'cut_before',
  'cut_after',
  'garbage',
  'duplicate',
];
const CHAOS_MS = 6_000;

/** Sends until somebody answers, as a client that keeps its key does. */
async function insist(send: () => Promise<Reply>): Promise<Reply> {
  for (;;) {
    const reply = await send().catch(() => null);
    if (reply !== null && reply.status < 500 && reply.body?.reason !== 'request_in_progress') return reply;
    await pause(200);
  }
}

test('random operations, faults and kill -9 of nodes and bank: the books are equal', {
  timeout: 90_000,
}, async () => {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 1e9));
  console.log(`SEED=${seed}`);
  const random = randomFrom(seed);
  const pick = <T>(items: readonly T[]): T => {
    const item = items[Math.floor(random() * items.length)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  };
  const { call } = await newMerchant();
  const end = performance.now() + CHAOS_MS;
  const ids: string[] = [];
  const answers: { send: () => Promise<Reply>; reply: Reply }[] = [];
  const isOver = (): boolean => performance.now() >= end;

  const authenticate = async (redirectUrl: string): Promise<void> => {
    const body = new URLSearchParams({ decision: random() < 0.7 ? 'approve' : 'decline' });
    const back = await fetch(redirectUrl, { method: 'POST', body, redirect: 'manual' });
    await nodes.call('GET', new URL(back.headers.get('location') ?? '').pathname, { apiKey: null });
  };
  const work = async (): Promise<void> => {
    while (!isOver()) {
      const options = { idempotencyKey: crypto.randomUUID() };
      const kind = pick(['pay', 'pay', 'capture', 'capture', 'cancel', 'refund'] as const);
      const amount = random() < 0.4 ? undefined : 1 + Math.floor(random() * 10_000);
      const [id, number] = [ids.length > 0 ? pick(ids) : '', pick(CARDS)];
      const body = kind === 'capture' ? { final: random() < 0.4 } : {};
      const send =
        kind === 'pay' || id === ''
          ? () => pay(call, number, { returnUrl: 'http://shop.test/' }, options)
          : () => operate(call, id, kind, amount, { ...options, body });
      const reply = await insist(send);
      if (reply.status < 300 || reply.status === 422) answers.push({ send, reply });
      if (reply.status === 201) ids.push(reply.body.id);
      if (reply.body.status === '3d' && reply.body.redirectUrl !== null)
        await authenticate(reply.body.redirectUrl).catch(() => undefined);
    }
  };
  const disturb = async (): Promise<void> => {
    while (!isOver()) {
      const mode = pick(MODES);
      const delay = mode === 'slow' ? { delayMs: pick([100, 1_200]) } : {};
      await bank
        .fault({ mode, probability: 0.4, seed: Math.floor(random() * 1e9), ...delay })
        .catch(() => undefined);
      await pause(400);
    }
  };
  const kill = async (): Promise<void> => {
    while (!isOver()) {
      await pause(600 + random() * 900);
      const victim = pick([0, 1, 2]);
      await (victim === 2 ? bank.restart() : nodes.processes[victim]?.restart());
    }
  };
  await Promise.all([...Array.from({ length: 8 }, work), disturb(), kill()]);
  await bank.healthy();
  await allSettled(nodes.pool);
  const payments = await reconcile(nodes.pool, bank);
  await nodes.assertInvariants();
  assert.ok(payments > 10 && answers.length > 10, `${payments} payments, ${answers.length} answers`);
  const repeated = answers.filter((_, i) => i % 5 === 0);
  for (const { send, reply } of repeated) assert.equal((await insist(send)).text, reply.text);
});
