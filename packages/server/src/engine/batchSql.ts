/**
 * The statements of one engine batch; those about payment links are in `linksSql.ts`. All are set-based. Rows are locked
 * in one order everywhere: idempotency keys, payment links, customers (shared), payments, refunds, bank operations, wallets, other accounts that are locked, wrong pairs, accounts
 * that are moved by a sum; each sorted by key.
 *
 * `unnest … CROSS JOIN LATERAL (… LIMIT 1)` and not a join: it is planned as one index look-up per
 * element whatever the statistics say (a condition on two arrays is not an index plan).
 */

import pg from 'pg';
import { ACCOUNT_KINDS, type Account, type AccountKind, isLocked, kindsOf } from '../core/accounts.ts';
import { FORGET_GUESSES_MS, type Guesses } from '../core/guesses.ts';
import type { BankOperation, Posting, Transaction, Wallet, WalletTransfer } from '../core/transaction.ts';
import { dueAtOf } from '../core/transaction.ts';
import { bigintArray, booleanArray, plainArray, textArray, uuidArray } from '../postgres/arrays.ts';
import { type Column, insertOf, namesOf, type Source, statementOf, updateOf } from '../postgres/columns.ts';
import { UNIQUE_VIOLATION } from '../postgres/databaseErrors.ts';
import type { Statement, StatementRunner } from '../postgres/pool.ts';
import type { EventRow } from './eventRows.ts';
import { passOrFail } from './gateSql.ts';

/**
 * A generic plan built while a table was empty would stay a sequential scan until the next analyze
 * (measured: 1.7 times slower), so the batch allows index plans only. What that makes of the costs of a plan
 * must not have PostgreSQL compile it at each execution (measured: 40 times slower), hence no JIT. READ COMMITTED
 * by name: whatever the database's default is, a statement must see what another batch committed while it
 * waited for a key. For arrays of a few rows it would plan every execution, which costs more than the execution.
 */
const BEGIN: Statement = { name: 'begin', text: 'BEGIN ISOLATION LEVEL READ COMMITTED' };
const SETTINGS = {
  ...{ enable_seqscan: 'off', enable_hashjoin: 'off', enable_mergejoin: 'off', jit: 'off' },
  plan_cache_mode: 'force_generic_plan',
  // A lock that is waited for longer keeps a whole batch: its requests are then tried apart.
  lock_timeout: '1s',
};
const SET: Statement = { name: 'set', text: setOf(SETTINGS) };
/** For requests that are tried apart because a batch with them failed, perhaps waiting for a lock. */
const SET_APART: Statement = { name: 'set_apart', text: setOf({ ...SETTINGS, lock_timeout: '200ms' }) };

function setOf(settings: Readonly<Record<string, string>>): string {
  const calls = Object.entries(settings).map(([name, value]) => `set_config('${name}', '${value}', true)`);
  return `SELECT ${calls.join(', ')}`;
}

/** How a batch begins. */
export interface BatchOptions {
  /** After a batch that failed: locks are waited for only briefly, so that others get their turn. */
  readonly apart: boolean;
  /** In the sandbox: not while it is being reset. */
  readonly gated: boolean;
}

/** Begins a transaction in a round trip with its first statements. */
export async function begin(db: StatementRunner): Promise<void> {
  await db.query(BEGIN);
}

/** Begins a batch: what is sent with it in one round trip is carried out only when all of this was. */
export async function beginBatch(db: StatementRunner, { apart, gated }: BatchOptions): Promise<void> {
  await Promise.all([begin(db), db.query(apart ? SET_APART : SET), gated ? passOrFail(db) : null]);
}

/** Ends a transaction that `begin` began. @throws Error when PostgreSQL rolled back instead */
export async function commit(db: StatementRunner): Promise<void> {
  const { command } = await db.query({ name: 'commit', text: 'COMMIT' });
  if (command !== 'COMMIT') throw new Error('the batch was rolled back');
}

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

const RESPONSE_COLUMNS: readonly Column<Omit<Claim, 'fingerprint'>>[] = [
  { name: 'scope_id', type: 'uuid', value: (c) => c.scopeId },
  { name: 'key', type: 'text', value: (c) => c.key },
  { name: 'effect_id', type: 'uuid', value: (c) => c.effectId },
  { name: 'effect_seq', type: 'int', value: (c) => c.effectSeq },
  { name: 'status_code', type: 'int', value: (c) => c.statusCode },
  { name: 'response', type: 'text', value: (c) => c.response },
];
const KEY_COLUMNS: readonly Column<Claim>[] = [
  ...RESPONSE_COLUMNS,
  { name: 'fingerprint', type: 'word', value: (c) => c.fingerprint },
];
const insertKeysText = ({ select, from }: Source): string =>
  `INSERT INTO idempotency_key (${namesOf(KEY_COLUMNS)}, created_at)
    SELECT ${select}, clock_timestamp() FROM ${from} ORDER BY 1, 2`;
const CLAIM_KEYS = statementOf(
  'claim',
  KEY_COLUMNS,
  (source) => `${insertKeysText(source)} ON CONFLICT DO NOTHING RETURNING scope_id, key`,
  2,
);
const INSERT_KEYS = statementOf('insert_keys', KEY_COLUMNS, (source) => insertKeysText(source), 2);
const UPDATE_RESPONSES = updateOf('update_responses', 'idempotency_key', RESPONSE_COLUMNS, { keys: 2 });
const GIVE_RESPONSES = updateOf('give_responses', 'idempotency_key', RESPONSE_COLUMNS, {
  keys: 2,
  where: 'AND t.status_code IS NULL',
});

/**
 * Claims keys: returns those that were new. Waits for another node's open batch with the same key;
 * what that batch committed is visible to later statements only.
 */
export async function claimKeys(db: StatementRunner, claims: readonly Claim[]): Promise<readonly NewKey[]> {
  return (await db.query(CLAIM_KEYS(claims))).rows;
}

interface NewKey {
  readonly scope_id: string;
  readonly key: string;
}

/** Stores keys, which must be new. @throws DatabaseError when one of them exists: see `isKeyTaken` */
export async function insertKeys(db: StatementRunner, claims: readonly Claim[]): Promise<void> {
  await db.query(INSERT_KEYS(claims));
}

/** Whether a key that was to be stored exists. */
export function isKeyTaken(error: unknown): boolean {
  return (
    error instanceof pg.DatabaseError &&
    error.code === UNIQUE_VIOLATION &&
    // While its index is being made anew, that has another name.
    error.table === 'idempotency_key'
  );
}

/** The stored responses of keys that another command claimed before. */
export async function readResponses(
  db: StatementRunner,
  keys: readonly { scopeId: string; key: string }[],
): Promise<StoredResponse[]> {
  const { rows } = await db.query({
    name: 'responses',
    text: `SELECT k.scope_id AS "scopeId", k.key, k.fingerprint, k.status_code AS "statusCode", k.response
      FROM unnest($1::uuid[], $2::text[]) u(scope_id, key)
      CROSS JOIN LATERAL (SELECT * FROM idempotency_key k WHERE k.scope_id = u.scope_id AND k.key = u.key LIMIT 1) k`,
    values: [uuidArray(keys.map((key) => key.scopeId)), textArray(keys.map((key) => key.key))],
  });
  return rows;
}

/** Writes the final responses of keys whose outcome was not the one expected at the claim. */
export async function updateResponses(db: StatementRunner, claims: readonly Claim[]): Promise<void> {
  await db.query(UPDATE_RESPONSES(claims));
}

/** Forgets keys whose command was not decided (404, 401, 403), so that they can be used again. */
export async function releaseKeys(
  db: StatementRunner,
  keys: readonly { scopeId: string; key: string }[],
): Promise<void> {
  await db.query({
    name: 'release_keys',
    text: `DELETE FROM idempotency_key k USING unnest($1::uuid[], $2::text[]) u(scope_id, key)
      WHERE k.scope_id = u.scope_id AND k.key = u.key`,
    values: [uuidArray(keys.map((key) => key.scopeId)), textArray(keys.map((key) => key.key))],
  });
}

export interface KeyRow {
  readonly id: string;
  readonly scopes: string[];
  readonly live: boolean;
}

/** The API keys as they are now: a revocation that committed before this batch is seen by it. */
export async function readApiKeys(db: StatementRunner, ids: readonly string[]): Promise<KeyRow[]> {
  const { rows } = await db.query({
    name: 'api_keys',
    text: `SELECT id, scopes, revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp()) AS live
      FROM api_key WHERE id = ANY($1::uuid[])`,
    values: [uuidArray(ids)],
  });
  return rows;
}

export interface SettingsRow {
  readonly id: string;
  readonly capture_mode: 'manual' | 'automatic';
  readonly capture_delay_s: number;
  readonly authorization_ttl_s: number;
  readonly require_idempotency_key: boolean;
  readonly link_capture_delay_s: number;
  readonly link_hold_s: number;
}

/** Settings of these merchants, and of the merchants of these transactions. */
export async function readMerchants(
  db: StatementRunner,
  ids: readonly string[],
  transactionIds: readonly string[],
): Promise<SettingsRow[]> {
  const { rows } = await db.query({
    name: 'merchants',
    text: `SELECT m.id, m.capture_mode, m.capture_delay_s, m.authorization_ttl_s, m.require_idempotency_key,
        m.link_capture_delay_s, m.link_hold_s
      FROM (SELECT unnest($1::uuid[]) AS id
        UNION SELECT t.merchant_id FROM unnest($2::uuid[]) u(id)
          CROSS JOIN LATERAL (SELECT merchant_id FROM transaction WHERE id = u.id LIMIT 1) t) u
      CROSS JOIN LATERAL (SELECT * FROM merchant WHERE id = u.id LIMIT 1) m`,
    values: [uuidArray(ids), uuidArray(transactionIds)],
  });
  return rows;
}

type TransactionColumn = Column<Transaction>;

const ID: TransactionColumn = { name: 'id', type: 'uuid', value: (t) => t.id };

/** What every transaction may change. */
const STATE_COLUMNS: readonly TransactionColumn[] = [
  { name: 'status', type: 'word', value: (t) => t.status },
  { name: 'status_reason', type: 'word', value: (t) => t.statusReason },
  { name: 'awaiting', type: 'word', value: (t) => t.awaiting },
  { name: 'captured', type: 'bigint', value: (t) => t.captured },
  { name: 'released', type: 'bigint', value: (t) => t.released },
  { name: 'refunded', type: 'bigint', value: (t) => t.refunded },
  { name: 'reserved', type: 'bigint', value: (t) => t.reserved },
  { name: 'updated_at', type: 'time', value: (t) => t.updatedAt },
  { name: 'authed_at', type: 'time', value: (t) => t.authedAt },
  { name: 'confirmed_at', type: 'time', value: (t) => t.confirmedAt },
  { name: 'processed_at', type: 'time', value: (t) => t.processedAt },
  { name: 'expires_at', type: 'time', value: (t) => t.expiresAt },
  { name: 'capture_at', type: 'time', value: (t) => t.captureAt },
  { name: 'due_at', type: 'time', value: dueAtOf },
  { name: 'event_count', type: 'int', value: (t) => t.eventCount },
  { name: 'posting_count', type: 'int', value: (t) => t.postingCount },
];

/** What every transaction has from its beginning. */
const FIXED_COLUMNS: readonly TransactionColumn[] = [
  { name: 'merchant_id', type: 'uuid', value: (t) => t.merchantId },
  { name: 'type', type: 'word', value: (t) => t.type },
  { name: 'payment_method', type: 'word', value: (t) => t.paymentMethod },
  { name: 'amount', type: 'bigint', value: (t) => t.amount },
  { name: 'currency', type: 'word', value: (t) => t.currency },
  { name: 'order_reference', type: 'text', value: (t) => t.orderReference },
  { name: 'wallet_id', type: 'uuid', value: (t) => t.walletId },
  { name: 'parent_transaction_id', type: 'uuid', value: (t) => t.parentTransactionId },
  { name: 'capture_mode', type: 'word', value: (t) => t.captureMode },
  { name: 'created_at', type: 'time', value: (t) => t.createdAt },
];

/** What only a card payment changes. */
const CARD_STATE_COLUMNS: readonly TransactionColumn[] = [
  { name: 'secure_3d', type: 'boolean', value: (t) => t.secure3d },
  { name: 'retrieval_reference_number', type: 'text', value: (t) => t.retrievalReferenceNumber },
  { name: 'network_transaction_reference', type: 'text', value: (t) => t.networkTransactionReference },
  { name: 'redirect_url', type: 'text', value: (t) => t.redirectUrl },
  { name: 'inquire_at', type: 'time', value: (t) => t.inquireAt },
  { name: 'operation_id', type: 'uuid', value: (t) => t.operationId },
  // It changes as long as nothing was asked of anybody.
  { name: 'acquirer_id', type: 'uuid', value: (t) => t.acquirerId },
  { name: 'credentials_id', type: 'uuid', value: (t) => t.credentialsId },
];

const DESCRIPTION: TransactionColumn = { name: 'description', type: 'text', value: (t) => t.description };

/** What only a card payment has from its beginning. */
const CARD_FIXED_COLUMNS: readonly TransactionColumn[] = [
  DESCRIPTION,
  { name: 'payer_ip', type: 'text', value: (t) => t.payerIp },
  { name: 'customer_id', type: 'uuid', value: (t) => t.customerId },
  { name: 'store_id', type: 'uuid', value: (t) => t.storeId },
  { name: 'terminal_id', type: 'uuid', value: (t) => t.terminalId },
  { name: 'recurring_type', type: 'word', value: (t) => t.recurringType },
  { name: 'card_use', type: 'word', value: (t) => t.cardUse },
  { name: 'consent_until', type: 'time', value: (t) => t.consentUntil },
  { name: 'first_transaction_id', type: 'uuid', value: (t) => t.firstTransactionId },
  { name: 'card_token_id', type: 'word', value: (t) => t.cardTokenId },
  { name: 'card_brand', type: 'word', value: (t) => t.cardBrand },
  { name: 'card_last4', type: 'word', value: (t) => t.cardLast4 },
];

/** What a payment by a link has from its beginning, and a refund of one. */
const LINK_COLUMNS: readonly TransactionColumn[] = [
  { name: 'payment_link_id', type: 'word', value: (t) => t.paymentLinkId },
  { name: 'payment_session_id', type: 'uuid', value: (t) => t.paymentSessionId },
  { name: 'capture_delay_s', type: 'int', value: (t) => t.captureDelayS },
];

/** Of a wallet payment. Its `customer_id` was the holder of the wallet, whom no merchant is shown. */
const WALLET_CUSTOMER: TransactionColumn = {
  name: 'merchant_customer_id',
  type: 'uuid',
  value: (t) => t.customerId,
};

const RETURN_URL: (typeof CARD_FIXED_COLUMNS)[number] = {
  name: 'return_url',
  type: 'text',
  value: (t) => t.returnUrl,
};
/** Wallet payments leave the columns of cards at their defaults: 14 parameters less on the hot path. */
const WALLET_INSERT = [ID, ...FIXED_COLUMNS, ...STATE_COLUMNS, RETURN_URL];
const TOLD_WALLET_INSERT = [...WALLET_INSERT, ...LINK_COLUMNS, WALLET_CUSTOMER, DESCRIPTION];
const CARD_INSERT = [...WALLET_INSERT, ...LINK_COLUMNS, ...CARD_FIXED_COLUMNS, ...CARD_STATE_COLUMNS];
const WALLET_UPDATE = [ID, ...STATE_COLUMNS];
const CARD_UPDATE = [...WALLET_UPDATE, ...CARD_STATE_COLUMNS];

function camelCase(name: string): string {
  return name.replace(/_(\w)/g, (_match, letter: string) => letter.toUpperCase());
}

/** The customer of a payment, in a row of `transaction`. */
export const CUSTOMER_ID = `CASE payment_method WHEN 'card' THEN customer_id ELSE merchant_customer_id END`;

/** What rows of the one method say otherwise than those of the other. */
const OF_BOTH_METHODS: Readonly<Record<string, string>> = {
  customer_id: CUSTOMER_ID,
  // Wallet payments that were there before the column have its default.
  acquirer_id: `CASE payment_method WHEN 'card' THEN acquirer_id END`,
};

/** The columns of a `Transaction`, under its property names. */
export const TRANSACTION_COLUMNS = CARD_INSERT.filter(({ name }) => name !== 'due_at')
  .map(({ name }) => `${OF_BOTH_METHODS[name] ?? name} AS "${camelCase(name)}"`)
  .join(', ');

/** Locks payments, sorted by id: here, since PostgreSQL would sort them as the rows of 50 columns that they are. */
export async function lockTransactions(db: StatementRunner, ids: readonly string[]): Promise<Transaction[]> {
  const { rows } = await db.query({
    name: 'lock_transactions',
    text: `SELECT t.* FROM (SELECT unnest($1::uuid[]) AS id) u
      CROSS JOIN LATERAL (SELECT ${TRANSACTION_COLUMNS} FROM transaction WHERE id = u.id LIMIT 1 FOR UPDATE) t`,
    values: [uuidArray([...new Set(ids)].sort())],
  });
  return rows;
}

/** Locks what has fallen due, oldest first, passing over rows that another node is working on. */
export async function lockDueTransactions(db: StatementRunner, limit: number): Promise<Transaction[]> {
  const { rows } = await db.query({
    name: 'lock_due',
    text: `SELECT ${TRANSACTION_COLUMNS} FROM transaction
      WHERE due_at <= (SELECT clock_timestamp() + clock_offset_ms * interval '1 millisecond' FROM installation)
      ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED`,
    values: [String(limit)],
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

/** A wallet holder, and their wallet if there is one in the currency. Found by id, a wallet comes without its holder. */
export type WalletRow = (
  | (Wallet & Pick<AccountRow, 'postingCount'>)
  | { readonly [Property in keyof Wallet | 'postingCount']: null }
) & {
  readonly phone: string | null;
  readonly iinHash: string | null;
  /** The holder's id. */
  readonly ownerId: string | null;
};

const WALLET_COLUMNS = `w.id, w.owner_id AS "holderId", w.currency, w.balance - w.held AS available, w.held, w.frozen,
        w.approval, w.posting_count AS "postingCount"`;

/**
 * Finds wallet holders by phone, and locks their wallets and those of payments and by id, sorted by id. A wallet
 * may come more than once.
 */
export async function findAndLockWallets(db: StatementRunner, targets: WalletTargets): Promise<WalletRow[]> {
  const { rows } = await db.query({
    name: 'find_and_lock_wallets',
    text: `SELECT u.phone, u.iin_hash AS "iinHash", u.owner_id AS "ownerId", ${WALLET_COLUMNS}
      FROM (
        SELECT w.id, q.phone, c.iin_hash, c.id AS owner_id FROM unnest($1::text[], $2::text[]) q(phone, currency)
          LEFT JOIN LATERAL (SELECT * FROM wallet_holder WHERE phone = q.phone LIMIT 1) c ON true
          LEFT JOIN LATERAL (SELECT id FROM account
            WHERE owner_id = c.id AND currency = q.currency AND kind = 'wallet' LIMIT 1) w ON true
        UNION ALL SELECT x.wallet_id, NULL, NULL, NULL FROM unnest($3::uuid[]) t(id)
          CROSS JOIN LATERAL (SELECT wallet_id FROM transaction WHERE id = t.id LIMIT 1) x
        UNION ALL SELECT unnest($4::uuid[]), NULL, NULL, NULL
        ORDER BY 1) u
      LEFT JOIN LATERAL (SELECT * FROM account WHERE id = u.id AND kind = 'wallet' LIMIT 1 FOR UPDATE) w ON true`,
    values: [
      textArray(targets.phones),
      textArray(targets.currencies),
      uuidArray(targets.transactionIds),
      uuidArray(targets.walletIds),
    ],
  });
  return rows;
}

/** Locks wallets whose ids are known, sorted by id. */
export async function lockWallets(db: StatementRunner, ids: readonly string[]): Promise<WalletRow[]> {
  const { rows } = await db.query({
    name: 'lock_wallets',
    text: `SELECT NULL AS phone, NULL AS "iinHash", NULL AS "ownerId", ${WALLET_COLUMNS} FROM account w
      WHERE id = ANY($1::uuid[]) AND kind = 'wallet' ORDER BY id FOR UPDATE`,
    values: [uuidArray(ids)],
  });
  return rows;
}

/** Wrong IINs that were given with a phone number. */
export interface GuessRow extends Guesses {
  readonly phone: string;
}

/** What is known of guesses with these phone numbers; nothing of one that has none. */
export async function readGuesses(db: StatementRunner, phones: readonly string[]): Promise<GuessRow[]> {
  const { rows } = await db.query({
    name: 'guesses',
    text: `SELECT subject AS phone, wrong, last_at AS "lastAt", locked_until AS "lockedUntil" FROM wrong_iin
      WHERE kind = 'phone' AND subject = ANY($1::text[])`,
    values: [textArray(phones)],
  });
  return rows;
}

/** An account that is locked, and no wallet. */
export interface AccountRow {
  readonly id: string;
  readonly kind: AccountKind;
  readonly ownerId: string;
  readonly currency: string;
  readonly balance: bigint;
  readonly held: bigint;
  /** The number of its last posting. */
  readonly postingCount: bigint;
}

const MERCHANT_KINDS = kindsOf('merchant').filter(isLocked);
const OWNERS = `SELECT DISTINCT t.merchant_id, t.currency, k.kind FROM unnest($1::uuid[]) u(id)
  CROSS JOIN LATERAL (SELECT merchant_id, currency FROM transaction WHERE id = u.id LIMIT 1) t
  CROSS JOIN unnest('${plainArray(MERCHANT_KINDS)}'::text[]) k(kind)`;
const MERCHANT_ACCOUNTS = `SELECT a.id, a.kind, a.owner_id AS "ownerId", a.currency, a.balance, a.held,
    a.posting_count AS "postingCount" FROM (${OWNERS} ORDER BY 1, 2, 3) o
  CROSS JOIN LATERAL (SELECT * FROM account
    WHERE owner_id = o.merchant_id AND currency = o.currency AND kind = o.kind LIMIT 1`;

/** Makes sure that the accounts of these payments' merchants exist, before they are locked. */
export async function ensureMerchantAccounts(
  db: StatementRunner,
  transactionIds: readonly string[],
): Promise<void> {
  await db.query({
    name: 'ensure_accounts',
    text: `INSERT INTO account (id, kind, owner_id, currency)
      SELECT account_id(kind, merchant_id, currency), kind, merchant_id, currency FROM (${OWNERS}) o ORDER BY 3, 4, 2
      ON CONFLICT DO NOTHING`,
    values: [uuidArray(transactionIds)],
  });
}

/** Locks the accounts of these payments' merchants, sorted. */
export async function lockMerchantAccounts(
  db: StatementRunner,
  transactionIds: readonly string[],
): Promise<AccountRow[]> {
  const { rows } = await db.query({
    name: 'lock_accounts',
    text: `${MERCHANT_ACCOUNTS} FOR UPDATE) a`,
    values: [uuidArray(transactionIds)],
  });
  return rows;
}

/** The accounts of these payments' merchants as last committed: for answers, never for decisions. */
export async function readMerchantAccounts(
  db: StatementRunner,
  transactionIds: readonly string[],
): Promise<AccountRow[]> {
  const { rows } = await db.query({
    name: 'read_accounts',
    text: `${MERCHANT_ACCOUNTS}) a`,
    values: [uuidArray(transactionIds)],
  });
  return rows;
}

export interface Now {
  /** The engine's time in milliseconds. */
  readonly now: number;
  /** Sandbox only, else 0: how long the batch is to sleep. It comes with the row that is read anyway. */
  readonly delayMs: number;
  /** Whether two events may be one row: see `eventRows.ts`. */
  readonly sharesEventRows: boolean;
}

/** Read after the locks, so that no decision is older than its rows. */
export async function readNow(db: StatementRunner): Promise<Now> {
  const { rows } = await db.query({
    name: 'now',
    text: `SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint + clock_offset_ms AS now,
      database_delay_ms AS delay, shares_event_rows AS shares FROM installation`,
  });
  return { now: Number(rows[0].now), delayMs: rows[0].delay, sharesEventRows: rows[0].shares };
}

/** As if the database were slow: with every lock of the batch held. */
export async function sleep(db: StatementRunner, delayMs: number): Promise<void> {
  await db.query({ name: 'sleep', text: 'SELECT pg_sleep($1)', values: [String(delayMs / 1_000)] });
}

/** Pairs of one phone number that no customer has, or that were not looked at. */
export interface WrongPair {
  readonly phone: string;
  /** How many of them count; 0 is written like any other, so that nothing is told by the time that it takes. */
  readonly count: number;
  readonly at: number;
  readonly lockedUntil: number | null;
}

const COUNT_WRONG_PAIRS = statementOf(
  'count_wrong_pairs',
  [
    { name: 'phone', type: 'text', value: (pair: WrongPair) => pair.phone },
    { name: 'count', type: 'int', value: (pair: WrongPair) => pair.count },
    { name: 'at', type: 'time', value: (pair: WrongPair) => pair.at },
    { name: 'locked_until', type: 'time', value: (pair: WrongPair) => pair.lockedUntil },
  ],
  ({ of, from }) => `INSERT INTO wrong_iin AS w (kind, subject, wrong, since, last_at, locked_until)
    SELECT 'phone', ${of('phone')}, ${of('count')}, ${of('at')}, ${of('at')}, ${of('locked_until')} FROM ${from} ORDER BY 2
    ON CONFLICT (kind, subject) DO UPDATE SET
      wrong = CASE WHEN w.last_at > excluded.last_at - interval '${FORGET_GUESSES_MS} milliseconds' THEN w.wrong ELSE 0 END
        + excluded.wrong,
      since = CASE WHEN w.last_at > excluded.last_at - interval '${FORGET_GUESSES_MS} milliseconds' THEN w.since
        ELSE excluded.since END,
      last_at = CASE WHEN excluded.wrong > 0 THEN excluded.last_at ELSE w.last_at END,
      locked_until = greatest(w.locked_until, excluded.locked_until)`,
  1,
);

/** Counts wrong pairs by phone number, over all merchants and nodes. */
export async function countWrongPairs(db: StatementRunner, pairs: readonly WrongPair[]): Promise<void> {
  await db.query(COUNT_WRONG_PAIRS(pairs));
}

/** Writes transactions of one payment method. */
type WriteTransactions = (db: StatementRunner, transactions: readonly Transaction[]) => Promise<void>;

function writeOf(statement: (transactions: readonly Transaction[]) => Statement): WriteTransactions {
  return async (db, transactions) => {
    await db.query(statement(transactions));
  };
}

/** A wallet payment has no acquirer, which costs no parameter. */
function insertWalletOf(name: string, columns: readonly TransactionColumn[]): WriteTransactions {
  return writeOf(
    statementOf(
      name,
      columns,
      ({ select, from }) => `INSERT INTO transaction (${namesOf(columns)}, acquirer_id)
    SELECT ${select}, NULL FROM ${from}`,
    ),
  );
}

/** Those by a link, of a customer or with a description apart: the others have no parameters for it. */
export type InsertKind = 'wallet' | 'told_wallet' | 'card';

export function insertKindOf(transaction: Transaction): InsertKind {
  const { paymentMethod, paymentLinkId, paymentSessionId, customerId, description } = transaction;
  if (paymentMethod === 'card') return 'card';
  return (paymentLinkId ?? paymentSessionId ?? customerId ?? description) === null ? 'wallet' : 'told_wallet';
}

export const INSERT_TRANSACTIONS: Readonly<Record<InsertKind, WriteTransactions>> = {
  wallet: insertWalletOf('insert_wallet', WALLET_INSERT),
  told_wallet: insertWalletOf('insert_told_wallet', TOLD_WALLET_INSERT),
  card: writeOf(insertOf('insert_card', 'transaction', CARD_INSERT)),
};

export const UPDATE_TRANSACTIONS = {
  wallet: writeOf(updateOf('update_wallet', 'transaction', WALLET_UPDATE)),
  card: writeOf(updateOf('update_card', 'transaction', CARD_UPDATE)),
} as const;

const EVENT_COLUMNS: readonly Column<EventRow>[] = [
  { name: 'transaction_id', type: 'uuid', value: ({ event }) => event.transactionId },
  { name: 'seq', type: 'int', value: ({ event }) => event.seq },
  { name: 'merchant_id', type: 'uuid', value: ({ event }) => event.merchantId },
  { name: 'name', type: 'word', value: ({ event }) => event.name },
  { name: 'status', type: 'word', value: ({ event }) => event.status },
  { name: 'amount', type: 'bigint', value: ({ event }) => event.amount },
  { name: 'captured', type: 'bigint', value: ({ event }) => event.captured },
  { name: 'released', type: 'bigint', value: ({ event }) => event.released },
  { name: 'refunded', type: 'bigint', value: ({ event }) => event.refunded },
  { name: 'reserved', type: 'bigint', value: ({ event }) => event.reserved },
  { name: 'balance', type: 'numeric', value: ({ event }) => event.balance },
  { name: 'balance_currency', type: 'word', value: ({ event }) => event.balanceCurrency },
  { name: 'actor', type: 'word', value: ({ event }) => event.actor },
  { name: 'reason', type: 'word', value: ({ event }) => event.reason },
  { name: 'at', type: 'time', value: ({ event }) => event.at },
  { name: 'with_created', type: 'boolean', value: (row) => row.withCreated },
];

/** Migration 0003 says why this is the order in which events become readable, and why no event is skipped. */
export const EVENT_ROUND = `(SELECT greatest(pg_snapshot_xmax(pg_current_snapshot())::text::bigint,
    pg_current_xact_id()::text::bigint + 1) + event_round_offset FROM installation)`;
const INSERT_EVENTS = statementOf(
  'insert_events',
  EVENT_COLUMNS,
  ({ select, from }) =>
    `INSERT INTO event (${namesOf(EVENT_COLUMNS)}, round) SELECT ${select}, ${EVENT_ROUND} FROM ${from}`,
);

/** All events of the batch in one statement, after every lock: it numbers them in their order. */
export async function insertEvents(db: StatementRunner, rows: readonly EventRow[]): Promise<void> {
  await db.query(INSERT_EVENTS(rows));
}

const OPERATION_COLUMNS: readonly Column<BankOperation>[] = [
  { name: 'id', type: 'uuid', value: (o) => o.id },
  { name: 'status', type: 'word', value: (o) => o.status },
  { name: 'settled_at', type: 'time', value: (o) => o.settledAt },
  { name: 'answer_due_at', type: 'time', value: (o) => o.answerDueAt },
  { name: 'acquirer_id', type: 'uuid', value: (o) => o.acquirerId },
  { name: 'credentials_id', type: 'uuid', value: (o) => o.credentialsId },
];

const OPERATION_INSERT: readonly Column<BankOperation>[] = [
  ...OPERATION_COLUMNS,
  { name: 'transaction_id', type: 'uuid', value: (o) => o.transactionId },
  { name: 'payment_id', type: 'uuid', value: (o) => o.paymentId },
  { name: 'merchant_id', type: 'uuid', value: (o) => o.merchantId },
  { name: 'kind', type: 'word', value: (o) => o.kind },
  { name: 'amount', type: 'bigint', value: (o) => o.amount },
  { name: 'currency', type: 'word', value: (o) => o.currency },
  { name: 'actor', type: 'word', value: (o) => o.actor },
  { name: 'reason', type: 'word', value: (o) => o.reason },
  { name: 'final', type: 'boolean', value: (o) => o.final },
  { name: 'requested_at', type: 'time', value: (o) => o.requestedAt },
  { name: 'scope_id', type: 'uuid', value: (o) => o.scopeId },
  { name: 'key', type: 'text', value: (o) => o.key },
];

/** A new operation is carried out by the node that recorded it; another one may take it over after this. */
export const OPERATION_LEASE = `interval '15 seconds'`;

const INSERT_OPERATIONS = statementOf(
  'insert_operations',
  OPERATION_INSERT,
  ({ select, from }) => `INSERT INTO bank_operation (${namesOf(OPERATION_INSERT)}, next_attempt_at)
    SELECT ${select}, clock_timestamp() + ${OPERATION_LEASE} FROM ${from}`,
);

export async function insertOperations(
  db: StatementRunner,
  operations: readonly BankOperation[],
): Promise<void> {
  await db.query(INSERT_OPERATIONS(operations));
}

/** A settled operation needs no further attempt. */
const UPDATE_OPERATIONS = statementOf(
  'update_operations',
  OPERATION_COLUMNS,
  ({ of, from }) => `UPDATE bank_operation t
    SET status = ${of('status')}, settled_at = ${of('settled_at')}, answer_due_at = ${of('answer_due_at')},
      acquirer_id = ${of('acquirer_id')}, credentials_id = ${of('credentials_id')},
      next_attempt_at = CASE WHEN ${of('status')} = 'pending' THEN t.next_attempt_at END
    FROM ${from} WHERE t.id = u.id`,
);

export async function updateOperations(
  db: StatementRunner,
  operations: readonly BankOperation[],
): Promise<void> {
  await db.query(UPDATE_OPERATIONS(operations));
}

export const BANK_OPERATION_COLUMNS = [
  ...OPERATION_INSERT.map(({ name }) => `${name} AS "${camelCase(name)}"`),
  'attempts',
].join(', ');

/** Locks bank operations, sorted by id; after their transactions. */
export async function lockOperations(db: StatementRunner, ids: readonly string[]): Promise<BankOperation[]> {
  const { rows } = await db.query({
    name: 'lock_operations',
    text: `SELECT ${BANK_OPERATION_COLUMNS} FROM bank_operation WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE`,
    values: [uuidArray(ids)],
  });
  return rows;
}

/** Gives the responses that were waiting for the bank; one that was given already stays. */
export async function giveResponses(
  db: StatementRunner,
  claims: readonly Omit<Claim, 'fingerprint'>[],
): Promise<void> {
  await db.query(GIVE_RESPONSES(claims));
}

/** One end of a posting. Number and balance after it: null when the account is moved by a sum. */
export interface PostedEnd {
  readonly accountId: string;
  readonly number: bigint | null;
  readonly balance: bigint | null;
}

/** A posting with what it did to its accounts. */
export interface PostingRow extends Posting {
  readonly fromEnd: PostedEnd;
  readonly toEnd: PostedEnd;
}

function merchantIdOf(account: Account): string | null {
  return account.kind === 'merchant' ? account.ownerId : null;
}

const POSTING_COLUMNS: readonly Column<PostingRow>[] = [
  { name: 'operation_id', type: 'uuid', value: (p) => p.operationId },
  { name: 'seq', type: 'int', value: (p) => p.seq },
  { name: 'code', type: 'word', value: (p) => p.code },
  { name: 'from_account_id', type: 'uuid', value: (p) => p.fromEnd.accountId },
  { name: 'from_number', type: 'bigint', value: (p) => p.fromEnd.number },
  { name: 'from_balance', type: 'numeric', value: (p) => p.fromEnd.balance },
  { name: 'to_account_id', type: 'uuid', value: (p) => p.toEnd.accountId },
  { name: 'to_number', type: 'bigint', value: (p) => p.toEnd.number },
  { name: 'to_balance', type: 'numeric', value: (p) => p.toEnd.balance },
  { name: 'merchant_id', type: 'uuid', value: (p) => merchantIdOf(p.from) ?? merchantIdOf(p.to) },
  { name: 'currency', type: 'word', value: (p) => p.currency },
  { name: 'amount', type: 'bigint', value: (p) => p.amount },
  { name: 'at', type: 'time', value: (p) => p.at },
];

const INSERT_POSTINGS = insertOf('insert_postings', 'posting', POSTING_COLUMNS);

export async function insertPostings(db: StatementRunner, postings: readonly PostingRow[]): Promise<void> {
  await db.query(INSERT_POSTINGS(postings));
}

const TRANSFER_COLUMNS: readonly Column<WalletTransfer>[] = [
  { name: 'id', type: 'uuid', value: (t) => t.id },
  { name: 'wallet_id', type: 'uuid', value: (t) => t.walletId },
  { name: 'kind', type: 'word', value: (t) => t.kind },
  { name: 'amount', type: 'bigint', value: (t) => t.amount },
  { name: 'currency', type: 'word', value: (t) => t.currency },
  { name: 'reference', type: 'text', value: (t) => t.reference },
  { name: 'actor', type: 'word', value: (t) => t.actor },
  { name: 'created_at', type: 'time', value: (t) => t.createdAt },
];

const INSERT_TRANSFERS = insertOf('insert_transfers', 'wallet_transfer', TRANSFER_COLUMNS);

export async function insertTransfers(
  db: StatementRunner,
  transfers: readonly WalletTransfer[],
): Promise<void> {
  await db.query(INSERT_TRANSFERS(transfers));
}

/** What a batch writes of an account that it has locked. */
export type MovedAccount = Pick<AccountRow, 'id' | 'balance' | 'held' | 'postingCount'>;

/** `available` is what nodes of the version before read. */
export async function updateAccounts(db: StatementRunner, accounts: readonly MovedAccount[]): Promise<void> {
  await db.query({
    name: 'update_accounts',
    text: `UPDATE account a SET balance = u.balance, held = u.held, available = u.balance - u.held, posting_count = u.count
      FROM (SELECT unnest($1::uuid[]) AS id, unnest($2::numeric[]) AS balance, unnest($3::numeric[]) AS held,
        unnest($4::bigint[]) AS count) u WHERE a.id = u.id`,
    values: [
      uuidArray(accounts.map((a) => a.id)),
      plainArray(accounts.map((a) => a.balance)),
      plainArray(accounts.map((a) => a.held)),
      bigintArray(accounts.map((a) => a.postingCount)),
    ],
  });
}

/** No decision depends on such an account, so it is not loaded: what it changed by is added to it. */
export interface AccountDelta extends Pick<AccountRow, 'id' | 'kind' | 'ownerId' | 'currency'> {
  readonly delta: bigint;
}

/**
 * The first batch that comes for an account makes it. Two statements: one insert with DO UPDATE names one unique index, and
 * fails when another batch has just made the row, which breaks another one.
 */
export async function addToAccounts(db: StatementRunner, deltas: readonly AccountDelta[]): Promise<void> {
  const ids = uuidArray(deltas.map((d) => d.id));
  const kinds = textArray(deltas.map((d) => d.kind));
  const owners = uuidArray(deltas.map((d) => d.ownerId));
  const currencies = textArray(deltas.map((d) => d.currency));
  const [, { rowCount }] = await Promise.all([
    db.query({
      name: 'ensure_summed_accounts',
      text: `INSERT INTO account (id, kind, owner_id, currency, may_be_negative)
        SELECT u.* FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::boolean[]) u(id, kind, owner_id, currency, may)
        WHERE NOT EXISTS (SELECT FROM account a WHERE a.id = u.id) ORDER BY kind, currency, owner_id
        ON CONFLICT DO NOTHING`,
      values: [
        ids,
        kinds,
        owners,
        currencies,
        booleanArray(deltas.map((d) => ACCOUNT_KINDS[d.kind].mayBeNegative)),
      ],
    }),
    db.query({
      name: 'add_to_accounts',
      text: `UPDATE account a SET balance = a.balance + u.delta FROM (
          SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::numeric[]) u(id, kind, owner_id, currency, delta)
          ORDER BY kind, currency, owner_id) u
        WHERE a.id = u.id`,
      values: [ids, kinds, owners, currencies, plainArray(deltas.map((d) => d.delta))],
    }),
  ]);
  // An account that could not be made, for its owner has another one, would lose its side of a posting.
  if (rowCount !== deltas.length) throw new Error(`of ${deltas.length} accounts ${rowCount} were moved`);
}
