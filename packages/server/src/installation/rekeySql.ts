/** Makes anew what was sealed or hashed with an earlier SECRET_KEY: a step at a time, each a statement of its own. */

import type { Queryable } from '../postgres/pool.ts';
import type { SealedKind, Secrets } from './secrets.ts';

interface Rekeyed {
  readonly what: string;
  readonly count: number;
}

const STEP = 500;

/** Columns that are sealed, each bound to its kind and to the row's id. */
const SEALED: readonly { readonly table: string; readonly column: string; readonly kind: SealedKind }[] = [
  { table: 'webhook_endpoint', column: 'secret', kind: 'webhook secret' },
  { table: 'webhook_endpoint', column: 'old_secret', kind: 'webhook secret' },
  { table: 'webhook_endpoint', column: 'bearer_token', kind: 'webhook bearer token' },
  { table: 'callback_secret', column: 'secret', kind: 'callback secret' },
  { table: 'card_token', column: 'sealed_bank_token', kind: 'bank token' },
  { table: 'bank_token', column: 'sealed', kind: 'bank token' },
  { table: 'acquirer', column: 'secret', kind: 'acquirer secret' },
  { table: 'totp', column: 'secret', kind: 'totp secret' },
  { table: 'totp', column: 'pending_secret', kind: 'totp secret' },
  { table: 'oidc_sign_in', column: 'id_token', kind: 'id token' },
  { table: 'oidc_session', column: 'id_token', kind: 'id token' },
  { table: 'bank_credentials', column: 'sealed', kind: 'acquirer credentials' },
];

/** Whose secrets before the last rotation are a list: a column `older_secrets`. */
const OLDER_SECRETS = [
  { table: 'webhook_endpoint', kind: 'webhook secret' },
  { table: 'callback_secret', kind: 'callback secret' },
] as const;

/** Columns that are hashed. */
const HASHED = [
  { table: 'wallet_holder', column: 'iin_hash', kind: 'iin' },
  { table: 'card_token', column: 'fingerprint', kind: 'card' },
] as const;

/** All of it. What nodes write meanwhile with the current key stays as it is. */
export async function rekeyAll(db: Queryable, secrets: Secrets): Promise<Rekeyed[]> {
  const done: Rekeyed[] = [];
  for (const { table, column, kind } of SEALED) {
    const again = (sealed: string, id: string): string | null =>
      secrets.isCurrent(sealed) ? null : secrets.seal(kind, id, secrets.open(kind, id, sealed));
    done.push({ what: `${table}.${column}`, count: await rekey(db, table, column, again) });
  }
  for (const { table, kind } of OLDER_SECRETS) {
    const again = (list: string, id: string): string | null => olderSecretsAgain(secrets, kind, list, id);
    done.push({ what: `${table}.older_secrets`, count: await rekey(db, table, 'older_secrets', again) });
  }
  for (const { table, column, kind } of HASHED) {
    const again = (hash: string): string | null => secrets.hashAgain(kind, hash);
    done.push({ what: `${table}.${column}`, count: await rekey(db, table, column, again) });
  }
  done.push({ what: 'idempotency_key.response', count: await forgetShownSecrets(db, secrets) });
  return done;
}

/** Secrets that still sign beside the current one: a JSON array of what each is, and until when. */
function olderSecretsAgain(secrets: Secrets, kind: SealedKind, list: string, id: string): string | null {
  const entries: readonly { readonly secret: string; readonly until: string }[] = JSON.parse(list);
  if (entries.every(({ secret }) => secrets.isCurrent(secret))) return null;
  const again = (secret: string): string => secrets.seal(kind, id, secrets.open(kind, id, secret));
  return JSON.stringify(
    entries.map(({ secret, until }) => ({
      secret: secrets.isCurrent(secret) ? secret : again(secret),
      until,
    })),
  );
}

/** @param again null: the value is current */
async function rekey(
  db: Queryable,
  table: string,
  column: string,
  again: (value: string, id: string) => string | null,
): Promise<number> {
  let count = 0;
  let after: string | null = null;
  const cast = column === 'older_secrets' ? '::jsonb' : '';
  for (;;) {
    const found: { rows: { id: string; value: string }[] } = await db.query(
      `SELECT id, ${column}::text AS value FROM ${table} WHERE ${column} IS NOT NULL AND ($1::text IS NULL OR id > $1::${ID_TYPES[table] ?? 'uuid'})
       ORDER BY id LIMIT ${STEP}`,
      [after],
    );
    const changes = found.rows.flatMap(({ id, value }) => {
      const made = again(value, id);
      return made === null ? [] : [{ id, value, made }];
    });
    if (changes.length > 0) {
      // A value that somebody has changed meanwhile was made with the current key.
      const { rowCount } = await db.query(
        `UPDATE ${table} t SET ${column} = u.made${cast} FROM unnest($1::text[], $2::text[], $3::text[]) u(id, value, made)
         WHERE t.id = u.id::${ID_TYPES[table] ?? 'uuid'} AND t.${column}::text = u.value`,
        [changes.map(({ id }) => id), changes.map(({ value }) => value), changes.map(({ made }) => made)],
      );
      count += rowCount ?? 0;
    }
    after = found.rows.at(-1)?.id ?? null;
    if (found.rows.length < STEP) return count;
  }
}

/** Whose ids are not UUIDs. */
const ID_TYPES: Readonly<Record<string, string>> = { card_token: 'text' };

/** The fields of answers that showed a secret, this once. */
const SHOWN_ONCE = ['apiKey', 'password', 'secret'];

/** Answers with a secret were once stored whole, encrypted and bound to nothing. The secret is taken out of them. */
async function forgetShownSecrets(db: Queryable, secrets: Secrets): Promise<number> {
  const { rows } = await db.query<{ scope: string; key: string; response: string }>(
    `SELECT scope_id AS scope, key, response FROM idempotency_key
     WHERE response IS NOT NULL AND response ~ '^[A-Za-z0-9_-]+$'`,
  );
  for (const { scope, key, response } of rows) {
    const body: Record<string, unknown> = JSON.parse(secrets.openUnbound(response));
    for (const name of SHOWN_ONCE) if (name in body) body[name] = null;
    await db.query(
      'UPDATE idempotency_key SET response = $3 WHERE scope_id = $1 AND key = $2 AND response = $4',
      [scope, key, JSON.stringify(body), response],
    );
  }
  return rows.length;
}
