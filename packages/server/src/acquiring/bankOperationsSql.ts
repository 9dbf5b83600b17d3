import { ANSWER_WAIT_MS } from '../core/change.ts';
import type { BankOperation, Transaction } from '../core/transaction.ts';
import { parseUuid } from '../core/values/ids.ts';
import { BANK_OPERATION_COLUMNS, OPERATION_LEASE } from '../engine/batchSql.ts';
import { hasCome } from '../postgres/leases.ts';
import type { Queryable } from '../postgres/pool.ts';
import { BANK_TOKEN_COLUMNS, BANK_TOKEN_TABLES, type KeptBankToken } from './cardsSql.ts';
import type { Notified } from './connector.ts';

/** No attempt is put off for longer, by a lease or a postponement. */
const LONGEST_WAIT_MS = 120_000;
const LONGEST_WAIT = `interval '${LONGEST_WAIT_MS} milliseconds'`;
const ANSWER_WAIT = `interval '${ANSWER_WAIT_MS} milliseconds'`;
/** The engine's clock. */
const NOW = `(SELECT clock_timestamp() + clock_offset_ms * interval '1 millisecond' FROM installation)`;

/** Operations that a node passes over. */
export interface PassedOver {
  /** Their acquirers cannot be asked from there. */
  readonly acquirerIds: readonly string[];
  /** But authorizations that are so old: it gives them up, since no other node has. */
  readonly untilMs: number;
}

/** Takes over operations whose attempt is due; no other node gets them while the lease runs. */
export async function claimDueOperations(
  db: Queryable,
  limit: number,
  { acquirerIds, untilMs }: PassedOver = { acquirerIds: [], untilMs: 0 },
): Promise<BankOperation[]> {
  const { rows } = await db.query<BankOperation>({
    name: 'claim_operations',
    text: `UPDATE bank_operation SET attempts = attempts + 1, next_attempt_at = clock_timestamp() + ${OPERATION_LEASE}
      WHERE id IN (SELECT id FROM bank_operation WHERE ${hasCome('next_attempt_at', LONGEST_WAIT)}
          AND (acquirer_id <> ALL ($2::uuid[]) OR kind IN ('authorize', 'complete')
            AND requested_at <= ${NOW} - $3 * interval '1 millisecond')
        ORDER BY next_attempt_at LIMIT $1 FOR UPDATE SKIP LOCKED)
      RETURNING ${BANK_OPERATION_COLUMNS}`,
    values: [limit, acquirerIds, untilMs],
  });
  return rows;
}

/** The answer is not known yet: ask again after `delayMs`. @param attempts that have been made */
export async function postponeOperation(
  db: Queryable,
  id: string,
  delayMs: number,
  attempts: number,
): Promise<void> {
  await db.query(
    `UPDATE bank_operation SET next_attempt_at = clock_timestamp() + $2 * interval '1 millisecond', attempts = $3
     WHERE id = $1 AND next_attempt_at IS NOT NULL`,
    [id, Math.min(LONGEST_WAIT_MS, Math.ceil(delayMs)), attempts],
  );
}

/** Operations that were asked for before and wait for their next attempt need not wait any longer. */
export async function retryOperationsNow(db: Queryable): Promise<void> {
  await db.query(
    'UPDATE bank_operation SET next_attempt_at = clock_timestamp() WHERE next_attempt_at > clock_timestamp() AND attempts > 0',
  );
}

/**
 * What an acquirer has been asked of this payment, or by this id, and has not answered, need not wait for its next attempt.
 * What a node asks for the first time is left to that. @returns whether the payment is in 3-D Secure, where nothing is asked
 */
export async function hurryOperations(
  db: Queryable,
  acquirerId: string,
  { paymentId, operationId }: Notified,
): Promise<{ readonly isAuthenticating: boolean }> {
  const { rows } = await db.query<{ isAuthenticating: boolean }>(
    `WITH hurried AS (UPDATE bank_operation SET next_attempt_at = clock_timestamp()
       WHERE (transaction_id = $2 OR id = $3) AND acquirer_id = $1 AND next_attempt_at > clock_timestamp() AND attempts > 0)
     SELECT EXISTS (SELECT FROM transaction WHERE id = $2 AND acquirer_id = $1 AND payment_method = 'card'
       AND status = '3d' AND operation_id IS NULL) AS "isAuthenticating"`,
    [acquirerId, uuidOrNull(paymentId), uuidOrNull(operationId)],
  );
  return { isAuthenticating: rows[0]?.isAuthenticating === true };
}

/** Banks may call things otherwise; such a thing is none of ours. */
function uuidOrNull(text: string | null): string | null {
  const parsed = text === null ? null : parseUuid(text);
  return parsed?.ok === true ? parsed.value : null;
}

/** @returns those of these operations whose answer is not known yet */
export async function findPendingOperations(
  db: Queryable,
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  const { rows } = await db.query<{ id: string }>({
    name: 'find_pending_operations',
    text: `SELECT id FROM bank_operation WHERE id = ANY ($1::uuid[]) AND status = 'pending'`,
    values: [ids],
  });
  return new Set(rows.map(({ id }) => id));
}

export async function findOperation(db: Queryable, id: string): Promise<BankOperation | null> {
  const { rows } = await db.query<BankOperation>(
    `SELECT ${BANK_OPERATION_COLUMNS} FROM bank_operation WHERE id = $1`,
    [id],
  );
  return rows[0] ?? null;
}

/** Operations whose callers have waited long enough for a response. */
export async function listUnanswered(db: Queryable, limit: number): Promise<BankOperation[]> {
  const { rows } = await db.query<BankOperation>({
    name: 'unanswered',
    text: `SELECT ${BANK_OPERATION_COLUMNS} FROM bank_operation
      WHERE ${hasCome('answer_due_at', ANSWER_WAIT, NOW)}
      ORDER BY answer_due_at LIMIT $1`,
    values: [limit],
  });
  return rows;
}

/** What the bank is told of a payment when it is asked to authorize it. */
export interface PaymentForBank extends Pick<Transaction, 'cardUse' | 'consentUntil' | 'recurringType'> {
  readonly merchantName: string;
  readonly returnUrl: string | null;
  readonly payerIp: string | null;
  readonly orderReference: string;
  readonly description: string | null;
  /** Of one that its merchant makes: what the card's network knows the first one by. */
  readonly firstReference: string | null;
  /** Whether it is paid at the checkout, where nobody pays without the security code. */
  readonly isByLink: boolean;
  readonly bankToken: KeptBankToken;
}

export async function findPaymentForBank(
  db: Queryable,
  transactionId: string,
): Promise<PaymentForBank | null> {
  const { rows } = await db.query<Omit<PaymentForBank, 'bankToken'> & KeptBankToken>(
    `SELECT m.name AS "merchantName", t.return_url AS "returnUrl", t.payer_ip AS "payerIp",
       t.order_reference AS "orderReference", t.description, t.card_use AS "cardUse", t.consent_until AS "consentUntil",
       t.recurring_type AS "recurringType", f.network_transaction_reference AS "firstReference",
       coalesce(t.payment_link_id, t.payment_session_id::text) IS NOT NULL AS "isByLink", ${BANK_TOKEN_COLUMNS}
     FROM transaction t JOIN merchant m ON m.id = t.merchant_id ${BANK_TOKEN_TABLES}
     LEFT JOIN transaction f ON f.id = t.first_transaction_id
     WHERE t.id = $1`,
    [transactionId],
  );
  const [row] = rows;
  if (row === undefined) return null;
  const { cardTokenId, sealedFor, sealed, clear, ...payment } = row;
  return { ...payment, bankToken: { cardTokenId, sealedFor, sealed, clear } };
}
