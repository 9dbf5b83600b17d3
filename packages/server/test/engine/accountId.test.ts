/** The ids of accounts, which the engine and the database make alike. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { accountIdOf } from '../../src/engine/accountId.ts';
import { type Sandbox, startSandbox } from '../support/sandbox.ts';

let sandbox: Sandbox;
before(async () => {
  sandbox = await startSandbox();
});
after(() => sandbox?.stop());

test('are the same in the engine and in the database, and a UUID of version 8', async () => {
  const account = fc.tuple(
    fc.constantFrom('merchant' as const, 'acquirer' as const, 'funding' as const),
    fc.uuid(),
    fc.constantFrom('KZT', 'USD', 'JPY'),
  );
  for (const [kind, owner, currency] of fc.sample(account, 50)) {
    const { rows } = await sandbox.pool.query('SELECT account_id($1, $2, $3) AS id', [kind, owner, currency]);
    const id = accountIdOf(kind, owner, currency);
    assert.equal(rows[0].id, id);
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
  }
});

test('are another one for another kind, owner or currency', () => {
  const owner = '01900000-0000-7000-8000-000000000001';
  const ids = [
    accountIdOf('merchant', owner, 'KZT'),
    accountIdOf('acquirer', owner, 'KZT'),
    accountIdOf('merchant', '01900000-0000-7000-8000-000000000002', 'KZT'),
    accountIdOf('merchant', owner, 'USD'),
  ];
  assert.equal(new Set(ids).size, ids.length);
});
