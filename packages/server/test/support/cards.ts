/** Card payments over HTTP, for tests. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Pool } from '../../src/postgres/pool.ts';
import type { CallOptions, Reply } from './sandbox.ts';

export type Call = (method: string, path: string, options?: CallOptions) => Promise<Reply>;

export const VISA = '4242424242424242';
export const CHALLENGED = '4000000000003220';

export function cardOf(number: string): Record<string, unknown> {
  return { number, expiryMonth: 12, expiryYear: 2040, cvc: number.startsWith('37') ? '1234' : '123' };
}

/** Pays 100.00 KZT with this card, unless `body` or `options` say otherwise. */
export function pay(
  call: Call,
  number: string,
  body: Record<string, unknown> = {},
  options: CallOptions = {},
): Promise<Reply> {
  return call('POST', '/v1/payments', {
    idempotencyKey: crypto.randomUUID(),
    body: { amount: 10_000, currency: 'KZT', orderReference: 'CARD-1', card: cardOf(number), ...body },
    ...options,
  });
}

/** Captures, cancels or refunds; all that remains without `amount`. Of a capture `options.body` may say `final`. */
export function operate(
  call: Call,
  id: string,
  operation: 'capture' | 'cancel' | 'refund',
  amount?: number,
  { body: more = {}, ...options }: Omit<CallOptions, 'body'> & { readonly body?: object } = {},
): Promise<Reply> {
  const body = amount === undefined ? more : { ...more, amount };
  return call('POST', `/v1/transactions/${id}/${operation}`, { body, ...options });
}

export interface Row {
  readonly id: string;
  readonly status: string;
  readonly status_reason: string | null;
  readonly operation_id: string | null;
  readonly redirect_url: string | null;
  readonly captured: bigint;
  readonly released: bigint;
  readonly refunded: bigint;
  readonly reserved: bigint;
}

export async function stored(pool: Pool, id: string): Promise<Row> {
  const { rows } = await pool.query<Row>('SELECT * FROM transaction WHERE id = $1', [id]);
  const [row] = rows;
  if (row === undefined) throw new Error(`there is no transaction ${id}`);
  return row;
}

/** Waits until `get` has something. */
export async function eventually<T>(
  what: string,
  get: () => Promise<T | null | undefined | false>,
  limitMs = 60_000,
): Promise<T> {
  for (const end = performance.now() + limitMs; performance.now() < end; await pause(50)) {
    const value = await get();
    if (value !== null && value !== undefined && value !== false) return value;
  }
  throw new Error(`it did not happen: ${what}`);
}

/** The transaction once nothing is outstanding at the bank. */
export function settled(pool: Pool, id: string, limitMs?: number): Promise<Row> {
  return eventually(
    `transaction ${id} is settled`,
    async () => {
      const row = await stored(pool, id);
      return row.operation_id === null && row.status !== 'created' && row;
    },
    limitMs,
  );
}

/** Moves the test clock. */
export async function advanceClock(pool: Pool, ms: number): Promise<void> {
  await pool.query('UPDATE installation SET clock_offset_ms = clock_offset_ms + $1', [ms]);
}

/** As if what is outstanding had just been asked, `seconds` from now: a test must not depend on how long a start takes. */
export async function askedNow(pool: Pool, seconds = 0): Promise<void> {
  await pool.query(
    `UPDATE bank_operation SET requested_at = i.now, answer_due_at = CASE WHEN answer_due_at IS NOT NULL THEN i.now + interval '10 seconds' END
     FROM (SELECT clock_timestamp() + clock_offset_ms * interval '1 millisecond' + $1 * interval '1 second' AS now FROM installation) i
     WHERE status = 'pending'`,
    [seconds],
  );
}

/** As if the node that carries out the bank's operations had died long ago. */
export async function endLeases(pool: Pool): Promise<void> {
  await pool.query(
    'UPDATE bank_operation SET next_attempt_at = clock_timestamp() WHERE next_attempt_at IS NOT NULL',
  );
}
