/** What a node takes up when it starts, and what it leaves to others since it lacks their connector. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { readConfig } from '../../src/app/config.ts';
import { createLogger } from '../../src/app/logging.ts';
import { type Server, startServer } from '../../src/app/server.ts';
import { createPool } from '../../src/postgres/pool.ts';
import { bank } from '../support/accountBank.ts';
import { type StubBank, startStubBank } from '../support/bank.ts';
import { type Call, endLeases, eventually, operate, pay, settled, stored, VISA } from '../support/cards.ts';
import { createDatabase, stopDatabaseServer } from '../support/database.ts';
import { operatorOf } from '../support/operator.ts';
import { OPERATOR_KEY, request, type Sandbox, startSandbox } from '../support/sandbox.ts';

/** Another node in this process. */
async function startNode(
  environment: Record<string, string>,
): Promise<Server & { log: string[]; call: Call }> {
  const log: string[] = [];
  const logger = createLogger('debug', { write: (line: string) => log.push(line) });
  const nowhere = async () => ({ url: () => 'http://127.0.0.1:1', stop: async () => undefined });
  const server = await startServer(readConfig({ PORT: '0', ...environment }), logger, nowhere);
  return { ...server, log, call: (method, at, options) => request(server.url, method, at, options) };
}

test('what is due at the start is taken up once it is known whom to ask: no attempt is lost', async (t) => {
  const stub: StubBank = await startStubBank();
  const database = await createDatabase(process.env.TEST_TEMPLATE);
  const pool = createPool(database.url, 2, () => undefined);
  const environment = { DATABASE_URL: database.url, ...stub.environment };
  t.after(async () => {
    await pool.end();
    await database.drop();
    await stub.end();
    await stopDatabaseServer();
  });
  const before = await startNode(environment);
  const ids = await Promise.all([0, 1].map(async () => (await pay(before.call, VISA)).body.id as string));
  const [asked = '', due = ''] = ids;
  stub.answer = () => ({ status: 503, body: {} });
  const captured = operate(before.call, asked, 'capture').catch(() => null);
  await eventually('it was asked', async () => stub.asked.some(({ path: at }) => at.endsWith('/captures')));
  await before.stop();
  await captured;

  await endLeases(pool);
  await pool.query('UPDATE bank_operation SET attempts = 3 WHERE status = $1', ['pending']);
  const now = 'clock_timestamp()';
  await pool.query(`UPDATE transaction SET capture_at = ${now}, due_at = ${now} WHERE id = $1`, [due]);
  stub.answer = ({ path: at, body }) => ({
    body: {
      status: at.includes('/operations/') ? 'not_found' : 'done',
      operationId: body?.operationId ?? at.split('/').at(-1),
    },
  });
  const again = await startNode(environment);
  t.after(() => again.stop());
  for (const id of ids) {
    await eventually('it is charged', async () => (await stored(pool, id)).status === 'charged');
  }
  const { rows } = await pool.query(
    `SELECT payment_id AS id, attempts FROM bank_operation WHERE kind = 'capture' ORDER BY attempts`,
  );
  assert.deepEqual(rows, [
    { id: due, attempts: 0 },
    { id: asked, attempts: 4 },
  ]);
  assert.doesNotMatch(again.log.join(''), /the bank was not reached/);
});

describe('beside a node without the connector of an acquirer', () => {
  let sandbox: Sandbox;
  let lacking: Awaited<ReturnType<typeof startNode>>;
  let acquirerId: string;
  before(async () => {
    sandbox = await startSandbox({ CONNECTORS: path.join(import.meta.dirname, '../support/accountBank.ts') });
    const operator = operatorOf(sandbox);
    const one = { name: 'A', connector: 'account-bank', url: 'http://127.0.0.1:1', secret: 's' };
    acquirerId = (await operator('POST', '/acquirers', one)).body.id;
    lacking = await startNode({ DATABASE_URL: sandbox.databaseUrl });
    const routes = [{ acquirerId }];
    assert.equal((await operator('PUT', '/acquirer-routes', { routes })).status, 200);
  });
  after(async () => {
    await lacking?.stop();
    await sandbox?.stop();
  });

  test('what is asked for there is asked by the others, and costs no attempt', async () => {
    const { id } = (await pay(sandbox.call, VISA)).body;
    const captured = await operate(lacking.call, id, 'capture');
    assert.ok([200, 202].includes(captured.status), captured.text);
    assert.equal((await settled(sandbox.pool, id)).status, 'charged');
    assert.deepEqual(
      bank.asked.filter(({ paymentId }) => paymentId === id).map(({ method }) => method),
      ['authorize', 'inquire', 'capture'],
    );
    const { rows } = await sandbox.pool.query(
      `SELECT attempts FROM bank_operation WHERE payment_id = $1 AND kind = 'capture'`,
      [id],
    );
    assert.deepEqual(rows, [{ attempts: 1 }]);
    assert.doesNotMatch(lacking.log.join(''), /the bank was not reached/);
  });

  test('its new payments go elsewhere', async () => {
    const paid = pay(lacking.call, VISA, { orderReference: 'ELSEWHERE' });
    const { id } = await eventually('it is recorded', async () => {
      const { rows } = await sandbox.pool.query(
        `SELECT acquirer_id AS id FROM transaction WHERE order_reference = 'ELSEWHERE'`,
      );
      return rows[0];
    });
    assert.notEqual(id, acquirerId);
    await paid;
  });

  test('operators are told: once in its log, and whenever it is asked', async () => {
    const problemsOf = async (call: Call) => {
      const { body } = await call('GET', '/v1/admin/acquirers', { apiKey: OPERATOR_KEY });
      const { isSetUp, problem } = body.items.find(({ id }: { id: string }) => id === acquirerId);
      return { isSetUp, problem };
    };
    assert.deepEqual(await problemsOf(lacking.call), { isSetUp: false, problem: 'connector_missing' });
    assert.deepEqual(await problemsOf(sandbox.call), { isSetUp: true, problem: null });
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    const told = lacking.log.filter((line) => line.includes('has no such connector'));
    assert.equal(told.length, 1, told.join('\n'));
    assert.match(told[0] ?? '', /account-bank/);
  });
});
