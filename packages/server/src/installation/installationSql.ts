import { randomBytes } from 'node:crypto';
import type { Config, Mode } from '../app/config.ts';
import { inTransaction, type Pool, type Queryable } from '../postgres/pool.ts';
import { openRing } from './secretKeysSql.ts';
import { createSecrets, type Secrets } from './secrets.ts';

/** The database belongs to another mode or to another SECRET_KEY. */
export class InstallationError extends Error {}

/** The keys that a node is given. */
export type GivenKeys = Pick<Config, 'secretKey' | 'otherSecretKeys'>;

interface Row {
  readonly mode: Mode;
  readonly sandbox_secret: string | null;
  readonly secret_verifier: Buffer;
}

/**
 * Stamps a new database with its mode and its key's verifier; checks both on one that has them.
 * @returns the secrets of this installation
 * @throws InstallationError when mode or keys do not match
 */
export async function openInstallation(
  pool: Pool,
  mode: Mode,
  secretKey: string | null,
  otherSecretKeys: readonly string[] = [],
): Promise<Secrets> {
  return inTransaction(pool, async (client) => {
    const generated = secretKey ?? randomBytes(32).toString('base64url');
    await client.query(
      // Only a row that is inserted here has it from the beginning: no older node can have used a database without one.
      // In those that are upgraded, operations/afterUpgrade.ts sets it.
      `INSERT INTO installation (mode, sandbox_secret, secret_verifier, shares_event_rows) VALUES ($1, $2, $3, true)
       ON CONFLICT DO NOTHING`,
      [mode, secretKey === null ? generated : null, createSecrets(generated).current.verifier],
    );
    const row = await lockInstallation(client);
    if (row === null) throw new Error('the installation row is missing');
    if (row.mode !== mode)
      throw new InstallationError(`this database was set up in ${row.mode} mode, but MODE is ${mode}`);
    return secretsOf(client, row, { secretKey, otherSecretKeys });
  });
}

/**
 * The secrets of a database that is set up, for a command. In a transaction.
 * @throws InstallationError when the keys do not match, or it is not set up
 */
export async function readSecrets(db: Queryable, keys: GivenKeys): Promise<Secrets> {
  const row = await lockInstallation(db);
  if (row === null)
    throw new InstallationError('this database is not set up yet: start the server on it once');
  return secretsOf(db, row, keys);
}

/** Until the transaction ends: nodes that start at the same time register a new key once. */
async function lockInstallation(db: Queryable): Promise<Row | null> {
  const { rows } = await db.query<Row>(
    'SELECT mode, sandbox_secret, secret_verifier FROM installation FOR UPDATE',
  );
  return rows[0] ?? null;
}

async function secretsOf(db: Queryable, row: Row, given: GivenKeys): Promise<Secrets> {
  const key = given.secretKey ?? row.sandbox_secret;
  if (key === null) throw new InstallationError('SECRET_KEY must be set: this database was set up with one');
  const secrets = await openRing(db, key, given.otherSecretKeys, row.secret_verifier);
  if (!('missing' in secrets)) return secrets;
  throw new InstallationError(
    `SECRET_KEY is not the one that this database was set up with, nor is it among OTHER_SECRET_KEYS (needed: ${secrets.missing.join(', ')})`,
  );
}

/**
 * How far the sandbox's first contents are, for whoever is to fill it. Other nodes' starts wait until its transaction
 * ends. @returns whether anything but money was put in, and whether all was
 */
export async function lockSeed(db: Queryable): Promise<{ begun: boolean; done: boolean }> {
  // Two statements: one that waited for another node's seed would still not see what that committed.
  await db.query('SELECT FROM installation FOR UPDATE');
  const { rows } = await db.query<{ begun: boolean; done: boolean }>(
    'SELECT seeded_at IS NOT NULL AS done, EXISTS (SELECT FROM merchant) AS begun FROM installation',
  );
  return rows[0] ?? { begun: false, done: false };
}

/** The mode that the database is stamped with; null before the first start. */
export async function readMode(db: Queryable): Promise<Mode | null> {
  const { rows } = await db.query<{ mode: Mode }>('SELECT mode FROM installation');
  return rows[0]?.mode ?? null;
}

export async function markSeeded(db: Queryable): Promise<void> {
  await db.query('UPDATE installation SET seeded_at = clock_timestamp()');
}

/** Sandbox only: how long every batch sleeps. */
export async function readDatabaseDelay(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ delay: number }>('SELECT database_delay_ms AS delay FROM installation');
  return rows[0]?.delay ?? 0;
}

export async function setDatabaseDelay(db: Queryable, delayMs: number): Promise<void> {
  await db.query('UPDATE installation SET database_delay_ms = $1', [delayMs]);
}

/** The engine's clock in milliseconds: the database's, plus the sandbox's offset. */
export async function readClock(db: Queryable): Promise<number> {
  const { rows } = await db.query(
    'SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint + clock_offset_ms AS now FROM installation',
  );
  return Number(rows[0].now);
}
