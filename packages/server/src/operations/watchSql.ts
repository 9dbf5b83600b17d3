/** What of the database is looked at for the metrics: each by an index, or of a few rows. */
import type { Queryable } from '../postgres/pool.ts';

export interface Watched {
  /** How long ago the first of what has fallen due was to be done; 0 when nothing has. */
  readonly overdueSeconds: number;
  readonly bankPending: number;
  readonly bankOldestSeconds: number;
  /** When the last audit ended that operators have asked for; null: none has. */
  readonly auditedAt: number | null;
  /** Null: it could not be done. */
  readonly auditViolations: number | null;
  /** The database's clock, in real time. */
  readonly clockMs: number;
}

/** What has fallen due, what banks have not answered, and the last audit. */
export async function readWatched(db: Queryable): Promise<Watched> {
  const due = (table: string): string => `(SELECT min(due_at) FROM ${table} WHERE due_at IS NOT NULL)`;
  const { rows } = await db.query<Watched>({
    name: 'watch',
    text: `SELECT greatest(0, extract(epoch FROM c.now - least(${due('transaction')}, ${due('payment_link')})))::float8
        AS "overdueSeconds",
      b.pending AS "bankPending", greatest(0, coalesce(extract(epoch FROM c.now - b.first), 0))::float8 AS "bankOldestSeconds",
      a.at AS "auditedAt", a.violations AS "auditViolations",
      (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS "clockMs"
    FROM (SELECT clock_timestamp() + clock_offset_ms * interval '1 millisecond' AS now FROM installation) c
    CROSS JOIN (SELECT count(*)::int AS pending, min(requested_at) AS first FROM bank_operation
      WHERE next_attempt_at IS NOT NULL) b
    LEFT JOIN (SELECT extract(epoch FROM finished_at)::float8 AS at, jsonb_array_length(violations) AS violations
      FROM audit_run WHERE finished_at IS NOT NULL ORDER BY id DESC LIMIT 1) a ON true`,
  });
  const [row] = rows;
  if (row === undefined) throw new Error('the installation row is missing');
  return row;
}
