/** Reads the ledger for people: what moved on an account, newest first, each line with the balance after it. */
import { type AccountKind, type PostingCode, SYSTEM_KINDS } from '../core/accounts.ts';
import type { Millis } from '../core/transaction.ts';
import { uuidArray } from '../postgres/arrays.ts';
import type { Queryable } from '../postgres/pool.ts';

/** Where a page of a statement ended. The lines of an account are ordered by time and number. */
export interface StatementPosition {
  readonly at: Millis;
  readonly number: bigint;
}

/** Which part of an account's life. */
export interface Period {
  /** From then on; null: from the beginning. */
  readonly from: Millis | null;
  /** Before then; null: until now. */
  readonly to: Millis | null;
}

export interface StatementLine extends StatementPosition {
  readonly operationId: string;
  readonly code: PostingCode;
  /** What it did to the account. */
  readonly change: bigint;
  /** After it. */
  readonly balance: bigint;
  /** The merchant that it was paid to or refunded by; null: none was. */
  readonly merchantId: string | null;
  /** The order reference of a payment, or the reference of a transfer. */
  readonly reference: string | null;
}

export interface Statement {
  readonly opening: bigint;
  readonly closing: bigint;
  readonly lines: readonly StatementLine[];
}

/** The postings of account $1 that a condition holds for, from both sides: each side is in the order of an index. */
function linesOf(condition: (number: string) => string, limit: string): string {
  const side = (end: 'from' | 'to'): string =>
    `(SELECT at, ${end}_number AS number, operation_id AS "operationId", code,
        ${end === 'from' ? '-amount' : 'amount'} AS change, ${end}_balance AS balance, merchant_id AS "merchantId" FROM posting
      WHERE ${end}_account_id = $1 AND ${end}_number IS NOT NULL AND ${condition(`${end}_number`)}
      ORDER BY at DESC, ${end}_number DESC LIMIT ${limit})`;
  return `SELECT * FROM (${side('from')} UNION ALL ${side('to')}) both_sides ORDER BY at DESC, number DESC LIMIT ${limit}`;
}

const balanceBefore = (time: string): string =>
  `coalesce((SELECT balance FROM (${linesOf(() => `at < ${time}`, '1')}) newest), 0)`;

/** Lines and balances come from one statement, so from one snapshot: they belong together. */
const STATEMENT = `SELECT
    CASE WHEN $2::timestamptz IS NULL THEN 0 ELSE ${balanceBefore('$2::timestamptz')} END AS opening,
    CASE WHEN $3::timestamptz IS NULL THEN a.balance ELSE ${balanceBefore('$3::timestamptz')} END AS closing, line.*
  FROM account a LEFT JOIN LATERAL (${linesOf(
    (number) => `at >= coalesce($2::timestamptz, '-infinity') AND at < coalesce($3::timestamptz, 'infinity')
      AND at <= coalesce($4::timestamptz, 'infinity')
      AND ($4::timestamptz IS NULL OR (at, ${number}) < ($4::timestamptz, $5::bigint))`,
    '$6',
  )}) line ON true
  WHERE a.id = $1 ORDER BY line.at DESC, line.number DESC`;

/** @returns null when there is no such account */
export async function readStatement(
  db: Queryable,
  accountId: string,
  { from, to }: Period,
  after: StatementPosition | null,
  limit: number,
): Promise<Statement | null> {
  const { rows } = await db.query<StatementRow>({
    name: 'statement',
    text: STATEMENT,
    values: [accountId, timeOf(from), timeOf(to), timeOf(after?.at ?? null), after?.number ?? null, limit],
  });
  const [first] = rows;
  if (first === undefined) return null;
  // An account without postings is one row without a line.
  const lines = rows.filter(isLine);
  const references = await readReferences(db, [...new Set(lines.map(({ operationId }) => operationId))]);
  return {
    opening: first.opening,
    closing: first.closing,
    lines: lines.map(({ opening, closing, ...line }) => ({
      ...line,
      reference: references.get(line.operationId) ?? null,
    })),
  };
}

type Line = Omit<StatementLine, 'reference'>;
type StatementRow = Pick<Statement, 'opening' | 'closing'> & (Line | { readonly [Name in keyof Line]: null });

function isLine(row: StatementRow): row is Pick<Statement, 'opening' | 'closing'> & Line {
  return row.number !== null;
}

function timeOf(time: Millis | null): Date | null {
  return time === null ? null : new Date(time);
}

async function readReferences(db: Queryable, ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
  if (ids.length === 0) return new Map();
  const { rows } = await db.query<{ id: string; reference: string }>({
    name: 'references',
    text: `SELECT id, order_reference AS reference FROM transaction WHERE id = ANY($1::uuid[])
      UNION ALL SELECT id, reference FROM wallet_transfer WHERE id = ANY($1::uuid[]) AND reference IS NOT NULL`,
    values: [uuidArray(ids)],
  });
  return new Map(rows.map(({ id, reference }) => [id, reference]));
}

/** What a payment still holds on a wallet. */
export interface OpenHold {
  readonly transactionId: string;
  readonly merchantId: string;
  readonly amount: bigint;
  readonly reference: string;
  readonly expiresAt: Millis | null;
}

/** How many open holds a statement lists: the newest. */
export const MOST_HOLDS = 100;

/** What is held on a wallet, payment by payment, newest first. */
export async function listOpenHolds(db: Queryable, walletId: string): Promise<OpenHold[]> {
  const { rows } = await db.query<OpenHold>({
    name: 'open_holds',
    text: `SELECT id AS "transactionId", merchant_id AS "merchantId", amount - captured - released AS amount,
        order_reference AS reference, expires_at AS "expiresAt" FROM transaction
      WHERE wallet_id = $1 AND status = 'authorized' ORDER BY id DESC LIMIT ${MOST_HOLDS}`,
    values: [walletId],
  });
  return rows;
}

export interface AccountBalance {
  readonly id: string;
  readonly currency: string;
  readonly balance: bigint;
  readonly held: bigint;
}

/** What a merchant has, by currency: one row for each in which it has ever been paid. */
export async function listMerchantBalances(db: Queryable, merchantId: string): Promise<AccountBalance[]> {
  const { rows } = await db.query<AccountBalance>({
    name: 'merchant_balances',
    text: `SELECT id, currency, balance, held FROM account WHERE owner_id = $1 AND kind = 'merchant' ORDER BY currency`,
    values: [merchantId],
  });
  return rows;
}

export interface PostingLine {
  readonly seq: number;
  readonly code: PostingCode;
  readonly from: AccountKind;
  readonly to: AccountKind;
  readonly amount: bigint;
  readonly currency: string;
  readonly at: Millis;
}

/** What one transaction moved, oldest first. Holds, which had postings once, move nothing. */
export async function readPostings(db: Queryable, transactionId: string): Promise<PostingLine[]> {
  const { rows } = await db.query<PostingLine>(
    `SELECT p.seq, p.code, f.kind AS "from", t.kind AS "to", p.amount, p.currency, p.at FROM posting p
     JOIN account f ON f.id = p.from_account_id JOIN account t ON t.id = p.to_account_id
     WHERE p.operation_id = $1 AND p.from_account_id <> p.to_account_id ORDER BY p.seq`,
    [transactionId],
  );
  return rows;
}

export interface SystemAccount {
  readonly kind: AccountKind;
  readonly ownerId: string;
  readonly currency: string;
  readonly balance: bigint;
}

/** The ledger's own accounts, in the order of their names. */
export async function listSystemAccounts(db: Queryable): Promise<SystemAccount[]> {
  const { rows } = await db.query<SystemAccount>(
    `SELECT kind, owner_id AS "ownerId", currency, balance FROM account WHERE kind = ANY($1) ORDER BY kind, currency, owner_id`,
    [SYSTEM_KINDS],
  );
  return rows;
}
