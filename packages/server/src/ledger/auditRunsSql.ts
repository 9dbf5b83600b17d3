/** Audits that operators asked for: one at a time in the whole installation, their results kept. In real time. */

import { ADVISORY_LOCKS } from '../postgres/advisoryLocks.ts';
import type { Queryable } from '../postgres/pool.ts';
import type { Violation } from './auditSql.ts';

/** Until the session ends nobody else can take it. @returns false when somebody has it */
export async function takeAuditLock(session: Queryable): Promise<boolean> {
  const { rows } = await session.query<{ taken: boolean }>('SELECT pg_try_advisory_lock($1) AS taken', [
    ADVISORY_LOCKS.audit,
  ]);
  return rows[0]?.taken === true;
}

export async function insertAuditRun(db: Queryable, id: string): Promise<AuditRun> {
  await db.query('INSERT INTO audit_run (id, started_at) VALUES ($1, clock_timestamp())', [id]);
  const run = await findLastAuditRun(db);
  if (run === null) throw new Error('the audit was not recorded');
  return run;
}

/** @param violations null: it could not be done */
export async function finishAuditRun(
  db: Queryable,
  id: string,
  violations: readonly Violation[] | null,
): Promise<void> {
  // Numbers may be greater than JSON's.
  const text = JSON.stringify(violations, (_key, value) =>
    typeof value === 'bigint' ? String(value) : value,
  );
  await db.query(
    'UPDATE audit_run SET finished_at = clock_timestamp(), violations = $2::jsonb WHERE id = $1',
    [id, violations === null ? null : text],
  );
}

export interface AuditRun {
  readonly id: string;
  readonly startedAt: number;
  readonly finishedAt: number | null;
  readonly violations: readonly Violation[] | null;
  readonly running: boolean;
}

export async function findLastAuditRun(db: Queryable): Promise<AuditRun | null> {
  const { rows } = await db.query<AuditRun>(
    `SELECT id, started_at AS "startedAt", finished_at AS "finishedAt", violations,
       finished_at IS NULL AND EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = $1
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) AS running
     FROM audit_run ORDER BY id DESC LIMIT 1`,
    [ADVISORY_LOCKS.audit],
  );
  return rows[0] ?? null;
}
