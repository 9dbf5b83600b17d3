import { newId } from '../installation/newId.ts';
import { TIME_LIMIT_MS } from '../payments/lookupsSql.ts';
import { type Column, insertOf } from '../postgres/columns.ts';
import { inTransaction, type Pool } from '../postgres/pool.ts';
import { loggedPath, loggedText, type RequestLogEntry } from './loggedRequest.ts';

const COLUMNS: readonly Column<RequestLogEntry>[] = [
  { name: 'merchant_id', type: 'uuid', value: (e) => e.merchantId },
  { name: 'id', type: 'uuid', value: () => newId() },
  { name: 'at', type: 'time', value: (e) => e.at },
  { name: 'method', type: 'word', value: (e) => e.method },
  { name: 'route', type: 'text', value: (e) => e.route },
  { name: 'path', type: 'text', value: (e) => loggedPath(e.url) },
  { name: 'status', type: 'int', value: (e) => e.status },
  { name: 'latency_us', type: 'int', value: (e) => Math.round(e.latencyMs * 1_000) },
  { name: 'request_id', type: 'word', value: (e) => e.requestId },
  {
    name: 'idempotency_key',
    type: 'text',
    value: (e) => (e.idempotencyKey === null ? null : loggedText(e.idempotencyKey)),
  },
  { name: 'reason', type: 'word', value: (e) => e.reason },
  { name: 'credential_id', type: 'uuid', value: (e) => e.credentialId },
];

const INSERT_REQUESTS = insertOf('insert_requests', 'request_log', COLUMNS);

export async function insertRequests(pool: Pool, entries: readonly RequestLogEntry[]): Promise<void> {
  await pool.query(INSERT_REQUESTS(entries));
}

export interface LoggedRequest {
  readonly id: string;
  readonly at: number;
  readonly method: string;
  readonly route: string;
  readonly path: string;
  readonly status: number;
  /** Microseconds. */
  readonly latency: number;
  readonly requestId: string;
  readonly idempotencyKey: string | null;
  readonly reason: string | null;
  readonly credentialId: string;
}

export interface RequestFilter {
  /** 2 for 2xx, and so on; null: any. */
  readonly statusClass: number | null;
  readonly method: string | null;
  /** Part of path, reason, request id or Idempotency-Key. */
  readonly text: string | null;
}

/** Newest first. A search that takes longer than `TIME_LIMIT_MS` is ended (SQLSTATE 57014). */
export async function listRequests(
  pool: Pool,
  merchantId: string,
  { statusClass, method, text }: RequestFilter,
  before: string | null,
  limit: number,
): Promise<LoggedRequest[]> {
  const pattern = text === null ? null : `%${text.replace(/[\\%_]/g, '\\$&')}%`;
  return inTransaction(pool, async (db) => {
    await db.query(
      `SET TRANSACTION READ ONLY; SET LOCAL statement_timeout = ${TIME_LIMIT_MS}; SET LOCAL jit = off`,
    );
    const { rows } = await db.query<LoggedRequest>(
      `SELECT id, at, method, route, path, status, latency_us AS latency, request_id AS "requestId",
         idempotency_key AS "idempotencyKey", reason, credential_id AS "credentialId"
       FROM request_log WHERE merchant_id = $1 AND ($2::uuid IS NULL OR id < $2)
         AND ($3::int IS NULL OR status / 100 = $3) AND ($4::text IS NULL OR method = $4)
         AND ($5::text IS NULL OR path ILIKE $5 OR reason ILIKE $5 OR request_id ILIKE $5 OR idempotency_key ILIKE $5)
       ORDER BY id DESC LIMIT $6`,
      [merchantId, before, statusClass, method, pattern, limit],
    );
    return rows;
  });
}
