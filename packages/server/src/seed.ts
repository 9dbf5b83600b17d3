/** The sandbox's first contents, fixed so that docs and tests can name them. */
import { v7 as uuidv7 } from 'uuid';
import { type Iin, lastDigitsOf } from './domain/iin.ts';
import type { Wallet } from './domain/transaction.ts';
import { OPERATOR_SCOPE } from './engine/batch.ts';
import type { Engine } from './engine/engine.ts';
import { hashApiKey, type Secrets } from './secrets.ts';
import { insertApiKey } from './store/apiKeys.ts';
import { insertCustomer, insertWallet, setFrozen } from './store/customers.ts';
import { insertMerchant } from './store/merchants.ts';
import { inTransaction, type Pool, type Queryable } from './store/postgres.ts';

const MERCHANTS = [
  { id: '01900000-0000-7000-8000-000000000001', name: 'Demo Store', apiKey: 'pr_test_demo' },
  { id: '01900000-0000-7000-8000-000000000002', name: 'Other Store', apiKey: 'pr_test_other' },
];
const OPERATOR_KEY = 'op_test_demo';

interface SeedCustomer {
  readonly phone: string;
  readonly iin: string;
  readonly approval: Wallet['approval'];
  readonly frozen: boolean;
  /** Minor units by currency. */
  readonly funds: Readonly<Record<string, bigint>>;
}

function customer(phone: string, iin: string, kzt: bigint, rest: Partial<SeedCustomer> = {}): SeedCustomer {
  return { phone, iin, approval: 'none', frozen: false, funds: { KZT: kzt }, ...rest };
}

const CUSTOMERS: readonly SeedCustomer[] = [
  customer('+77010000001', '900101300017', 0n, { funds: { KZT: 10_000_000_000n, USD: 100_000_000n } }),
  customer('+77010000002', '850520400027', 500n),
  customer('+77010000003', '771211300039', 1_000_000n, { frozen: true }),
  customer('+77010000004', '950308400048', 1_000_000_000n, { approval: 'customer' }),
  customer('+77010000005', '010715500051', 1_000_000_000n, { approval: 'delayed' }),
  customer('+77010000006', '990909400062', 1_000_000_000n, { approval: 'system_error' }),
];

/** Fixed ids: `kind` and `number` in a UUIDv7 of the year 2024. */
function seedId(kind: string, number: number): string {
  return `01900000-0000-7000-8000-${kind}${String(number).padStart(12 - kind.length, '0')}`;
}

/** Seeds a sandbox once. Safe when several nodes start together, and after a start that was cut off. */
export async function seedSandbox(pool: Pool, engine: Engine, secrets: Secrets): Promise<void> {
  const seeded = await inTransaction(pool, async (client) => {
    // Two statements: one that waited for another node's seed would still not see what that committed.
    await client.query('SELECT FROM installation FOR UPDATE');
    const { rows } = await client.query(
      'SELECT seeded_at, EXISTS (SELECT FROM merchant) AS begun FROM installation',
    );
    if (!rows[0].begun) await insertSeed(client, secrets);
    return rows[0].seeded_at !== null;
  });
  if (seeded) return;
  await Promise.all(walletsOf(CUSTOMERS).map((wallet) => deposit(engine, wallet)));
  await pool.query('UPDATE installation SET seeded_at = clock_timestamp()');
}

async function insertSeed(db: Queryable, secrets: Secrets): Promise<void> {
  for (const { id, name, apiKey } of MERCHANTS) {
    await insertMerchant(db, id, {
      name,
      captureMode: 'manual',
      captureDelay: 0,
      authorizationTtl: 7 * 86_400,
      returnOrigins: [],
    });
    await insertSeedKey(db, id, apiKey);
  }
  await insertSeedKey(db, null, OPERATOR_KEY);
  for (const [i, seed] of CUSTOMERS.entries()) {
    const iinHash = secrets.hashIin(seed.iin);
    const iinLast4 = lastDigitsOf(seed.iin as Iin);
    await insertCustomer(db, { id: seedId('c', i + 1), phone: seed.phone, iinHash, iinLast4 });
  }
  for (const wallet of walletsOf(CUSTOMERS)) {
    await insertWallet(db, wallet);
    if (wallet.frozen) await setFrozen(db, wallet.id, true);
  }
}

async function insertSeedKey(db: Queryable, merchantId: string | null, apiKey: string): Promise<void> {
  const key = { id: uuidv7(), merchantId, name: 'sandbox', hash: hashApiKey(apiKey), hint: apiKey.slice(-4) };
  await insertApiKey(db, { ...key, scopes: ['read', 'write'], expiresAt: null });
}

interface SeedWallet extends Pick<Wallet, 'id' | 'customerId' | 'currency' | 'approval' | 'frozen'> {
  readonly amount: bigint;
}

function walletsOf(customers: readonly SeedCustomer[]): SeedWallet[] {
  const wallets: SeedWallet[] = [];
  for (const [i, { funds, approval, frozen }] of customers.entries()) {
    for (const [currency, amount] of Object.entries(funds)) {
      const id = seedId('d', wallets.length + 1);
      wallets.push({ id, customerId: seedId('c', i + 1), currency, approval, frozen, amount });
    }
  }
  return wallets;
}

/** Once, however often it is called: the key is the wallet's. */
async function deposit(engine: Engine, wallet: SeedWallet): Promise<void> {
  const { id: walletId, amount } = wallet;
  await engine.execute({
    command: { kind: 'deposit', transferId: uuidv7(), walletId, amount, reference: 'sandbox seed' },
    sender: { actor: 'operator', merchantId: null, paymentMethod: null },
    apiKeyId: null,
    scopeId: OPERATOR_SCOPE,
    internalId: uuidv7(),
    idempotencyKey: `sandbox seed ${walletId}`,
    fingerprint: 'seed',
    expected: null,
    answer: ({ kind }) => ({ statusCode: kind === 'transfer' ? 200 : 422, body: '{}' }),
  });
}
