/** Customers, merchants and money made by SQL, with postings that balance, so that tests are independent. */
import { createHash, randomUUID } from 'node:crypto';
import { OUTSIDE_ID } from '../../src/core/accounts.ts';
import { createSecrets } from '../../src/installation/secrets.ts';
import type { Pool } from '../../src/postgres/pool.ts';

/** One IIN serves every test customer: customers differ by their phone numbers. */
export const IIN = '900101300017';

export interface TestWallet {
  readonly id: string;
  readonly phoneNumber: string;
  readonly iin: string;
  /** As the product stores it. */
  readonly iinHash: string;
  readonly currency: string;
}

export interface WalletOptions {
  readonly available: number;
  readonly currency?: string;
  readonly approval?: 'none' | 'customer' | 'delayed' | 'system_error';
  readonly frozen?: boolean;
}

let phones = 0;

/** A phone number that no other customer of this database has. */
export function nextPhoneNumber(): string {
  phones += 1;
  return `+7705${String(phones).padStart(7, '0')}`;
}

/** A new customer for each of these wallets. */
export async function createWallets(pool: Pool, options: readonly WalletOptions[]): Promise<TestWallet[]> {
  const iinHash = await iinHashOf(pool);
  const wallets = options.map(({ currency = 'KZT' }) => ({
    id: randomUUID(),
    iinHash,
    phoneNumber: nextPhoneNumber(),
    iin: IIN,
    currency,
  }));
  const rows = options.map(({ available, approval = 'none', frozen = false }, i) => {
    const { id, phoneNumber, currency } = wallets[i] ?? fail();
    return {
      id,
      customer: randomUUID(),
      operation: randomUUID(),
      phoneNumber,
      currency,
      available,
      approval,
      frozen,
    };
  });
  await pool.query(
    `WITH w AS (SELECT * FROM jsonb_to_recordset($1) AS w(id uuid, customer uuid, operation uuid, "phoneNumber" text,
        currency text, available bigint, approval text, frozen boolean)),
      customers AS (INSERT INTO wallet_holder SELECT customer, "phoneNumber", $2, '0017', clock_timestamp() FROM w),
      postings AS (INSERT INTO posting (operation_id, seq, code, from_account_id, to_account_id, to_number, to_balance,
          currency, amount, at)
        SELECT operation, 1, 'deposit', account_id('funding', '${OUTSIDE_ID}', currency), id, 1, available, currency, available,
          date_trunc('milliseconds', clock_timestamp()) FROM w WHERE available > 0),
      funding AS (INSERT INTO account AS a (id, kind, owner_id, currency, balance, may_be_negative)
        SELECT account_id('funding', '${OUTSIDE_ID}', currency), 'funding', '${OUTSIDE_ID}', currency, -sum(available), true
        FROM w GROUP BY currency ORDER BY currency
        ON CONFLICT (id) DO UPDATE SET balance = a.balance + excluded.balance)
    INSERT INTO account (id, kind, owner_id, currency, balance, posting_count, frozen, approval, created_at)
      SELECT id, 'wallet', customer, currency, available, (available > 0)::int, frozen, approval, clock_timestamp()
      FROM w`,
    [JSON.stringify(rows), iinHash],
  );
  return wallets;
}

export async function createWallet(pool: Pool, options: WalletOptions): Promise<TestWallet> {
  const [wallet] = await createWallets(pool, [options]);
  return wallet ?? fail();
}

async function iinHashOf(pool: Pool): Promise<string> {
  const { rows } = await pool.query('SELECT sandbox_secret FROM installation');
  return createSecrets(rows[0].sandbox_secret).hashIin(IIN);
}

export interface TestMerchant {
  readonly id: string;
  readonly apiKey: string;
}

/** Merchants, each with an API key that may read and write. */
export async function createMerchants(
  pool: Pool,
  count: number,
  authorizationTtlSeconds = 7 * 86_400,
): Promise<TestMerchant[]> {
  const merchants = Array.from({ length: count }, () => {
    const id = randomUUID();
    return { id, apiKey: `pr_test_${id}` };
  });
  const rows = merchants.map(({ id, apiKey }) => {
    const hash = createHash('sha256').update(apiKey).digest('hex');
    return { id, key: randomUUID(), hash };
  });
  await pool.query(
    `WITH m AS (SELECT * FROM jsonb_to_recordset($1) AS m(id uuid, key uuid, hash text)),
      merchants AS (INSERT INTO merchant (id, name, authorization_ttl_s, created_at)
        SELECT id, 'Test Store', $2, clock_timestamp() FROM m)
    INSERT INTO api_key (id, merchant_id, name, hash, hint, scopes, created_at)
      SELECT key, id, 'test', decode(hash, 'hex'), 'test', '{read,write,webhooks}', clock_timestamp() FROM m`,
    [JSON.stringify(rows), authorizationTtlSeconds],
  );
  return merchants;
}

export async function createMerchant(pool: Pool, authorizationTtlSeconds?: number): Promise<TestMerchant> {
  const [merchant] = await createMerchants(pool, 1, authorizationTtlSeconds);
  return merchant ?? fail();
}

/** Pays a part of a merchant's balance out, so that it no longer covers every refund. */
export async function payOut(
  pool: Pool,
  merchantId: string,
  currency: string,
  amount: bigint,
): Promise<void> {
  await pool.query(
    `WITH merchant AS (UPDATE account SET balance = balance - $3, posting_count = posting_count + 1
        WHERE kind = 'merchant' AND owner_id = $1 AND currency = $2 RETURNING *),
      funding AS (UPDATE account SET balance = balance + $3 WHERE kind = 'funding' AND currency = $2 RETURNING *)
    INSERT INTO posting (operation_id, seq, code, from_account_id, from_number, from_balance, to_account_id, merchant_id,
        currency, amount, at)
      SELECT $4, 1, 'payout', m.id, m.posting_count, m.balance, f.id, $1, $2, $3,
        date_trunc('milliseconds', clock_timestamp()) + clock_offset_ms * interval '1 millisecond'
      FROM installation, merchant m, funding f`,
    [merchantId, currency, amount, randomUUID()],
  );
}

export interface WalletBalances {
  readonly available: bigint;
  readonly held: bigint;
}

export async function walletBalances(pool: Pool, walletId: string): Promise<WalletBalances> {
  const { rows } = await pool.query<WalletBalances>(
    'SELECT balance - held AS available, held FROM account WHERE id = $1',
    [walletId],
  );
  return rows[0] ?? fail();
}

export async function merchantBalance(pool: Pool, merchantId: string, currency = 'KZT'): Promise<bigint> {
  const sql = `SELECT balance FROM account WHERE kind = 'merchant' AND owner_id = $1 AND currency = $2`;
  const { rows } = await pool.query<{ balance: bigint }>(sql, [merchantId, currency]);
  return rows[0]?.balance ?? 0n;
}

export interface EventRow {
  readonly transactionId: string;
  readonly type: string;
  readonly seq: number;
  readonly name: string;
  readonly amount: bigint;
  readonly reason: string | null;
  readonly at: number;
}

/** Every event, one a row: said here once more, apart from the product, which makes two of a row outside the database. */
export const EVERY_EVENT = `(
  SELECT transaction_id, seq, merchant_id, name, status, amount, captured, released, refunded, reserved, balance, actor, reason, at,
    round, position, link_expires_at FROM event
  UNION ALL SELECT transaction_id, 1, merchant_id, 'transaction.created', 'created', amount, 0, 0, 0, 0, NULL, actor, NULL, at,
    round, position - 1, NULL FROM event WHERE with_created)`;

/** The events of a merchant's payments and refunds, by transaction, in order. */
export async function eventsOf(pool: Pool, merchantId: string): Promise<EventRow[]> {
  const { rows } = await pool.query<EventRow>(
    `SELECT e.transaction_id AS "transactionId", t.type, e.seq, e.name, e.amount, e.reason, e.at
     FROM ${EVERY_EVENT} e LEFT JOIN transaction t ON t.id = e.transaction_id
     WHERE e.merchant_id = $1 ORDER BY e.transaction_id, e.seq`,
    [merchantId],
  );
  return rows;
}

function fail(): never {
  throw new Error('the row is missing');
}
