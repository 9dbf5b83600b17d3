import type { AnswerKey } from '../core/command.ts';
import type { Queryable } from '../postgres/pool.ts';

export interface KeptResponse {
  /** Null while the response is waited for. */
  readonly statusCode: number | null;
  readonly response: string | null;
  readonly effectId: string | null;
}

/** Until its transaction ends, a request waits this long for another one with the same key. */
export async function waitForKeys(db: Queryable): Promise<void> {
  await db.query(`SET LOCAL lock_timeout = '10s'`);
}

/** What is stored under an idempotency key; null when there is none. */
export async function findResponse(db: Queryable, key: AnswerKey): Promise<KeptResponse | null> {
  const { rows } = await db.query<KeptResponse>({
    name: 'find_response',
    text: `SELECT status_code AS "statusCode", response, effect_id AS "effectId" FROM idempotency_key
      WHERE scope_id = $1 AND key = $2`,
    values: [key.scopeId, key.key],
  });
  return rows[0] ?? null;
}
