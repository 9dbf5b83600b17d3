/** Statements of a batch that must hold whatever happens around them. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { v7 as uuidv7 } from 'uuid';
import {
  beginBatch,
  type Claim,
  claimKeys,
  findAndLockWallets,
  lockDueTransactions,
} from '../../src/engine/batchSql.ts';
import { closeGate, gateErrorOf } from '../../src/engine/gateSql.ts';
import { openInstallation } from '../../src/installation/installationSql.ts';
import { openSession } from '../../src/postgres/databaseClient.ts';
import { GateClosedError } from '../../src/postgres/databaseErrors.ts';
import { migrate } from '../../src/postgres/migrate.ts';
import { connectForCommand, createPool, sessionOptions } from '../../src/postgres/pool.ts';
import { inOneRoundTrip } from '../../src/postgres/roundTrip.ts';
import { createDatabase, stopDatabaseServer } from '../support/database.ts';
import { type Nodes, startNodes } from '../support/nodes.ts';

let nodes: Nodes;
before(async () => {
  nodes = await startNodes(1);
});
after(async () => {
  await nodes.stop();
  await stopDatabaseServer();
});

function claims(count: number): Claim[] {
  const scopeId = uuidv7();
  return Array.from({ length: count }, (_, i) => ({
    scopeId,
    key: `key "${i}" \\ of { many }, NULL`,
    fingerprint: 'f',
    effectId: null,
    effectSeq: null,
    statusCode: i % 2 === 0 ? 200 : null,
    response: null,
  }));
}

test('what is sent with a BEGIN that failed is not carried out, and has its error', async () => {
  const client = await connectForCommand(nodes.databaseUrl, 'write');
  const resetter = await connectForCommand(nodes.databaseUrl, 'write');
  const keys = claims(20);
  const begin = (): Promise<void> =>
    inOneRoundTrip(client, async (db) => {
      const [begun, claimed] = await Promise.allSettled([
        beginBatch(db, { apart: false, gated: true }),
        claimKeys(db, keys),
      ]);
      assert.equal(claimed.status, begun.status);
      if (begun.status === 'rejected') throw begun.reason;
    });
  try {
    await resetter.query('BEGIN');
    await closeGate(resetter);
    await assert.rejects(begin(), (error) => gateErrorOf(error) instanceof GateClosedError);
    await resetter.query('ROLLBACK');
    await client.query('ROLLBACK');
    await begin();
    await client.query('COMMIT');
    const { rows } = await client.query('SELECT count(*) FROM idempotency_key WHERE scope_id = $1', [
      keys[0]?.scopeId,
    ]);
    assert.equal(rows[0].count, 20n);
  } finally {
    await client.end();
    await resetter.end();
  }
});

test('a statement may come twice in one round trip, also the first time, and again after one that failed', async () => {
  const client = await connectForCommand(nodes.databaseUrl, 'write');
  const sum = (a: string, b: string) => ({ name: 'sum', text: 'SELECT $1::int + $2 AS sum', values: [a, b] });
  const sums = (...pairs: [string, string][]): Promise<number[]> =>
    inOneRoundTrip(client, async (db) => {
      const results = await Promise.all(pairs.map(([a, b]) => db.query<{ sum: number }>(sum(a, b))));
      return results.map(({ rows }) => rows[0]?.sum ?? Number.NaN);
    });
  try {
    assert.deepEqual(await sums(['1', '2'], ['3', '4']), [3, 7]);
    await assert.rejects(sums(['1', '2'], ['x', '4'], ['5', '6']), /invalid input syntax/);
    assert.deepEqual(await sums(['5', '6'], ['7', '8']), [11, 15]);
    assert.equal((await client.query(sum('9', '10'))).rows[0].sum, 19, 'on its own, too');
  } finally {
    await client.end();
  }
});

test('an answer that cannot be read, and a value that cannot be sent, are errors of their statement', async () => {
  const client = await connectForCommand(nodes.databaseUrl, 'write');
  client.on('error', () => undefined);
  const ask = (text: string, values: (string | null)[] = []): Promise<unknown> =>
    inOneRoundTrip(client, (db) => db.query({ name: text, text, values }));
  try {
    await assert.rejects(ask(`SELECT 'NaN'::numeric AS amount`), SyntaxError);
    assert.deepEqual(await ask('SELECT 1 AS one'), { rows: [{ one: 1 }], command: 'SELECT', rowCount: 1 });
    await assert.rejects(ask('SELECT $1::text', [{} as string]));
    await assert.rejects(ask('SELECT 1 AS one'), 'a connection in an unknown state is not used again');
  } finally {
    await client.end().catch(() => undefined);
  }
});

test('rows are written whole, whichever of their columns have one value', async () => {
  const client = await connectForCommand(nodes.databaseUrl, 'write');
  try {
    // Fewer rows than are worth a form of their own, and more; all alike, and not.
    for (const rows of [claims(3), claims(9), claims(9).map((claim) => ({ ...claim, statusCode: 422 }))]) {
      await claimKeys(client, rows);
      const stored = await client.query(
        'SELECT key, status_code FROM idempotency_key WHERE scope_id = $1 ORDER BY key',
        [rows[0]?.scopeId],
      );
      assert.deepEqual(
        stored.rows,
        rows.map(({ key, statusCode }) => ({ key, status_code: statusCode })),
      );
    }
  } finally {
    await client.end();
  }
});

test('PostgreSQL compiles no statement, neither of a batch nor of another session', async () => {
  const client = await connectForCommand(nodes.databaseUrl, 'write');
  try {
    assert.equal((await client.query('SHOW jit')).rows[0].jit, 'off');
    await client.query('SET jit = on');
    await beginBatch(client, { apart: false, gated: false });
    assert.equal((await client.query('SHOW jit')).rows[0].jit, 'off');
    await client.query('ROLLBACK');
  } finally {
    await client.end();
  }
});

test('a plan made while a table is known to be empty walks a whole index, until plans are discarded', async () => {
  const database = await createDatabase();
  const pool = createPool(database.url, 1, () => undefined);
  await migrate(database.url, () => undefined);
  await pool.end();
  const client = await connectForCommand(database.url, 'write');
  try {
    // As an operator does after the installation.
    await client.query('ANALYZE; SET plan_cache_mode = force_generic_plan');
    const targets = { phones: [], currencies: [], transactionIds: [uuidv7()], walletIds: [] };
    const plan = async (): Promise<string> => {
      await beginBatch(client, { apart: false, gated: false });
      await findAndLockWallets(client, targets);
      const execute = `EXECUTE find_and_lock_wallets('{}', '{}', '{${uuidv7()}}', '{}')`;
      const { rows } = await client.query(`EXPLAIN (COSTS OFF) ${execute}`);
      await client.query('ROLLBACK');
      return rows.map((row) => row['QUERY PLAN']).join('\n');
    };
    // That it would keep this plan is nothing to assert: PostgreSQL discards plans itself whenever other sessions
    // define more than a busy session has kept up with.
    assert.doesNotMatch(await plan(), /transaction_pkey/);
    await client.query(`INSERT INTO transaction (id, merchant_id, type, payment_method, status, amount, currency,
        order_reference, capture_mode, created_at, updated_at, event_count, posting_count)
      SELECT gen_random_uuid(), gen_random_uuid(), 'payment', 'wallet', 'rejected', 10, 'KZT', 'order ' || n, 'manual',
        now(), now(), 0, 0 FROM generate_series(1, 20000) n`);
    await client.query('DISCARD PLANS');
    assert.match(await plan(), /transaction_pkey/);
  } finally {
    await client.end();
    await database.drop();
  }
});

test('a due payment that somebody has locked keeps no other from falling due', async () => {
  const database = await createDatabase();
  const pool = createPool(database.url, 2, () => undefined);
  await migrate(database.url, () => undefined);
  await openInstallation(pool, 'sandbox', null);
  const [locker, client] = [await pool.connect(), await pool.connect()];
  try {
    const { rows } =
      await client.query(`INSERT INTO transaction (id, merchant_id, type, payment_method, status, amount,
        currency, order_reference, capture_mode, created_at, updated_at, due_at, event_count, posting_count)
      SELECT gen_random_uuid(), gen_random_uuid(), 'payment', 'wallet', 'authorized', 10, 'KZT', 'o', 'manual', now(), now(),
        now() - n * interval '1 minute', 0, 0 FROM generate_series(1, 2) n RETURNING id`);
    const [later, first] = rows.map(({ id }) => id);
    await locker.query('BEGIN');
    await locker.query('SELECT FROM transaction WHERE id = $1 FOR UPDATE', [first]);
    await client.query(`BEGIN; SET LOCAL lock_timeout = '10s'`);
    const due = await lockDueTransactions(client, 10);
    assert.deepEqual(
      due.map(({ id }) => id),
      [later],
    );
  } finally {
    for (const each of [locker, client]) {
      await each.query('ROLLBACK');
      each.release();
    }
    await pool.end();
    await database.drop();
  }
});

test('the young generation’s collections free what a round trip sent and received', async () => {
  // As in the first half minute of a server, before V8 optimises `pg`.
  setFlagsFromString('--no-opt');
  setFlagsFromString('--no-maglev');
  setFlagsFromString('--expose-gc');
  const collect: (options: { type: 'major' | 'minor' }) => void = runInNewContext('gc');
  const oldBytes = (): number =>
    getHeapSpaceStatistics().find(({ space_name }) => space_name === 'old_space')?.space_used_size ?? 0;
  const client = await openSession(sessionOptions(nodes.databaseUrl, 'test'));
  const bytes = 20_000;
  const echo = (i: number): Promise<unknown> => {
    const values = [`${i}`.padStart(bytes, '.')];
    const statement = { name: 'echo', text: 'SELECT $1 AS text', values };
    return inOneRoundTrip(client, (db) => db.query(statement));
  };
  try {
    await echo(0);
    collect({ type: 'major' });
    const before = oldBytes();
    for (let i = 1; i <= 400; i += 1) {
      await echo(i);
      if (i % 20 === 0) collect({ type: 'minor' });
    }
    const kept = (oldBytes() - before) / 400;
    assert.ok(kept < bytes / 4, `${kept} bytes a round trip`);
  } finally {
    await client.end();
    setFlagsFromString('--opt');
    setFlagsFromString('--maglev');
  }
});
