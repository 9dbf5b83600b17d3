import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import pg from 'pg';
import { sqlStateOf } from '../../src/postgres/databaseErrors.ts';
import { readsWith } from '../../src/postgres/localSettings.ts';
import { createPool, PLANS_LIFE_MS, withClient } from '../../src/postgres/pool.ts';
import { createDatabase } from '../support/database.ts';

const database = await createDatabase();
after(() => database.drop());

test('a session is kept, and its plans are made anew when they are a minute old', async (t) => {
  let later = 0;
  const now = performance.now.bind(performance);
  t.mock.method(performance, 'now', () => now() + later);
  const query = t.mock.method(pg.Client.prototype, 'query');
  const pool = createPool(database.url, 1, (error) => assert.fail(error));
  const use = async (): Promise<{ pid: number; discards: number }> => {
    const before = query.mock.callCount();
    const { rows } = await pool.query({ name: 'pid', text: 'SELECT pg_backend_pid() AS pid' });
    const sent = query.mock.calls.slice(before).map(({ arguments: [statement] }) => statement as unknown);
    return { pid: rows[0].pid, discards: sent.filter((statement) => statement === 'DISCARD PLANS').length };
  };
  try {
    const { pid, discards } = await use();
    assert.equal(discards, 0, 'of a new session');
    later += PLANS_LIFE_MS / 2;
    assert.deepEqual(await use(), { pid, discards: 0 }, 'half a minute old');
    later += PLANS_LIFE_MS / 2;
    assert.deepEqual(await use(), { pid, discards: 1 }, 'a minute old');
    assert.deepEqual(await use(), { pid, discards: 0 }, 'just made anew');
  } finally {
    await pool.end();
  }
});

test('what a read is set ends with it, also when it fails', async () => {
  const pool = createPool(database.url, 1, (error) => assert.fail(error));
  const reads = readsWith(pool, {
    name: 'test_settings',
    text: `SELECT set_config('enable_seqscan', 'off', true)`,
  });
  const name = 'test_read';
  const text = `SELECT current_setting('enable_seqscan') AS seqscan, 1 / $1::int AS one`;
  const after = async (): Promise<string> => (await pool.query('SHOW enable_seqscan')).rows[0].enable_seqscan;
  try {
    for (let i = 0; i < 2; i += 1) {
      const { rows } = await reads.query({ name, text, values: ['1'] });
      assert.deepEqual(rows, [{ seqscan: 'off', one: 1 }]);
      assert.equal(await after(), 'on');
      await assert.rejects(reads.query({ name, text, values: ['0'] }), /division by zero/);
      assert.equal(await after(), 'on');
    }
    const write = { name: 'test_write', text: 'CREATE TABLE written ()' };
    await assert.rejects(reads.query(write), /read-only transaction/);
  } finally {
    await pool.end();
  }
});

test('who had a connection that was lost between two statements hears why', async () => {
  const pool = createPool(database.url, 1, () => undefined);
  const other = new pg.Client({ connectionString: database.url });
  await other.connect();
  try {
    const work = withClient(pool, async (client) => {
      const { rows } = await client.query('SELECT pg_backend_pid() AS pid');
      const lost = new Promise((resolve) => client.once('error', resolve));
      await other.query('SELECT pg_terminate_backend($1)', [rows[0].pid]);
      await lost;
      await client.query('SELECT 1');
    });
    await assert.rejects(work, (error) => sqlStateOf(error) === '57P01');
    assert.equal((await pool.query('SELECT 1')).rowCount, 1, 'the next one has another connection');
  } finally {
    await Promise.all([pool.end(), other.end()]);
  }
});
