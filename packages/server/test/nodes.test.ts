import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { createDatabase, stopDatabaseServer } from './support/database.ts';
import { startNodes } from './support/nodes.ts';

after(stopDatabaseServer);

describe('several nodes on one database', () => {
  test('five that start at once on an empty database seed it once', async () => {
    const nodes = await startNodes(5);
    try {
      const { rows } = await nodes.pool.query('SELECT count(*)::int AS transfers FROM wallet_transfer');
      assert.deepEqual(rows, [{ transfers: 7 }]);
      await nodes.assertInvariants();
    } finally {
      await nodes.stop();
    }
  });

  test("one waits for another's migrations, also when they take 9 s", async () => {
    const database = await createDatabase();
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await client.query('SELECT pg_advisory_lock(7069801)');
    const starting = startNodes(1, {}, database.url);
    await delay(9_000);
    await client.end();
    await (await starting).stop();
    await database.drop();
  });
});
