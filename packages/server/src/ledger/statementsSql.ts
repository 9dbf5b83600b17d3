/** Reads the ledger for people: what moved, newest first, and the balances after each move. */
import type { Account } from '../core/transaction.ts';
import type { Queryable } from '../postgres/pool.ts';

/** Where a page of postings ended. Postings of one account are ordered by time, operation and number. */
export interface PostingPosition {
  readonly at: number;
  readonly operationId: string;
  readonly seq: number;
}

export interface StatementRow extends PostingPosition {
  readonly from: Account['kind'];
  readonly to: Account['kind'];
  readonly amount: bigint;
  readonly merchantId: string | null;
  /** Of what it belongs to: a transaction, or a transfer of a wallet's. */
  readonly owner: 'payment' | 'refund' | 'transfer';
  /** The order reference of a payment, or the reference of a transfer. */
  readonly reference: string | null;
}

export interface WalletStatement {
  readonly available: bigint;
  readonly held: bigint;
  readonly rows: readonly StatementRow[];
}

export interface MerchantStatement {
  readonly balance: bigint;
  readonly rows: readonly StatementRow[];
}

/** Parameters $2 to $5: the position to start after, and the number of rows. */
const postingsOf = (condition: string): string => `LEFT JOIN LATERAL (
    SELECT p.operation_id AS "operationId", p.seq, p.from_account AS "from", p.to_account AS "to", p.amount, p.at,
      p.merchant_id AS "merchantId", coalesce(f.reference, t.order_reference) AS reference,
      coalesce(t.type, 'transfer') AS owner
    FROM posting p
    LEFT JOIN wallet_transfer f ON f.id = p.operation_id
    LEFT JOIN transaction t ON t.id = p.operation_id
    WHERE ${condition} AND ($2::timestamptz IS NULL OR (p.at, p.operation_id, p.seq) < ($2, $3::uuid, $4::int))
    ORDER BY p.at DESC, p.operation_id DESC, p.seq DESC LIMIT $5) page ON true`;
const NEWEST_FIRST = 'ORDER BY page.at DESC, page."operationId" DESC, page.seq DESC';

/** Balances and postings come from one statement, so from one snapshot: they belong together. */
export async function readWalletStatement(
  db: Queryable,
  walletId: string,
  after: PostingPosition | null,
  limit: number,
): Promise<WalletStatement | null> {
  const { rows } = await db.query(
    `SELECT w.available, w.held, page.* FROM wallet w ${postingsOf('p.wallet_id = w.id')} WHERE w.id = $1 ${NEWEST_FIRST}`,
    [walletId, ...positionValues(after), limit],
  );
  const [first] = rows;
  if (first === undefined) return null;
  return { available: first.available, held: first.held, rows: postingsIn(rows) };
}

/** A currency in which the merchant has never had money is a statement of nothing. */
export async function readMerchantStatement(
  db: Queryable,
  merchantId: string,
  currency: string,
  after: PostingPosition | null,
  limit: number,
): Promise<MerchantStatement> {
  const condition = 'p.merchant_id = b.merchant_id AND p.currency = b.currency';
  const { rows } = await db.query(
    `SELECT b.balance, page.* FROM merchant_balance b ${postingsOf(condition)}
     WHERE b.merchant_id = $1 AND b.currency = $6 ${NEWEST_FIRST}`,
    [merchantId, ...positionValues(after), limit, currency],
  );
  return { balance: rows[0]?.balance ?? 0n, rows: postingsIn(rows) };
}

export interface PostingRow extends Pick<StatementRow, 'seq' | 'from' | 'to' | 'amount' | 'at'> {
  readonly currency: string;
}

/** What one transaction moved, oldest first. */
export async function readPostings(db: Queryable, transactionId: string): Promise<PostingRow[]> {
  const { rows } = await db.query<PostingRow>(
    `SELECT seq, from_account AS "from", to_account AS "to", amount, currency, at FROM posting
     WHERE operation_id = $1 ORDER BY seq`,
    [transactionId],
  );
  return rows;
}

function positionValues(after: PostingPosition | null): (Date | string | number | null)[] {
  return after === null ? [null, null, null] : [new Date(after.at), after.operationId, after.seq];
}

/** An account without postings is one row of nulls. */
function postingsIn(rows: StatementRow[]): StatementRow[] {
  return rows.filter((row) => row.operationId !== null);
}

export interface SystemAccount {
  readonly kind: 'funding' | 'acquirer';
  readonly currency: string;
  readonly balance: bigint;
}

/** The ledger's accounts that belong to nobody, in the order of their names. */
export async function listSystemAccounts(db: Queryable): Promise<SystemAccount[]> {
  const { rows } = await db.query<SystemAccount>(
    'SELECT kind, currency, balance FROM system_account ORDER BY kind, currency',
  );
  return rows;
}
