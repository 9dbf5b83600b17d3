/** The roles that docs/audit-log.md gives to the server and to retention: what they may do, and what they may not. */
import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { createPool, inTransaction, type Pool } from '../../src/postgres/pool.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { type ServerProcess, startServerProcess } from '../support/process.ts';
import { CUSTOMER, DEMO_KEY, OPERATOR_KEY, request } from '../support/sandbox.ts';

const DOCUMENT = new URL('../../../../docs/audit-log.md', import.meta.url);
const [SERVER = '', RETENTION = ''] = [
  ...readFileSync(DOCUMENT, 'utf8').matchAll(/```sql\n([\s\S]*?)```/g),
].map(([, sql]) => sql);
/** Roles belong to all databases of a server. */
const ROLE = `plexy_server_${randomBytes(6).toString('hex')}`;

let database: TestDatabase;
let owner: Pool;
let url: URL;
const processes: ServerProcess[] = [];
before(async () => {
  database = await createDatabase();
  owner = createPool(database.url, 2, () => undefined);
  // The first start, as the owner: it migrates, and puts the sandbox's first contents in.
  const first = await startServerProcess({ DATABASE_URL: database.url });
  processes.push(first);
  await first.end();
  await owner.query(SERVER.replaceAll('plexy_server', ROLE).replaceAll('…', ROLE));
  url = new URL(database.url);
  [url.username, url.password] = [ROLE, ROLE];
});
after(async () => {
  for (const process of processes) await process.end();
  await owner.query(`DROP OWNED BY ${ROLE}; DROP ROLE ${ROLE}`);
  await owner.end();
  await database.drop();
});

test('the server works as the role that owns nothing, and so does its migration of nothing', async () => {
  const server = await startServerProcess({ DATABASE_URL: url.href });
  processes.push(server);
  const call = (method: string, path: string, body?: object, apiKey = DEMO_KEY) =>
    request(server.url, method, path, { apiKey, body, idempotencyKey: randomUUID() });
  const answers = [
    await call('POST', '/v1/wallet/authorize', {
      ...CUSTOMER,
      amount: 1_000,
      currency: 'KZT',
      orderReference: 'ROLE-1',
    }),
  ];
  const path = `/v1/wallet/${answers[0]?.body.walletTransactionId}`;
  answers.push(
    await call('POST', `${path}/capture`, { amount: 1_000 }),
    await call('POST', `${path}/refund`, { amount: 400 }),
    await call('POST', '/v1/webhook-endpoints', { url: 'http://127.0.0.1:9/hook', events: [] }),
    await call('POST', '/v1/admin/merchants', { name: 'New' }, OPERATOR_KEY),
    await call('POST', '/v1/sandbox/clock', { advanceSeconds: 60 }),
    await call('GET', '/v1/events'),
    await call('GET', '/v1/audit-log'),
  );
  assert.deepEqual(
    answers.filter(({ status }) => status >= 300).map(({ text }) => text),
    [],
  );
  await server.end();
});

test('it may neither change the past nor take the triggers away that keep it', async () => {
  const own = createPool(url.href, 1, () => undefined);
  try {
    for (const table of ['audit_log', 'event', 'posting', 'wallet_transfer'])
      for (const sql of [
        `DELETE FROM ${table}`,
        `TRUNCATE ${table}`,
        `ALTER TABLE ${table} DISABLE TRIGGER ALL`,
        `DROP TABLE ${table}`,
      ])
        await assert.rejects(own.query(sql), { code: '42501' }, sql);
    await assert.rejects(own.query('CREATE TABLE thing ()'), { code: '42501' });
  } finally {
    await own.end();
  }
});

test('what is to be migrated is said to be the owner’s', async () => {
  const { rows } = await owner.query('SELECT max(name) AS name FROM migration');
  await owner.query('DELETE FROM migration WHERE name = $1', [rows[0].name]);
  await assert.rejects(startServerProcess({ DATABASE_URL: url.href }), (error: Error) => {
    assert.match(error.message, /run "npx plexy migrate" as the owner of its tables/);
    assert.doesNotMatch(error.message, /\n\s+at /, 'no stack');
    return true;
  });
});

test('retention deletes from the audit log, and does nothing else', async () => {
  const [grants = '', deletion = ''] = RETENTION.split(/^-- as plexy_retention.*$/m);
  class Undone extends Error {}
  await assert.rejects(
    inTransaction(owner, async (client) => {
      await client.query(grants);
      await client.query('SET LOCAL ROLE plexy_retention');
      await client.query(deletion);
      await client.query('DELETE FROM audit_log');
      await client.query('SAVEPOINT attempt');
      for (const sql of [`UPDATE audit_log SET action = 'x'`, 'DELETE FROM event', 'SELECT FROM merchant']) {
        await assert.rejects(client.query(sql), { code: '42501' }, sql);
        await client.query('ROLLBACK TO SAVEPOINT attempt');
      }
      throw new Undone();
    }),
    Undone,
  );
});
