import pg from 'pg';
import { audit } from '../packages/server/src/ledger/auditSql.ts';
import { query } from './database.ts';

/** Audits the ledger. @returns a sentence. @throws Error when the money of the run does not add up */
export async function checkLedger(url: string): Promise<string> {
  // Without the product's limit on a query's time: this reads every row of the run.
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  const violations = await audit(pool).finally(() => pool.end());
  if (violations.length > 0) throw new Error(`the audit found: ${JSON.stringify(violations, null, 2)}`);
  const { rows } = await query(url, 'SELECT count(*)::int AS count FROM transaction');
  return `The audit of all ${rows[0].count.toLocaleString('en')} transactions is clean.`;
}
