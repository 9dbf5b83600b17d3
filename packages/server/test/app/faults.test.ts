/**
 * What PostgreSQL and the network do to an engine without anybody restarting: sessions ended and statements
 * cancelled under load, deadlocks, locked rows, connections cut or silent. Every command is carried out
 * once, also those without an Idempotency-Key, and nobody waits much longer than 10 seconds.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import * as ledger from '../support/ledger.ts';
import { lockRow } from '../support/locks.ts';
import { type Nodes, startNodes } from '../support/nodes.ts';
import { type KillablePostgres, startKillablePostgres } from '../support/process.ts';
import type { Reply } from '../support/sandbox.ts';
import { atOnce, countEvents, Shop, tally } from '../support/shop.ts';

let postgres: KillablePostgres;
let nodes: Nodes;
before(async () => {
  postgres = await startKillablePostgres();
  nodes = await startNodes(1, {}, postgres.url);
});
afterEach(() => nodes.assertInvariants());
after(async () => {
  await nodes.stop();
  await postgres.end();
});

/** Runs SQL on a connection that the proxy and the engine know nothing of. */
async function runSql(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: postgres.url, application_name: 'fault' });
  client.on('error', () => undefined);
  await client.connect();
  await client.query(sql).finally(() => client.end().catch(() => undefined));
}

const ENGINE = `application_name LIKE 'plexy-pay engine%' AND pid <> pg_backend_pid()`;

interface Timed {
  readonly reply: Reply;
  readonly seconds: number;
}

async function timed(work: () => Promise<Reply>): Promise<Timed> {
  const startedAt = performance.now();
  const reply = await work();
  return { reply, seconds: (performance.now() - startedAt) / 1_000 };
}

/** 10 seconds, and what two busy cores add to it. */
const LIMIT_SECONDS = 12;

function assertInTime(answers: readonly Timed[], limit = LIMIT_SECONDS): void {
  const longest = Math.max(...answers.map(({ seconds }) => seconds));
  assert.ok(longest < limit, `a request waited ${longest} s`);
}

/** On a slow machine fewer faults strike, not for longer: callers are told that nothing is known after 10 s. */
const STRIKING_MS = 4_000;

/**
 * Captures and refunds without keys while `fault` strikes again and again: each hold is captured and
 * refunded in part by one request each, which must succeed once.
 */
async function loadUnder(fault: () => Promise<void>, times: number): Promise<void> {
  const shop = await Shop.open(nodes);
  const wallet = await shop.wallet(300 * 100);
  const ids = await atOnce(300, () => shop.hold(wallet, 100));
  let done = false;
  const startedAt = performance.now();
  const faults = (async () => {
    for (let i = 0; i < times && !done && performance.now() - startedAt < STRIKING_MS; i += 1) {
      await delay(10 + Math.random() * 60);
      await fault();
    }
  })();
  // A 503 is of the API key's look-up, before the command: a repeat of a command that was carried out
  // would be refused (a capture) or counted (a refund).
  const operate = async (id: string, operation: string, amount: number): Promise<Reply> => {
    const reply = await shop.operate(id, operation, amount);
    return reply.status === 503 ? operate(id, operation, amount) : reply;
  };
  const load = async (id: string, i: number): Promise<Reply[]> => {
    await delay(i * 3);
    const capture = await operate(id, 'capture', 100);
    return [capture, await operate(id, 'refund', 40)];
  };
  const replies = (await Promise.all(ids.map(load))).flat();
  done = true;
  await faults;
  assert.deepEqual(tally(replies), { '200 SUCCESS': 600 });
  const events = await shop.events();
  assert.equal(countEvents(events, 'transaction.charged'), 300);
  assert.equal(countEvents(events, 'transaction.partially_refunded'), 300);
  await shop.assertMoney(wallet, { available: 300 * 40, held: 0, merchant: 300 * 60 });
}

describe('sessions under load', () => {
  test('ended by pg_terminate_backend', async () => {
    await loadUnder(
      () => runSql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${ENGINE}`),
      25,
    );
  });

  test('cancelled by pg_cancel_backend', async () => {
    await loadUnder(() => runSql(`SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE ${ENGINE}`), 60);
  });

  test('cut by the network', async () => {
    await loadUnder(async () => postgres.proxy.cut(), 25);
  });
});

describe('locks of others', () => {
  test('a deadlock with another session is resolved and the commands carried out', async () => {
    const shop = await Shop.open(nodes);
    const wallets = await Promise.all([shop.wallet(1_000), shop.wallet(1_000)]);
    const [low, high] = wallets.sort((a, b) => (a.id < b.id ? -1 : 1));
    assert.ok(low !== undefined && high !== undefined);
    const client = new pg.Client({ connectionString: nodes.databaseUrl });
    await client.connect();
    await client.query(`SET deadlock_timeout = '10s'; BEGIN`);
    await client.query('SELECT FROM account WHERE id = $1 FOR UPDATE', [high.id]);
    const calls = Promise.all([high, low, high, low].map((wallet) => shop.authorize(wallet, 100)));
    await delay(300);
    // The engine holds the lower wallet and waits for the higher one.
    await client.query('SELECT FROM account WHERE id = $1 FOR UPDATE', [low.id]).catch(() => undefined);
    await client.query('ROLLBACK');
    await client.end();
    assert.deepEqual(tally(await calls), { '201 PROCESSING': 4 });
    assert.equal((await shop.events()).length, 8);
  });

  test("a refund waits for its merchant's locked balance", async () => {
    const shop = await Shop.open(nodes);
    const wallet = await shop.wallet(1_000);
    const ids = await atOnce(10, () => shop.charge(wallet, 100));
    const lock = await lockRow(nodes.databaseUrl, 'account', shop.merchant.id, 'owner_id');
    const refunds = Promise.all(ids.map((id) => shop.operate(id, 'refund', 100)));
    await delay(6_000);
    await lock.release();
    assert.deepEqual(tally(await refunds), { '200 SUCCESS': 10 });
    await shop.assertMoney(wallet, { available: 1_000, held: 0, merchant: 0 });
  });

  test('one locked wallet does not hold up the others', async () => {
    const shop = await Shop.open(nodes);
    const [locked, ...others] = await atOnce(21, () => shop.wallet(100_000));
    assert.ok(locked !== undefined);
    const lock = await lockRow(nodes.databaseUrl, 'account', locked.id);
    const stuck = atOnce(200, () => timed(() => shop.authorize(locked, 100)));
    const rounds: Timed[] = [];
    for (let round = 0; round < 8; round += 1) {
      rounds.push(...(await Promise.all(others.map((wallet) => timed(() => shop.authorize(wallet, 100))))));
      await delay(200);
    }
    assert.deepEqual(tally(rounds.map(({ reply }) => reply)), { '201 PROCESSING': 160 });
    assertInTime(rounds, 6);
    const answers = await stuck;
    await lock.release();
    assert.deepEqual(tally(answers.map(({ reply }) => reply)), { '409 request_in_progress': 200 });
    assertInTime(answers);
  });
});

describe('a database out of reach', () => {
  test('that says nothing: callers hear 503 after 10 seconds, and their retries have one effect', async () => {
    const shop = await Shop.open(nodes);
    const wallet = await shop.wallet(100_000);
    await shop.authorize(wallet, 100, 'warm');
    // The network goes silent after some answers, with batches in flight and more load to come.
    let answered = 0;
    const before = atOnce(300, (i) =>
      timed(async () => {
        await delay(i);
        const reply = await shop.authorize(wallet, 100, `silent-${i}`);
        answered += 1;
        return reply;
      }),
    );
    while (answered < 10) await delay(1);
    postgres.proxy.stall();
    const answers = await before.finally(() => postgres.proxy.resume());
    assertInTime(answers, LIMIT_SECONDS + 1);
    const counts = tally(answers.map(({ reply }) => reply));
    assert.deepEqual(Object.keys(counts).sort(), ['201 PROCESSING', '503 service_unavailable']);
    const retries = await atOnce(300, (i) => timed(() => shop.authorize(wallet, 100, `silent-${i}`)));
    assert.deepEqual(tally(retries.map(({ reply }) => reply)), { '201 PROCESSING': 300 });
    answers.forEach(({ reply }, i) => {
      if (reply.status === 201) assert.equal(reply.text, retries[i]?.reply.text);
    });
    assert.equal((await shop.events()).length, 2 * 301);
  });

  test('that refuses connections: every one of 1,000 callers hears in time that it is to come again', async () => {
    const shop = await Shop.open(nodes);
    const wallet = await shop.wallet(1_000_000);
    await shop.authorize(wallet, 100, 'warm');
    postgres.proxy.refuse();
    const calls = atOnce(1_000, (i) => timed(() => shop.authorize(wallet, 100, `refused-${i}`)));
    const answers = await calls.finally(() => postgres.proxy.resume());
    assertInTime(answers);
    // After slow batches fewer of one merchant may wait: more of them are told so at once.
    const {
      '503 service_unavailable': unavailable = 0,
      '429 rate_limited': tooMany = 0,
      ...others
    } = tally(answers.map(({ reply }) => reply));
    assert.deepEqual([others, unavailable + tooMany], [{}, 1_000]);
    assert.ok(unavailable >= 256, `${unavailable} waited`);
    const after = await timed(() => shop.authorize(wallet, 100, 'refused-0'));
    assert.equal(after.reply.status, 201);
    assertInTime([after], 2);
  });
});

test('a database whose sessions are serializable by default', async () => {
  const [row] = (await nodes.pool.query('SELECT current_database() AS name')).rows;
  await runSql(`ALTER DATABASE ${row.name} SET default_transaction_isolation = 'serializable'`);
  await runSql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${ENGINE}`);
  const shop = await Shop.open(nodes);
  const wallet = await shop.wallet(100_000);
  const replies = await atOnce(200, (i) => timed(() => shop.authorize(wallet, 100, `key-${i % 100}`)));
  await runSql(`ALTER DATABASE ${row.name} RESET default_transaction_isolation`);
  assert.deepEqual(tally(replies.map(({ reply }) => reply)), { '201 PROCESSING': 200 });
  assertInTime(replies, 2);
  assert.equal((await ledger.walletBalances(nodes.pool, wallet.id)).held, 10_000n);
});

describe('a database that is there but cannot do it now', () => {
  test('a full disk, a broken one, a changed password, a forgotten statement: 503, and the retry has one effect', async () => {
    const shop = await Shop.open(nodes);
    const wallet = await shop.wallet(100_000);
    await nodes.pool.query(`CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        EXECUTE format('DO $x$ BEGIN RAISE SQLSTATE %L; END $x$', substr(NEW.order_reference, 10)); END $$;
      CREATE TRIGGER fail BEFORE INSERT ON transaction FOR EACH ROW WHEN (NEW.order_reference LIKE 'SQLSTATE %')
        EXECUTE FUNCTION fail()`);
    const states = ['53100', '53200', '53400', '58030', '28P01', '25006', '26000', '42P05', '57P05'];
    try {
      const failed = await Promise.all(
        states.map((state) => timed(() => shop.authorize(wallet, 100, state, `SQLSTATE ${state}`))),
      );
      assert.deepEqual(tally(failed.map(({ reply }) => reply)), { '503 service_unavailable': states.length });
      assert.deepEqual([...new Set(failed.map(({ reply }) => reply.headers.get('retry-after')))], ['1']);
      assertInTime(failed);
      const bug = await shop.authorize(wallet, 100, 'bug', 'SQLSTATE 22012');
      assert.deepEqual([bug.status, bug.body.reason], [500, 'internal_error'], 'a bug stays one');
    } finally {
      await nodes.pool.query('DROP TRIGGER fail ON transaction; DROP FUNCTION fail');
    }
    const retries = await Promise.all(
      states.map((state) => shop.authorize(wallet, 100, state, `SQLSTATE ${state}`)),
    );
    assert.deepEqual(tally(retries), { '201 PROCESSING': states.length });
    assert.equal((await shop.events()).length, 2 * states.length);
  });
});
