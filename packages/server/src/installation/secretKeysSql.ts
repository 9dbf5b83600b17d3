/** Which keys an installation has had as SECRET_KEY, and which are still needed (migration 0020). */
import { SYSTEM } from '../auditLog/auditEntry.ts';
import { insertAuditEntries } from '../auditLog/auditLogSql.ts';
import type { Queryable } from '../postgres/pool.ts';
import { type ChainLink, createSecrets, type Secrets } from './secrets.ts';

interface KeyRow {
  readonly id: string;
  readonly verifier: Buffer;
  readonly look_up_keys: string | null;
  readonly retired: boolean;
  readonly recent: boolean;
}

/** Repeated requests are recognized for 30 days, and a while longer until they are purged. */
const RECENT = `interval '35 days'`;

async function readKeys(db: Queryable): Promise<KeyRow[]> {
  const { rows } = await db.query<KeyRow>(
    `SELECT id, verifier, look_up_keys, retired_at IS NOT NULL AS retired,
       coalesce(lead(became_current_at) OVER (ORDER BY number), now()) > now() - ${RECENT} AS recent
     FROM secret_key ORDER BY number`,
  );
  return rows;
}

/**
 * The secrets of a ring, which the installation then knows: a key that is current for the first time is the next of
 * the chain. In a transaction that holds the installation's row.
 * @returns which keys are needed and not there, by their ids; then nothing was changed
 */
export async function openRing(
  db: Queryable,
  secretKey: string,
  others: readonly string[],
  firstVerifier: Buffer,
): Promise<Secrets | { readonly missing: readonly string[] }> {
  const bare = createSecrets(secretKey, others);
  const first = bare.ring.find(({ verifier }) => verifier.equals(firstVerifier));
  let rows = await readKeys(db);
  if (rows.length === 0) {
    if (first === undefined) return { missing: ['the first'] };
    await insertKey(db, first.id, first.verifier, 0);
    rows = await readKeys(db);
  }
  const has = (row: KeyRow): boolean =>
    bare.ring.some(({ id, verifier }) => id === row.id && verifier.equals(row.verifier));
  const missing = rows.filter((row) => !row.retired && !has(row)).map(({ id }) => id);
  if (missing.length > 0) return { missing };
  const secrets = createSecrets(secretKey, others, linksOf(bare, rows));
  if (!rows.some(({ id }) => id === secrets.current.id)) await addCurrent(db, secrets, rows);
  else await db.query('UPDATE secret_key SET retired_at = NULL WHERE id = $1', [secrets.current.id]);
  return createSecrets(secretKey, others, linksOf(bare, await readKeys(db)));
}

/** What is kept of keys that are no longer set is sealed with one that is. */
function linksOf(ring: Secrets, rows: readonly KeyRow[]): ChainLink[] {
  return rows.map(({ id, look_up_keys: sealed, recent: isRecent }) => {
    const isSet = ring.ring.some((key) => key.id === id);
    const lookUpKeys = isSet || sealed === null ? null : ring.open('look-up keys', id, sealed);
    return { id, lookUpKeys, isRecent };
  });
}

async function addCurrent(db: Queryable, secrets: Secrets, earlier: readonly KeyRow[]): Promise<void> {
  const { id, verifier } = secrets.current;
  for (const key of earlier) {
    const sealed = secrets.seal('look-up keys', key.id, secrets.lookUpKeysOf(key.id));
    await db.query('UPDATE secret_key SET look_up_keys = $2 WHERE id = $1', [key.id, sealed]);
  }
  await insertKey(db, id, verifier, earlier.length);
}

async function insertKey(db: Queryable, id: string, verifier: Buffer, number: number): Promise<void> {
  await db.query(
    `INSERT INTO secret_key (id, number, verifier, became_current_at) VALUES ($1, $2, $3, now())`,
    [id, number, verifier],
  );
  if (number === 0) return;
  const change = { action: 'secret_key.add', object: { kind: 'secret_key', id } } as const;
  await insertAuditEntries(db, [{ ...change, actor: SYSTEM, merchantId: null }]);
}

/** Whether a key is the last that became current. */
export async function isNewestKey(db: Queryable, id: string): Promise<boolean> {
  return (await readKeys(db)).at(-1)?.id === id;
}

/** Nothing is left of the keys before this one. @returns which are no longer needed */
export async function retireOthers(db: Queryable, current: string): Promise<readonly string[]> {
  const { rows } = await db.query<{ id: string }>(
    'UPDATE secret_key SET retired_at = now() WHERE id <> $1 AND retired_at IS NULL RETURNING id',
    [current],
  );
  return rows.map(({ id }) => id);
}
