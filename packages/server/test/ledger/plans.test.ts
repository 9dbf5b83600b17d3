/** How the audit is planned where there is much of everything. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fillTransactions } from '../../../../bench/transactions.ts';
import { auditWithin } from '../../src/ledger/auditSql.ts';
import { listOpenHolds } from '../../src/ledger/statementsSql.ts';
import { createPool, type Pool, type Queryable } from '../../src/postgres/pool.ts';
import { createDatabase, stopDatabaseServer, type TestDatabase } from '../support/database.ts';
import { DEMO_STORE } from '../support/operator.ts';

let database: TestDatabase;
let pool: Pool;
before(async () => {
  database = await createDatabase(process.env.TEST_TEMPLATE);
  pool = createPool(database.url, 1, () => undefined);
  await fillTransactions(database.url, DEMO_STORE, 50_000);
  await pool.query(
    `INSERT INTO bank_operation (id, transaction_id, payment_id, merchant_id, kind, amount, currency, actor, status, requested_at, settled_at)
     SELECT id, id, id, merchant_id, 'authorize', amount, currency, 'api', 'done', created_at, created_at FROM transaction
     WHERE payment_method = 'card'`,
  );
  await pool.query('VACUUM (ANALYZE) bank_operation');
  // Few accounts with many postings each. Nothing is audited here, so whose they were is no matter.
  await pool.query('DELETE FROM account WHERE id NOT IN (SELECT id FROM account LIMIT 1000)');
  await pool.query('VACUUM (ANALYZE) account');
});
after(async () => {
  await pool?.end();
  await database?.drop();
  await stopDatabaseServer();
});

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Parent Relationship'?: string;
  readonly Plans?: readonly PlanNode[];
}

/** Tables that a plan reads from end to end for each row of something else. */
function readAgain(node: PlanNode, isRepeated = false): string[] {
  const { 'Node Type': type, Plans: children = [] } = node;
  if (isRepeated && (type === 'Seq Scan' || type === 'Materialize')) return [node['Relation Name'] ?? type];
  return children.flatMap((child) => {
    const relationship = child['Parent Relationship'];
    const isAgain = relationship === 'SubPlan' || (type === 'Nested Loop' && relationship === 'Inner');
    return readAgain(child, isRepeated || isAgain);
  });
}

test('no check goes through a whole table once for each row of another', async () => {
  let plans = 0;
  const again: string[] = [];
  const explain = async (sql: string): Promise<{ rows: [] }> => {
    if (sql.startsWith('SET')) return { rows: [] };
    const { rows } = await pool.query(`EXPLAIN (FORMAT JSON) ${sql}`);
    const [{ Plan }] = rows[0]['QUERY PLAN'];
    plans += 1;
    again.push(...readAgain(Plan).map((table) => `${table}: ${sql}`));
    return { rows: [] };
  };
  await auditWithin({ query: explain } as unknown as Queryable);
  assert.ok(plans > 7);
  assert.deepEqual(again, []);
});

test('open holds are looked up, though a wallet had many payments', async () => {
  const asked: string[] = [];
  const explain = async ({ text }: { readonly text: string }): Promise<{ rows: [] }> => {
    const wallet = `(SELECT wallet_id FROM transaction WHERE status = 'authorized' AND wallet_id IS NOT NULL LIMIT 1)`;
    const { rows } = await pool.query(`EXPLAIN ${text.replace('$1', wallet)}`);
    asked.push(rows.map((row) => row['QUERY PLAN']).join('\n'));
    return { rows: [] };
  };
  await listOpenHolds({ query: explain } as unknown as Queryable, DEMO_STORE);
  assert.match(asked.join('\n'), /Index Scan using open_hold on transaction/);
});
