/** The PostgreSQL of a run, and the wallets in it. */
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { startEmbeddedPostgres } from '@plexy-pay/embedded-postgres';
import pg from 'pg';
import { OUTSIDE_ID } from '../packages/server/src/core/accounts.ts';
import { createSecrets, type Secrets } from '../packages/server/src/installation/secrets.ts';
import { makeDataDir } from '../packages/server/test/support/dataDir.ts';
import { customersOf } from './customers.ts';

export interface BenchServer {
  readonly url: string;
  /** Lets what the log has written be reused. Whoever gave us a server sees to that. */
  checkpoint(): Promise<void>;
  stop(): Promise<void>;
}

/** As a small server has it, for the product and for pgbench alike; all that concerns durability is as always. */
const SETTINGS = { shared_buffers: '1GB', max_wal_size: '8GB', min_wal_size: '4GB' };
/** Of 16 MB each: what a run writes in its log. */
const LOG_FILES = 256;

/** BENCH_DATABASE_URL, or a server of our own in a temporary folder. @param settings more for our own */
export async function startDatabase(settings: Record<string, string> = {}): Promise<BenchServer> {
  const given = process.env.BENCH_DATABASE_URL;
  const nothing = async (): Promise<void> => undefined;
  if (given !== undefined) return { url: given, checkpoint: nothing, stop: nothing };
  const dataDir = await makeDataDir('bench');
  const server = await startEmbeddedPostgres({
    dataDir,
    log: () => undefined,
    settings: { ...SETTINGS, ...settings },
  });
  const checkpoint = () => query(server.url, 'CHECKPOINT').then(nothing);
  await makeLogFiles(server.url);
  await checkpoint();
  const stop = async (): Promise<void> => {
    await server.stop();
    await rm(dataDir, { recursive: true, force: true });
  };
  return { url: server.url, checkpoint, stop };
}

/**
 * A server that has run for a while reuses the files of its write-ahead log. A new one makes each when it is needed,
 * and everybody waits 30 to 50 ms for it: here some of them are used, and left to be reused.
 */
async function makeLogFiles(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  for (let i = 0; i < LOG_FILES; i += 1) {
    await client.query(`SELECT pg_logical_emit_message(false, 'bench', '')`);
    await client.query('SELECT pg_switch_wal()');
  }
  await client.end();
}

/** A new database on that server. @returns its URL, and what drops it */
export async function createDatabase(
  serverUrl: string,
  purpose: string,
): Promise<{ url: string; drop: () => Promise<void> }> {
  const name = `bench_${purpose}_${randomBytes(4).toString('hex')}`;
  await query(serverUrl, `CREATE DATABASE ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    drop: () => query(serverUrl, `DROP DATABASE ${name} WITH (FORCE)`).then(() => undefined),
  };
}

export async function query(url: string, sql: string, values: unknown[] = []): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client.query(sql, values).finally(() => client.end());
}

/** Minor units in each wallet: more than any run can hold. */
const FUNDS = 1_000_000_000_000n;

/** A wallet in KZT for each customer, filled by a deposit whose postings balance, all in one statement. */
export async function seedWallets(url: string, secretKey: string, count: number): Promise<void> {
  const secrets = createSecrets(secretKey);
  const customers = customersOf(count);
  await query(
    url,
    `WITH seed AS MATERIALIZED (
      SELECT gen_random_uuid() AS customer_id, gen_random_uuid() AS wallet_id, gen_random_uuid() AS transfer_id, u.*
      FROM unnest($1::text[], $2::text[]) u(phone, iin_hash)
    ), customers AS (
      INSERT INTO customer (id, phone, iin_hash, iin_last4, created_at)
      SELECT customer_id, phone, iin_hash, '0000', now() FROM seed
    ), wallets AS (
      INSERT INTO account (id, kind, owner_id, currency, balance, posting_count, created_at)
      SELECT wallet_id, 'wallet', customer_id, 'KZT', $3::bigint, 1, now() FROM seed
    ), transfers AS (
      INSERT INTO wallet_transfer (id, wallet_id, kind, amount, currency, actor, created_at)
      SELECT transfer_id, wallet_id, 'deposit', $3::bigint, 'KZT', 'operator', now() FROM seed
    ), postings AS (
      INSERT INTO posting (operation_id, seq, code, from_account_id, to_account_id, to_number, to_balance, currency,
        amount, at)
      SELECT transfer_id, 1, 'deposit', account_id('funding', '${OUTSIDE_ID}', 'KZT'), wallet_id, 1, $3::bigint, 'KZT',
        $3::bigint, date_trunc('milliseconds', now()) FROM seed
    ), keys AS (
      INSERT INTO idempotency_key (scope_id, key, fingerprint, effect_id, effect_seq, status_code, response, created_at)
      SELECT '00000000-0000-0000-0000-000000000000', 'bench ' || transfer_id, 'bench', transfer_id, 0, 200, '{}', now() FROM seed
    )
    INSERT INTO account AS a (id, kind, owner_id, currency, balance, may_be_negative)
    SELECT account_id('funding', '${OUTSIDE_ID}', 'KZT'), 'funding', '${OUTSIDE_ID}', 'KZT', -count(*) * $3::bigint, true
    FROM seed ON CONFLICT (id) DO UPDATE SET balance = a.balance + excluded.balance`,
    [customers.map((c) => c.phone), hashes(secrets, customers), FUNDS],
  );
  // What autovacuum does within a minute on a live system.
  await query(url, 'VACUUM (ANALYZE)');
}

function hashes(secrets: Secrets, customers: readonly { iin: string }[]): string[] {
  return customers.map((customer) => secrets.hashIin(customer.iin));
}
