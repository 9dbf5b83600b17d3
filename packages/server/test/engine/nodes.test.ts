import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { createDatabase, stopDatabaseServer } from '../support/database.ts';
import { startNodes } from '../support/nodes.ts';

after(stopDatabaseServer);

describe('several nodes on one database', () => {
  test('five that start at once on an empty database seed it once', async () => {
    const database = await createDatabase();
    const nodes = await startNodes(5, {}, database.url);
    try {
      const { rows } = await nodes.pool.query('SELECT count(*)::int AS transfers FROM wallet_transfer');
      assert.deepEqual(rows, [{ transfers: 7 }]);
      await nodes.assertInvariants();
    } finally {
      await nodes.stop();
      await database.drop();
    }
  });
});
