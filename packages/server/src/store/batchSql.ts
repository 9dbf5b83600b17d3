/**
 * The statements of one engine batch. All are set-based. Rows are locked in one order everywhere:
 * idempotency keys, transactions, wallets, merchant balances, system accounts; each sorted by key.
 *
 * `unnest … CROSS JOIN LATERAL (… LIMIT 1)` and not a join: it is planned as one index look-up per
 * element whatever the statistics say (a condition on two arrays is not an index plan).
 */

import type {
  Account,
  Posting,
  Transaction,
  TransactionEvent,
  Wallet,
  WalletTransfer,
} from '../domain/transaction.ts';
import { dueAtOf } from '../domain/transaction.ts';
import { plainArray, textArray, timeArray } from './arrays.ts';
import type { Client } from './postgres.ts';

/**
 * A generic plan built while a table was empty would stay a sequential scan until the next analyze
 * (measured: 1.7 times slower), so the batch allows index plans only.
 */
export const BEGIN_BATCH =
  'BEGIN; SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off';

/** An idempotency key to claim, with the response that it will have if all goes well. */
export interface Claim {
  readonly scopeId: string;
  readonly key: string;
  readonly fingerprint: string;
  readonly effectId: string | null;
  readonly effectSeq: number | null;
  readonly statusCode: number | null;
  readonly response: string | null;
}

export interface StoredResponse {
  readonly scopeId: string;
  readonly key: string;
  readonly fingerprint: string;
  readonly statusCode: number | null;
  readonly response: string | null;
}

const INSERT_KEYS = `INSERT INTO idempotency_key (scope_id, key, fingerprint, effect_id, effect_seq, status_code, response, created_at)
  SELECT u.*, clock_timestamp()
  FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::int[], $6::smallint[], $7::text[]) u
  ORDER BY 1, 2`;

function keyValues(claims: readonly Claim[]): string[] {
  return [
    plainArray(claims.map((claim) => claim.scopeId)),
    textArray(claims.map((claim) => claim.key)),
    textArray(claims.map((claim) => claim.fingerprint)),
    plainArray(claims.map((claim) => claim.effectId)),
    plainArray(claims.map((claim) => claim.effectSeq)),
    plainArray(claims.map((claim) => claim.statusCode)),
    textArray(claims.map((claim) => claim.response)),
  ];
}

/**
 * Claims keys: returns those that were new. Waits for another node's open batch with the same key;
 * what that batch committed is visible to later statements only.
 */
export async function claimKeys(
  client: Client,
  claims: readonly Claim[],
): Promise<readonly { scope_id: string; key: string }[]> {
  const text = `${INSERT_KEYS} ON CONFLICT DO NOTHING RETURNING scope_id, key`;
  return (await client.query({ name: 'claim', text, values: keyValues(claims) })).rows;
}

/** Stores keys together with their outcome. @throws DatabaseError 23505 when one of them exists */
export async function insertKeys(client: Client, claims: readonly Claim[]): Promise<void> {
  await client.query({ name: 'insert_keys', text: INSERT_KEYS, values: keyValues(claims) });
}

/** The stored responses of keys that another command claimed before. */
export async function readResponses(
  client: Client,
  keys: readonly { scopeId: string; key: string }[],
): Promise<StoredResponse[]> {
  const { rows } = await client.query({
    name: 'responses',
    text: `SELECT k.scope_id AS "scopeId", k.key, k.fingerprint, k.status_code AS "statusCode", k.response
      FROM unnest($1::uuid[], $2::text[]) u(scope_id, key)
      CROSS JOIN LATERAL (SELECT * FROM idempotency_key k WHERE k.scope_id = u.scope_id AND k.key = u.key LIMIT 1) k`,
    values: [plainArray(keys.map((key) => key.scopeId)), textArray(keys.map((key) => key.key))],
  });
  return rows;
}

/** Writes the final responses of keys whose outcome was not the one expected at the claim. */
export async function updateResponses(client: Client, claims: readonly Claim[]): Promise<void> {
  await client.query({
    name: 'update_responses',
    text: `UPDATE idempotency_key k SET effect_id = u.effect_id, effect_seq = u.effect_seq, status_code = u.status_code, response = u.response
      FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::int[], $5::smallint[], $6::text[]) u(scope_id, key, effect_id, effect_seq, status_code, response)
      WHERE k.scope_id = u.scope_id AND k.key = u.key`,
    values: [
      plainArray(claims.map((claim) => claim.scopeId)),
      textArray(claims.map((claim) => claim.key)),
      plainArray(claims.map((claim) => claim.effectId)),
      plainArray(claims.map((claim) => claim.effectSeq)),
      plainArray(claims.map((claim) => claim.statusCode)),
      textArray(claims.map((claim) => claim.response)),
    ],
  });
}

/** Forgets keys whose command was not decided (404, 401, 403), so that they can be used again. */
export async function releaseKeys(
  client: Client,
  keys: readonly { scopeId: string; key: string }[],
): Promise<void> {
  await client.query({
    name: 'release_keys',
    text: `DELETE FROM idempotency_key k USING unnest($1::uuid[], $2::text[]) u(scope_id, key)
      WHERE k.scope_id = u.scope_id AND k.key = u.key`,
    values: [plainArray(keys.map((key) => key.scopeId)), textArray(keys.map((key) => key.key))],
  });
}

export interface KeyRow {
  readonly id: string;
  readonly scopes: string[];
  readonly live: boolean;
}

/** The API keys as they are now: a revocation that committed before this batch is seen by it. */
export async function readApiKeys(client: Client, ids: readonly string[]): Promise<KeyRow[]> {
  const { rows } = await client.query({
    name: 'api_keys',
    text: `SELECT id, scopes, revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp()) AS live
      FROM api_key WHERE id = ANY($1::uuid[])`,
    values: [plainArray(ids)],
  });
  return rows;
}

export interface SettingsRow {
  readonly id: string;
  readonly capture_mode: 'manual' | 'automatic';
  readonly capture_delay_s: number;
  readonly authorization_ttl_s: number;
}

/** Settings of these merchants, and of the merchants of these transactions. */
export async function readMerchants(
  client: Client,
  ids: readonly string[],
  transactionIds: readonly string[],
): Promise<SettingsRow[]> {
  const { rows } = await client.query({
    name: 'merchants',
    text: `SELECT id, capture_mode, capture_delay_s, authorization_ttl_s FROM merchant
      WHERE id IN (SELECT unnest($1::uuid[]) UNION SELECT merchant_id FROM transaction WHERE id = ANY($2::uuid[]))`,
    values: [plainArray(ids), plainArray(transactionIds)],
  });
  return rows;
}

export interface CustomerRow {
  readonly id: string;
  readonly phone: string;
  readonly iin_hash: string;
}

export async function readCustomers(client: Client, phones: readonly string[]): Promise<CustomerRow[]> {
  const { rows } = await client.query({
    name: 'customers',
    text: 'SELECT id, phone, iin_hash FROM customer WHERE phone = ANY($1::text[])',
    values: [textArray(phones)],
  });
  return rows;
}

/** The columns of a `Transaction`, under its property names. */
export const TRANSACTION_COLUMNS = `id, merchant_id AS "merchantId", type, payment_method AS "paymentMethod", status,
  status_reason AS "statusReason", awaiting, amount, currency, captured, released, refunded, reserved,
  order_reference AS "orderReference", wallet_id AS "walletId", customer_id AS "customerId",
  parent_transaction_id AS "parentTransactionId", capture_mode AS "captureMode",
  created_at AS "createdAt", updated_at AS "updatedAt", authed_at AS "authedAt", confirmed_at AS "confirmedAt",
  processed_at AS "processedAt", expires_at AS "expiresAt", capture_at AS "captureAt",
  event_count AS "eventCount", posting_count AS "postingCount"`;

/** Locks payments, sorted by id. */
export async function lockTransactions(client: Client, ids: readonly string[]): Promise<Transaction[]> {
  const { rows } = await client.query({
    name: 'lock_transactions',
    text: `SELECT ${TRANSACTION_COLUMNS} FROM transaction WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE`,
    values: [plainArray(ids)],
  });
  return rows;
}

/** Locks what has fallen due, oldest first, passing over rows that another node is working on. */
export async function lockDueTransactions(client: Client, limit: number): Promise<Transaction[]> {
  const { rows } = await client.query({
    name: 'lock_due',
    text: `SELECT ${TRANSACTION_COLUMNS} FROM transaction
      WHERE due_at <= (SELECT clock_timestamp() + clock_offset_ms * interval '1 millisecond' FROM installation)
      ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED`,
    values: [limit],
  });
  return rows;
}

/** How to find the wallets that a batch may change. */
export interface WalletTargets {
  readonly phones: readonly string[];
  /** Parallel to `phones`. */
  readonly currencies: readonly string[];
  readonly transactionIds: readonly string[];
  readonly walletIds: readonly string[];
}

/** Locks the wallets of customers, of payments and by id, sorted by id. */
export async function lockWallets(client: Client, targets: WalletTargets): Promise<Wallet[]> {
  const { rows } = await client.query({
    name: 'lock_wallets',
    text: `SELECT id, customer_id AS "customerId", currency, available, held, frozen, approval FROM wallet
      WHERE id IN (
        SELECT w.id FROM unnest($1::text[], $2::text[]) q(phone, currency)
          CROSS JOIN LATERAL (SELECT id FROM customer WHERE phone = q.phone LIMIT 1) c
          CROSS JOIN LATERAL (SELECT id FROM wallet WHERE customer_id = c.id AND currency = q.currency LIMIT 1) w
        UNION SELECT wallet_id FROM unnest($3::uuid[]) t(id)
          CROSS JOIN LATERAL (SELECT wallet_id FROM transaction WHERE id = t.id LIMIT 1) x
        UNION SELECT unnest($4::uuid[]))
      ORDER BY id FOR UPDATE`,
    values: [
      textArray(targets.phones),
      plainArray(targets.currencies),
      plainArray(targets.transactionIds),
      plainArray(targets.walletIds),
    ],
  });
  return rows;
}

export interface BalanceRow {
  readonly merchant_id: string;
  readonly currency: string;
  readonly balance: bigint;
}

/** Makes sure that the balances of these payments' merchants exist, and locks them, sorted. */
export async function lockMerchantBalances(
  client: Client,
  transactionIds: readonly string[],
): Promise<BalanceRow[]> {
  const ids = plainArray(transactionIds);
  const owners = 'SELECT DISTINCT merchant_id, currency FROM transaction WHERE id = ANY($1::uuid[])';
  const [, { rows }] = await Promise.all([
    client.query({
      name: 'ensure_balances',
      text: `INSERT INTO merchant_balance (merchant_id, currency) ${owners} ORDER BY 1, 2 ON CONFLICT DO NOTHING`,
      values: [ids],
    }),
    client.query({
      name: 'lock_balances',
      text: `SELECT merchant_id, currency, balance FROM merchant_balance
        WHERE (merchant_id, currency) IN (${owners}) ORDER BY 1, 2 FOR UPDATE`,
      values: [ids],
    }),
  ]);
  return rows;
}

/** The engine's time in milliseconds: read after the locks, so that no decision is older than its rows. */
export async function readNow(client: Client): Promise<number> {
  const { rows } = await client.query({
    name: 'now',
    text: `SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint + clock_offset_ms AS now FROM installation`,
  });
  return Number(rows[0].now);
}

export async function insertTransactions(
  client: Client,
  transactions: readonly Transaction[],
): Promise<void> {
  const plain = (pick: (t: Transaction) => string | number | bigint | null): string =>
    plainArray(transactions.map(pick));
  const time = (pick: (t: Transaction) => number | null): string => timeArray(transactions.map(pick));
  await client.query({
    name: 'insert_transactions',
    text: `INSERT INTO transaction (id, merchant_id, type, payment_method, status, status_reason, awaiting, amount, currency,
        captured, released, refunded, reserved, order_reference, wallet_id, customer_id, parent_transaction_id, capture_mode,
        created_at, updated_at, authed_at, confirmed_at, processed_at, expires_at, capture_at, due_at, event_count, posting_count)
      SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[],
        $9::text[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::text[], $15::uuid[], $16::uuid[],
        $17::uuid[], $18::text[], $19::timestamptz[], $20::timestamptz[], $21::timestamptz[], $22::timestamptz[],
        $23::timestamptz[], $24::timestamptz[], $25::timestamptz[], $26::timestamptz[], $27::int[], $28::int[])`,
    values: [
      plain((t) => t.id),
      plain((t) => t.merchantId),
      plain((t) => t.type),
      plain((t) => t.paymentMethod),
      plain((t) => t.status),
      plain((t) => t.statusReason),
      plain((t) => t.awaiting),
      plain((t) => t.amount),
      plain((t) => t.currency),
      plain((t) => t.captured),
      plain((t) => t.released),
      plain((t) => t.refunded),
      plain((t) => t.reserved),
      textArray(transactions.map((t) => t.orderReference)),
      plain((t) => t.walletId),
      plain((t) => t.customerId),
      plain((t) => t.parentTransactionId),
      plain((t) => t.captureMode),
      time((t) => t.createdAt),
      time((t) => t.updatedAt),
      time((t) => t.authedAt),
      time((t) => t.confirmedAt),
      time((t) => t.processedAt),
      time((t) => t.expiresAt),
      time((t) => t.captureAt),
      time(dueAtOf),
      plain((t) => t.eventCount),
      plain((t) => t.postingCount),
    ],
  });
}

export async function updateTransactions(
  client: Client,
  transactions: readonly Transaction[],
): Promise<void> {
  const plain = (pick: (t: Transaction) => string | number | bigint | null): string =>
    plainArray(transactions.map(pick));
  const time = (pick: (t: Transaction) => number | null): string => timeArray(transactions.map(pick));
  await client.query({
    name: 'update_transactions',
    text: `UPDATE transaction t SET status = u.status, status_reason = u.status_reason, awaiting = u.awaiting,
        captured = u.captured, released = u.released, refunded = u.refunded, reserved = u.reserved,
        updated_at = u.updated_at, authed_at = u.authed_at, confirmed_at = u.confirmed_at, processed_at = u.processed_at,
        expires_at = u.expires_at, capture_at = u.capture_at, due_at = u.due_at,
        event_count = u.event_count, posting_count = u.posting_count
      FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],
        $9::timestamptz[], $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::timestamptz[],
        $14::timestamptz[], $15::timestamptz[], $16::int[], $17::int[])
        u(id, status, status_reason, awaiting, captured, released, refunded, reserved, updated_at, authed_at, confirmed_at,
          processed_at, expires_at, capture_at, due_at, event_count, posting_count)
      WHERE t.id = u.id`,
    values: [
      plain((t) => t.id),
      plain((t) => t.status),
      plain((t) => t.statusReason),
      plain((t) => t.awaiting),
      plain((t) => t.captured),
      plain((t) => t.released),
      plain((t) => t.refunded),
      plain((t) => t.reserved),
      time((t) => t.updatedAt),
      time((t) => t.authedAt),
      time((t) => t.confirmedAt),
      time((t) => t.processedAt),
      time((t) => t.expiresAt),
      time((t) => t.captureAt),
      time(dueAtOf),
      plain((t) => t.eventCount),
      plain((t) => t.postingCount),
    ],
  });
}

export async function insertEvents(client: Client, events: readonly TransactionEvent[]): Promise<void> {
  const plain = (pick: (e: TransactionEvent) => string | number | bigint | null): string =>
    plainArray(events.map(pick));
  await client.query({
    name: 'insert_events',
    text: `INSERT INTO event (transaction_id, seq, merchant_id, name, status, amount, captured, released, refunded, balance, actor, reason, at)
      SELECT * FROM unnest($1::uuid[], $2::int[], $3::uuid[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[],
        $9::bigint[], $10::numeric[], $11::text[], $12::text[], $13::timestamptz[])`,
    values: [
      plain((e) => e.transactionId),
      plain((e) => e.seq),
      plain((e) => e.merchantId),
      plain((e) => e.name),
      plain((e) => e.status),
      plain((e) => e.amount),
      plain((e) => e.captured),
      plain((e) => e.released),
      plain((e) => e.refunded),
      plain((e) => e.balance),
      plain((e) => e.actor),
      plain((e) => e.reason),
      timeArray(events.map((e) => e.at)),
    ],
  });
}

function walletIdOf(account: Account): string | null {
  return account.kind === 'available' || account.kind === 'held' ? account.walletId : null;
}

function merchantIdOf(account: Account): string | null {
  return account.kind === 'balance' ? account.merchantId : null;
}

export async function insertPostings(client: Client, postings: readonly Posting[]): Promise<void> {
  const plain = (pick: (p: Posting) => string | number | bigint | null): string =>
    plainArray(postings.map(pick));
  await client.query({
    name: 'insert_postings',
    text: `INSERT INTO posting (operation_id, seq, from_account, to_account, wallet_id, merchant_id, currency, amount, at)
      SELECT * FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::uuid[], $6::uuid[], $7::text[], $8::bigint[], $9::timestamptz[])`,
    values: [
      plain((p) => p.operationId),
      plain((p) => p.seq),
      plain((p) => p.from.kind),
      plain((p) => p.to.kind),
      plain((p) => walletIdOf(p.from) ?? walletIdOf(p.to)),
      plain((p) => merchantIdOf(p.from) ?? merchantIdOf(p.to)),
      plain((p) => p.currency),
      plain((p) => p.amount),
      timeArray(postings.map((p) => p.at)),
    ],
  });
}

export async function insertTransfers(client: Client, transfers: readonly WalletTransfer[]): Promise<void> {
  await client.query({
    name: 'insert_transfers',
    text: `INSERT INTO wallet_transfer (id, wallet_id, kind, amount, currency, reference, actor, created_at)
      SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::timestamptz[])`,
    values: [
      plainArray(transfers.map((t) => t.id)),
      plainArray(transfers.map((t) => t.walletId)),
      plainArray(transfers.map((t) => t.kind)),
      plainArray(transfers.map((t) => t.amount)),
      plainArray(transfers.map((t) => t.currency)),
      textArray(transfers.map((t) => t.reference)),
      plainArray(transfers.map((t) => t.actor)),
      timeArray(transfers.map((t) => t.createdAt)),
    ],
  });
}

export async function updateWallets(client: Client, wallets: readonly Wallet[]): Promise<void> {
  await client.query({
    name: 'update_wallets',
    text: `UPDATE wallet w SET available = u.available, held = u.held
      FROM unnest($1::uuid[], $2::numeric[], $3::numeric[]) u(id, available, held) WHERE w.id = u.id`,
    values: [
      plainArray(wallets.map((w) => w.id)),
      plainArray(wallets.map((w) => w.available)),
      plainArray(wallets.map((w) => w.held)),
    ],
  });
}

export async function updateMerchantBalances(client: Client, balances: readonly BalanceRow[]): Promise<void> {
  await client.query({
    name: 'update_balances',
    text: `UPDATE merchant_balance b SET balance = u.balance
      FROM unnest($1::uuid[], $2::text[], $3::numeric[]) u(merchant_id, currency, balance)
      WHERE b.merchant_id = u.merchant_id AND b.currency = u.currency`,
    values: [
      plainArray(balances.map((b) => b.merchant_id)),
      plainArray(balances.map((b) => b.currency)),
      plainArray(balances.map((b) => b.balance)),
    ],
  });
}

/** No decision depends on a system account, so it is not loaded: what it changed by is added to it. */
export interface SystemAccountDelta {
  readonly kind: 'funding' | 'acquirer';
  readonly currency: string;
  readonly delta: bigint;
}

export async function addToSystemAccounts(
  client: Client,
  deltas: readonly SystemAccountDelta[],
): Promise<void> {
  await client.query({
    name: 'system_accounts',
    text: `INSERT INTO system_account AS a (kind, currency, balance)
      SELECT * FROM unnest($1::text[], $2::text[], $3::numeric[]) ORDER BY 1, 2
      ON CONFLICT (kind, currency) DO UPDATE SET balance = a.balance + excluded.balance`,
    values: [
      plainArray(deltas.map((d) => d.kind)),
      plainArray(deltas.map((d) => d.currency)),
      plainArray(deltas.map((d) => d.delta)),
    ],
  });
}
