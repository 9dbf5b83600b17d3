/** The audit log. Rows are only ever added: the database refuses anything else (migration 0019). */

import { exactJson } from '../core/values/exactJson.ts';
import { newId } from '../installation/newId.ts';
import { TIME_LIMIT_MS } from '../payments/lookupsSql.ts';
import { type Column, namesOf, statementOf } from '../postgres/columns.ts';
import { inTransaction, type Pool, type StatementRunner } from '../postgres/pool.ts';
import type { AuditAction, AuditActor, AuditEntry } from './auditEntry.ts';

interface Row extends AuditEntry {
  readonly id: string;
}

const COLUMNS: readonly Column<Row>[] = [
  { name: 'id', type: 'uuid', value: (e) => e.id },
  { name: 'at', type: 'time', value: (e) => timeOf(e.id) },
  { name: 'merchant_id', type: 'uuid', value: (e) => e.merchantId },
  { name: 'actor_kind', type: 'word', value: (e) => e.actor.kind },
  { name: 'actor_id', type: 'uuid', value: (e) => e.actor.id },
  { name: 'actor_name', type: 'text', value: (e) => e.actor.name ?? null },
  { name: 'by_operator', type: 'boolean', value: (e) => e.actor.isOperator },
  { name: 'credential_id', type: 'uuid', value: (e) => e.actor.credentialId },
  { name: 'address', type: 'text', value: (e) => e.actor.address },
  { name: 'request_id', type: 'text', value: (e) => e.actor.requestId },
  { name: 'action', type: 'word', value: (e) => e.action },
  { name: 'object_kind', type: 'word', value: (e) => e.object.kind },
  { name: 'object_id', type: 'text', value: (e) => e.object.id },
  { name: 'before', type: 'text', value: (e) => jsonOf(e.before) },
  { name: 'after', type: 'text', value: (e) => jsonOf(e.after) },
];

/** A key or a user is called as it was at the time, whatever becomes of it. Where that is known it is not looked for. */
const INSERT = statementOf('insert_audit_log', COLUMNS, ({ of, from }) => {
  const values = COLUMNS.map(({ name }) => {
    if (name === 'before' || name === 'after') return `${of(name)}::json`;
    if (name !== 'actor_name') return of(name);
    return `coalesce(${of(name)}, (SELECT email FROM dashboard_user WHERE id = ${of('actor_id')}),
        (SELECT name FROM api_key WHERE id = ${of('actor_id')}))`;
  });
  return `INSERT INTO audit_log (${namesOf(COLUMNS)}) SELECT ${values.join(', ')} FROM ${from}`;
});

/** Adds lines within the transaction of what they tell. */
export async function insertAuditEntries(db: StatementRunner, entries: readonly AuditEntry[]): Promise<void> {
  await db.query(INSERT(entries.map((entry) => ({ ...entry, id: newId() }))));
}

function jsonOf(values: AuditEntry['before']): string | null {
  return values == null ? null : exactJson(values);
}

/** The milliseconds in a UUIDv7. */
function timeOf(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

/** The first id of a millisecond. */
function idAt(time: number): string {
  const hex = Math.max(0, time).toString(16).padStart(12, '0').slice(-12);
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}

export interface AuditFilter {
  /** Null: every merchant's, and what is of none. */
  readonly merchantId: string | null;
  readonly actorId: string | null;
  readonly action: AuditAction | null;
  readonly objectId: string | null;
  /** In milliseconds; `to` is the first that is no longer wanted. */
  readonly from: number | null;
  readonly to: number | null;
}

export interface AuditLogRow {
  readonly id: string;
  readonly at: number;
  readonly merchantId: string | null;
  readonly actorKind: AuditActor['kind'];
  readonly actorId: string | null;
  readonly actorName: string | null;
  readonly byOperator: boolean;
  readonly credentialId: string | null;
  readonly address: string | null;
  readonly requestId: string | null;
  readonly action: AuditAction;
  readonly objectKind: string;
  readonly objectId: string | null;
  readonly before: Readonly<Record<string, unknown>> | null;
  readonly after: Readonly<Record<string, unknown>> | null;
}

/**
 * Newest first. A search that takes longer than `TIME_LIMIT_MS` is ended (SQLSTATE 57014). To a merchant an
 * operator is nobody in particular, so none is found by id.
 */
export async function listAuditEntries(
  pool: Pool,
  { merchantId, actorId, action, objectId, from, to }: AuditFilter,
  before: string | null,
  limit: number,
): Promise<AuditLogRow[]> {
  return inTransaction(pool, async (db) => {
    await db.query(
      `SET TRANSACTION READ ONLY; SET LOCAL statement_timeout = ${TIME_LIMIT_MS}; SET LOCAL jit = off`,
    );
    const { rows } = await db.query<AuditLogRow>(
      `SELECT id, at, merchant_id AS "merchantId", actor_kind AS "actorKind", actor_id AS "actorId",
         actor_name AS "actorName", by_operator AS "byOperator", credential_id AS "credentialId", address,
         request_id AS "requestId", action, object_kind AS "objectKind", object_id AS "objectId", before, after
       FROM audit_log WHERE ($1::uuid IS NULL OR merchant_id = $1) AND ($2::uuid IS NULL OR id < $2)
         AND ($3::uuid IS NULL OR (actor_id = $3 AND ($1::uuid IS NULL OR NOT by_operator)))
         AND ($4::text IS NULL OR action = $4) AND ($5::text IS NULL OR object_id = $5)
         AND ($6::uuid IS NULL OR id >= $6) AND ($7::uuid IS NULL OR id < $7)
       ORDER BY id DESC LIMIT $8`,
      [
        ...[merchantId, before, actorId, action, objectId],
        ...[from === null ? null : idAt(from), to === null ? null : idAt(to), limit],
      ],
    );
    return rows;
  });
}
