/** Fills a sandbox with its first contents. */

import { insertAcquirer, listRoutes, replaceRoutes } from '../acquiring/acquirersSql.ts';
import { HTTP_CONNECTOR } from '../acquiring/httpBank.ts';
import { DEFAULT_ACQUIRER_ID } from '../core/acquirers.ts';
import type { Scope } from '../core/scopes.ts';
import { type Iin, lastDigitsOf } from '../core/values/iin.ts';
import { OPERATOR_SCOPE } from '../engine/batch.ts';
import type { Engine, OnceCall } from '../engine/engine.ts';
import { insertApiKey } from '../identity/apiKeysSql.ts';
import { insertUser } from '../identity/usersSql.ts';
import { lockSeed, markSeeded } from '../installation/installationSql.ts';
import { newId } from '../installation/newId.ts';
import { hashApiKey, type Secrets } from '../installation/secrets.ts';
import { insertMerchant } from '../merchants/merchantsSql.ts';
import { insertStore, insertTerminal } from '../merchants/storesSql.ts';
import { inTransaction, type Pool, type Queryable } from '../postgres/pool.ts';
import { insertWallet, insertWalletHolder, setFrozen } from '../walletHolders/walletHoldersSql.ts';
import {
  PLAIN_ACQUIRER,
  SEED_CUSTOMERS,
  SEED_MERCHANTS,
  SEED_OPERATOR,
  SEED_PASSWORD_HASH,
  SEED_STORE,
  SEED_TERMINAL,
  SEED_USERS,
} from './fixtures.ts';

/** Seeds a sandbox once. Safe when several nodes start together, and after a start that was cut off. */
export async function seedSandbox(pool: Pool, engine: Engine, secrets: Secrets): Promise<void> {
  const seeded = await inTransaction(pool, async (client) => {
    const { begun, done } = await lockSeed(client);
    if (!begun) await insertSeed(client, secrets);
    // A sandbox of the version before has one bank.
    else await insertSeedAcquirers(client);
    return done;
  });
  if (seeded) return;
  await Promise.all(seedDeposits().map((call) => engine.runOnce(call)));
  await markSeeded(pool);
}

/** Everything but money. */
export async function insertSeed(db: Queryable, secrets: Secrets): Promise<void> {
  const settings = { captureMode: 'manual', captureDelay: 0, authorizationTtl: 7 * 86_400 } as const;
  for (const { id, name, apiKey, apiKeyId } of SEED_MERCHANTS) {
    await insertMerchant(db, id, {
      ...{ name, ...settings, returnOrigins: [], timeZone: null },
      ...{ linkCaptureDelay: 3_600, linkHold: 5 * 86_400 },
      requireIdempotencyKey: false,
      ...{ checkoutColor: null, checkoutOrigins: [] },
    });
    await insertSeedKey(db, apiKeyId, id, apiKey);
  }
  await insertSeedAcquirers(db);
  await insertSeedKey(db, SEED_OPERATOR.apiKeyId, null, SEED_OPERATOR.apiKey);
  for (const user of SEED_USERS) await insertUser(db, { ...user, passwordHash: SEED_PASSWORD_HASH });
  await insertStore(db, SEED_STORE);
  await insertTerminal(db, SEED_TERMINAL);
  for (const { id, phone, iin, approval, frozen, wallets } of SEED_CUSTOMERS) {
    const iinLast4 = lastDigitsOf(iin as Iin);
    await insertWalletHolder(db, { id, phone, iinHash: secrets.hashIin(iin), iinLast4 });
    for (const { id: walletId, currency } of wallets) {
      await insertWallet(db, { id: walletId, holderId: id, currency, approval });
      if (frozen) await setFrozen(db, walletId, true);
    }
  }
}

/** The simulated banks; the second one is asked when the first one is not there. What an operator has set up stays. */
async function insertSeedAcquirers(db: Queryable): Promise<void> {
  const { name: connector } = HTTP_CONNECTOR;
  // As the migration has it that made the default one: banks that were there before send nothing.
  const capabilities = HTTP_CONNECTOR.capabilities.filter((one) => one !== 'notifications');
  const fixed = { connector, url: null, secret: null, takesPayments: true };
  await insertAcquirer(db, { ...fixed, id: DEFAULT_ACQUIRER_ID, name: 'default', capabilities });
  const plain = await insertAcquirer(db, { ...fixed, ...PLAIN_ACQUIRER });
  if (plain === null || (await listRoutes(db)).length > 0) return;
  const everything = { merchantId: null, paymentMethod: null, currency: null, cardBrand: null };
  const ids = [DEFAULT_ACQUIRER_ID, PLAIN_ACQUIRER.id];
  await replaceRoutes(
    db,
    ids.map((acquirerId) => ({ ...everything, acquirerId })),
  );
}

/** The same ids every time: a node that remembers a key for a moment is right after a reset, too. */
async function insertSeedKey(
  db: Queryable,
  id: string,
  merchantId: string | null,
  apiKey: string,
): Promise<void> {
  const key = { id, merchantId, name: 'sandbox', hash: hashApiKey(apiKey), hint: apiKey.slice(-4) };
  const scopes: readonly Scope[] = merchantId === null ? ['read', 'write'] : ['read', 'write', 'webhooks'];
  await insertApiKey(db, { ...key, scopes, expiresAt: null });
}

/** The wallets' first money. Each is paid in once, however often it is sent: the key is the wallet's. */
export function seedDeposits(): OnceCall[] {
  const wallets = SEED_CUSTOMERS.flatMap((customer) => customer.wallets);
  return wallets.map(({ id: walletId, amount }) => ({
    command: { kind: 'deposit', transferId: newId(), walletId, amount, reference: 'sandbox seed' },
    sender: { actor: 'operator', merchantId: null, paymentMethod: null },
    once: {
      apiKeyId: null,
      scopeId: OPERATOR_SCOPE,
      key: `sandbox seed ${walletId}`,
      ...{ fingerprint: 'seed', otherFingerprints: [] },
      render: () => ({ statusCode: 200, body: '{}' }),
      usual: null,
    },
  }));
}
