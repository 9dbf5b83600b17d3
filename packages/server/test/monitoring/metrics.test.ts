/** docs/metrics.md and what `/metrics` serves, compared both ways. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { eventually } from '../support/cards.ts';
import { startNodes } from '../support/nodes.ts';
import { operatorOf } from '../support/operator.ts';
import { type Sandbox, startSandbox } from '../support/sandbox.ts';
import { startReceiver } from '../support/webhooks.ts';

const DOCUMENT = path.join(import.meta.dirname, '../../../../docs/metrics.md');

/** Without a standby nothing is read from one, and what is asked of a kernel for a moment need not be there. */
const SOMETIMES = /^(?:plexy_replica_reads_total|nodejs_active_requests)$/;
const OF_WORKERS = /^plexy_worker/;

interface Row {
  readonly type: string;
  readonly labels: readonly string[];
}

function documented(): Map<string, Row> {
  const rows = readFileSync(DOCUMENT, 'utf8').matchAll(/^\| `(\w+)` \| (\w+) \| ([^|]+) \|/gm);
  return new Map(
    [...rows].map(([, name = '', type = '', labels = '']) => [
      name,
      { type, labels: labels.trim() === '–' ? [] : labels.split(',').map((label) => label.trim()) },
    ]),
  );
}

function served(text: string): Map<string, Row> {
  const types = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)];
  const samples = [...text.matchAll(/^(\w+)(?:\{(.*)\})? /gm)];
  return new Map(
    types.map(([, name = '', type = '']) => {
      const parts = type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name];
      const own = samples.filter(([, sample = '']) => parts.includes(sample));
      const labels = own.flatMap(([, , given = '']) =>
        [...given.matchAll(/(\w+)="/g)].map(([, label = '']) => label),
      );
      return [name, { type, labels: [...new Set(labels)].filter((label) => label !== 'le') }];
    }),
  );
}

let sandbox: Sandbox;
before(async () => {
  sandbox = await startSandbox();
});
after(() => sandbox.stop());

const metrics = async (): Promise<string> => (await sandbox.call('GET', '/metrics', { apiKey: null })).text;

test('every metric is in the table with its type and labels, and every row of the table is served', async (t) => {
  const receiver = await startReceiver();
  t.after(receiver.stop);
  await sandbox.call('POST', '/v1/webhook-endpoints', { body: { url: receiver.url } });
  await sandbox.authorize({}, {});
  const card = { number: '4242424242424242', expiryMonth: 12, expiryYear: 2035, cvc: '123' };
  const body = { amount: 100, currency: 'KZT', orderReference: 'MEASURED', card };
  for (let i = 0; i < 2; i += 1)
    await sandbox.call('POST', '/v1/payments', { idempotencyKey: 'measured', body });
  // An endpoint that answers nobody has something pending, and a statement that takes too long fails its batch.
  receiver.answer(() => undefined);
  await sandbox.authorize();
  const blocker = await sandbox.pool.connect();
  await blocker.query('BEGIN; LOCK TABLE idempotency_key IN ACCESS EXCLUSIVE MODE');
  const late = sandbox.authorize();
  await eventually('a batch that failed', async () =>
    /^plexy_database_errors_total\{.*\} [1-9]/m.test(await metrics()),
  );
  await blocker.query('ROLLBACK');
  blocker.release();
  await late;
  const rows = documented();
  const text = await eventually('every metric with its labels', async () => {
    const found = await metrics();
    const have = served(found);
    const isWhole = [...rows].every(
      ([name, { labels }]) =>
        SOMETIMES.test(name) || labels.every((label) => have.get(name)?.labels.includes(label) === true),
    );
    return isWhole && found;
  });
  const have = served(text);
  assert.deepEqual(
    [...have.keys()].filter((name) => !rows.has(name)),
    [],
    'not in docs/metrics.md',
  );
  assert.deepEqual(
    [...rows.keys()].filter((name) => !have.has(name) && !OF_WORKERS.test(name)),
    [],
    'not served',
  );
  for (const [name, { type, labels }] of have) {
    assert.equal(type, rows.get(name)?.type, name);
    assert.deepEqual(
      labels.filter((label) => !rows.get(name)?.labels.includes(label)),
      [],
      name,
    );
  }
  assert.match(text, /^plexy_idempotency_replays_total 1$/m);
  assert.match(
    text,
    /^plexy_bank_question_duration_seconds_count\{acquirer="[0-9a-f-]+",kind="authorize",outcome="approved"\} 1$/m,
  );
  assert.match(text, /^plexy_ready 1$/m);
});

test('what the database says is there: an audit, what is overdue, what no bank has answered', async () => {
  const operate = operatorOf(sandbox);
  assert.match(await metrics(), /^plexy_audit_finished_timestamp_seconds 0$/m);
  assert.equal((await operate('POST', '/audit', undefined, 'measured')).status, 201);
  const text = await eventually('an audit', async () => {
    const found = await metrics();
    return /^plexy_audit_finished_timestamp_seconds [1-9]/m.test(found) && found;
  });
  assert.match(text, /^plexy_audit_violations 0$/m);
  const skew = Number(/^plexy_clock_skew_seconds (\S+)$/m.exec(text)?.[1]);
  assert.ok(Math.abs(skew) < 1, String(skew));
});

test('a node that loses its database says that it is not ready', async () => {
  const { rows } = await sandbox.pool.query(
    'DELETE FROM migration RETURNING name, hash, applied_at::text AS at',
  );
  assert.match(await metrics(), /^plexy_ready 0$/m);
  for (const row of rows)
    await sandbox.pool.query('INSERT INTO migration VALUES ($1, $2, $3)', [row.name, row.hash, row.at]);
  assert.match(await metrics(), /^plexy_ready 1$/m);
});

test('a node of several workers serves the same, and what is of workers', async () => {
  const nodes = await startNodes(1, { WORKERS: '2' });
  try {
    const { text } = await nodes.call('GET', '/metrics', { apiKey: null });
    const [rows, have] = [documented(), served(text)];
    assert.deepEqual([...have.keys()].sort(), [...rows.keys()].sort());
    for (const [name, { type }] of have) assert.equal(type, rows.get(name)?.type, name);
    assert.match(text, /^plexy_workers 2$/m);
    assert.match(text, /^plexy_ready 1$/m);
  } finally {
    await nodes.stop();
  }
});
