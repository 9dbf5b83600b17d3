/** Challenges for passkeys: each is a row for some minutes, which whoever has no account may have written. How many, and then? */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { eventually } from '../support/cards.ts';
import { type Reply, request, type Sandbox, startSandbox } from '../support/sandbox.ts';
import { MANAGER, signIn } from '../support/user.ts';

/** Of a network after a quiet time, and a second from then on; and of all networks, waiting for the one whose turn it is. */
const [BURST, PER_SECOND, WAITING] = [60, 5, 50];

let sandbox: Sandbox;
before(async () => {
  sandbox = await startSandbox({ TRUSTED_PROXIES: '127.0.0.1' });
});
beforeEach(() => sandbox.pool.query('DELETE FROM passkey_challenge'));
after(() => sandbox.stop());

/** A stranger begins to sign in. */
function begin(address: string): Promise<Reply> {
  return request(sandbox.url, 'POST', '/v1/session/passkey/challenge', {
    apiKey: null,
    body: {},
    headers: { origin: sandbox.url, 'x-forwarded-for': address },
  });
}

async function written(): Promise<number> {
  const { rows } = await sandbox.pool.query('SELECT count(*)::int AS count FROM passkey_challenge');
  return rows[0].count;
}

test('one network has so many at once, then so many a second; what is refused writes nothing', async () => {
  const startedAt = performance.now();
  let given = 0;
  let refused: Reply | null = null;
  for (; refused === null; given += 1) {
    const reply = await begin('192.0.2.7');
    if (reply.status === 200) continue;
    refused = reply;
    given -= 1;
  }
  const seconds = (performance.now() - startedAt) / 1_000;
  assert.deepEqual([refused.status, refused.body.reason], [429, 'rate_limited']);
  assert.equal(refused.headers.get('retry-after'), '1');
  assert.ok(given >= BURST && given <= BURST + PER_SECOND * seconds + 1, `${given} in ${seconds} s`);
  assert.equal(await written(), given);
  // Another network is none of it, and this one goes on when its time has come.
  assert.equal((await begin('198.51.100.7')).status, 200);
  await setTimeout(1_000);
  assert.equal((await begin('192.0.2.7')).status, 200);
});

test('of many networks one is written at a time, a few wait, and the others are refused at once', async () => {
  const locker = await sandbox.pool.connect();
  try {
    await locker.query('BEGIN; LOCK passkey_challenge IN ACCESS EXCLUSIVE MODE');
    const more = 15;
    let refused = 0;
    const replies = Array.from({ length: 1 + WAITING + more }, async (_, i) => {
      const reply = await begin(`203.0.${i}.1`);
      if (reply.status === 429) refused += 1;
      return reply;
    });
    await eventually('those beyond are refused', async () => refused === more, 20_000);
    const { rows } = await locker.query(
      `SELECT count(*)::int AS count FROM pg_stat_activity
       WHERE datname = current_database() AND wait_event_type = 'Lock' AND query ~ '^INSERT INTO passkey_challenge'`,
    );
    assert.equal(rows[0].count, 1, 'the database is asked for one at a time');
    // Nobody else waits with them.
    assert.equal((await sandbox.call('GET', '/v1/transactions')).status, 200);
    assert.equal((await sandbox.authorize()).status, 201);
    await locker.query('ROLLBACK');
    const all = await Promise.all(replies);
    assert.equal(all.filter(({ status }) => status === 200).length, 1 + WAITING);
    for (const { status, body, headers } of all)
      if (status !== 200)
        assert.deepEqual([status, body.reason, headers.get('retry-after')], [429, 'rate_limited', '1']);
    assert.equal(await written(), 1 + WAITING);
  } finally {
    locker.release(true);
  }
});

test('whoever is signed in is not counted among strangers', async () => {
  const browser = await signIn(sandbox.url, MANAGER);
  const address = '192.0.2.99';
  for (let i = 0; i <= BURST + PER_SECOND * 20 && (await begin(address)).status === 200; i += 1);
  const own = await browser.call('POST', '/v1/session/passkeys/challenge', {
    body: {},
    headers: { 'x-forwarded-for': address },
  });
  assert.equal(own.status, 200, own.text);
});

test('each is good for five minutes', async () => {
  assert.equal((await begin('192.0.2.201')).status, 200);
  const { rows } = await sandbox.pool.query<{ seconds: number }>(
    'SELECT extract(epoch FROM expires_at - clock_timestamp())::float8 AS seconds FROM passkey_challenge',
  );
  const { seconds } = rows[0] ?? { seconds: 0 };
  assert.ok(seconds > 200 && seconds <= 300, `${seconds}`);
});
