/** What is left to somebody, or put off, until a time: a clock that goes back must not make that hours. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { claimDueOperations, listUnanswered } from '../../src/acquiring/bankOperationsSql.ts';
import { countAttempt } from '../../src/identity/sessionsSql.ts';
import { openInstallation } from '../../src/installation/installationSql.ts';
import { migrate } from '../../src/postgres/migrate.ts';
import { createPool, inTransaction, type Pool } from '../../src/postgres/pool.ts';
import { createDatabase, stopDatabaseServer, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let pool: Pool;
before(async () => {
  database = await createDatabase();
  pool = createPool(database.url, 1, () => undefined);
  await migrate(database.url, () => undefined);
  await openInstallation(pool, 'sandbox', null);
});
after(async () => {
  await pool.end();
  await database.drop();
  await stopDatabaseServer();
});

/** An operation that the bank has not answered. */
async function insertOperation(nextAttemptIn: string, answerDueIn: string | null): Promise<string> {
  const id = randomUUID();
  await pool.query(
    `INSERT INTO bank_operation (id, transaction_id, payment_id, merchant_id, kind, amount, currency, actor, status,
       requested_at, next_attempt_at, answer_due_at)
     VALUES ($1, $1, $1, $1, 'authorize', 1, 'KZT', 'api', 'pending', now(), clock_timestamp() + $2::interval,
       clock_timestamp() + $3::interval)`,
    [id, nextAttemptIn, answerDueIn],
  );
  return id;
}

test('an operation at the bank is taken up when it is due, or put off for longer than any is', async () => {
  const due = await insertOperation('-1 second', null);
  await insertOperation('1 minute', null);
  const lost = await insertOperation('1 hour', null);
  const claimed = await claimDueOperations(pool, 10);
  assert.deepEqual(claimed.map(({ id }) => id).sort(), [due, lost].sort());
  assert.deepEqual(await claimDueOperations(pool, 10), [], 'their leases run');
});

test('a caller is answered when that is due, or would be in longer than anybody waits', async () => {
  const due = await insertOperation('1 minute', '-1 second');
  await insertOperation('1 minute', '9 seconds');
  const lost = await insertOperation('1 minute', '1 hour');
  const unanswered = await listUnanswered(pool, 10);
  assert.deepEqual(unanswered.map(({ id }) => id).sort(), [due, lost].sort());
});

test('nobody is locked out for longer than the longest lock', async () => {
  const subjects = [{ kind: 'account' as const, subject: 'somebody' }];
  const attempt = async (lockedFor: string): Promise<number> => {
    await pool.query('DELETE FROM sign_in_attempt');
    await pool.query(
      `INSERT INTO sign_in_attempt (subject, attempts, last_at, locked_until)
       VALUES ('somebody', 1, now(), clock_timestamp() + $1::interval)`,
      [lockedFor],
    );
    const [lock] = await inTransaction(pool, (db) => countAttempt(db, subjects));
    return lock?.ms ?? 0;
  };
  assert.ok((await attempt('1 minute')) > 50_000);
  assert.equal(await attempt('1 hour'), 0);
});
