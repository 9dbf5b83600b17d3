import type { AcquirerRoute, Capability } from '../core/acquirers.ts';
import type { Millis } from '../core/transaction.ts';
import type { Queryable } from '../postgres/pool.ts';

/** An acquirer as it is set up. */
export interface AcquirerRow {
  readonly id: string;
  readonly name: string;
  readonly connector: string;
  /** Null: where the environment, or the sandbox, says it is. */
  readonly url: string | null;
  /** Sealed. */
  readonly secret: string | null;
  readonly capabilities: readonly Capability[];
  readonly takesPayments: boolean;
  readonly createdAt: Millis;
}

const COLUMNS = `id, name, connector, url, secret, capabilities, takes_payments AS "takesPayments", created_at AS "createdAt"`;

/** All of them, the first one first. There are few. */
export async function listAcquirers(
  db: Queryable,
): Promise<(AcquirerRow & { readonly hasCredentials: boolean })[]> {
  const { rows } = await db.query<AcquirerRow & { hasCredentials: boolean }>({
    name: 'acquirers',
    text: `SELECT ${COLUMNS}, EXISTS (SELECT FROM bank_credentials c WHERE c.acquirer_id = acquirer.id) AS "hasCredentials"
      FROM acquirer ORDER BY created_at, id`,
  });
  return rows;
}

export async function lockAcquirer(db: Queryable, id: string): Promise<AcquirerRow | null> {
  const { rows } = await db.query<AcquirerRow>(
    `SELECT ${COLUMNS} FROM acquirer WHERE id = $1 FOR NO KEY UPDATE`,
    [id],
  );
  return rows[0] ?? null;
}

/** @returns null when there is one of this name */
export async function insertAcquirer(
  db: Queryable,
  acquirer: Omit<AcquirerRow, 'createdAt'>,
): Promise<AcquirerRow | null> {
  const { id, name, connector, url, secret, capabilities, takesPayments } = acquirer;
  const { rows } = await db.query<AcquirerRow>(
    `INSERT INTO acquirer (id, name, connector, url, secret, capabilities, takes_payments, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, clock_timestamp()) ON CONFLICT DO NOTHING RETURNING ${COLUMNS}`,
    [id, name, connector, url, secret, capabilities, takesPayments],
  );
  return rows[0] ?? null;
}

/** @throws DatabaseError 23505 when another one has the name */
export async function updateAcquirer(
  db: Queryable,
  { id, name, url, secret, capabilities, takesPayments }: AcquirerRow,
): Promise<void> {
  await db.query(
    `UPDATE acquirer SET name = $2, url = $3, secret = $4, capabilities = $5, takes_payments = $6 WHERE id = $1`,
    [id, name, url, secret, capabilities, takesPayments],
  );
}

/** How much is under way at an acquirer, and what it owes. */
export interface AcquirerFigures {
  readonly pendingOperations: number;
  /** In each currency that there were payments in. */
  readonly balances: readonly { readonly currency: string; readonly balance: bigint }[];
}

/** @returns by the acquirer's id */
export async function readFigures(db: Queryable): Promise<ReadonlyMap<string, AcquirerFigures>> {
  const pending = await db.query<{ id: string; count: number }>(
    `SELECT acquirer_id AS id, count(*)::int AS count FROM bank_operation WHERE next_attempt_at IS NOT NULL
     GROUP BY acquirer_id`,
  );
  const accounts = await db.query<{ id: string; currency: string; balance: bigint }>(
    `SELECT a.owner_id AS id, a.currency, a.balance FROM acquirer q
       JOIN account a ON a.owner_id = q.id AND a.kind = 'acquirer' ORDER BY a.currency`,
  );
  const countOf = new Map(pending.rows.map(({ id, count }) => [id, count]));
  const balancesOf = Map.groupBy(accounts.rows, ({ id }) => id);
  const ids = new Set([...countOf.keys(), ...balancesOf.keys()]);
  const figuresOf = (id: string): AcquirerFigures => ({
    pendingOperations: countOf.get(id) ?? 0,
    balances: (balancesOf.get(id) ?? []).map(({ currency, balance }) => ({ currency, balance })),
  });
  return new Map([...ids].map((id) => [id, figuresOf(id)]));
}

/** Which acquirer a payment goes to, the first route that fits it first. */
export async function listRoutes(db: Queryable): Promise<AcquirerRoute[]> {
  const { rows } = await db.query<AcquirerRoute>({
    name: 'acquirer_routes',
    text: `SELECT merchant_id AS "merchantId", payment_method AS "paymentMethod", currency, card_brand AS "cardBrand",
        acquirer_id AS "acquirerId"
      FROM acquirer_route ORDER BY position`,
  });
  return rows;
}

/** Which of these merchants there are. */
export async function knownMerchants(db: Queryable, ids: readonly string[]): Promise<ReadonlySet<string>> {
  const { rows } = await db.query<{ id: string }>('SELECT id FROM merchant WHERE id = ANY($1::uuid[])', [
    ids,
  ]);
  return new Set(rows.map(({ id }) => id));
}

/** Replaces all routes. Two who do that at once wait for each other. */
export async function replaceRoutes(db: Queryable, routes: readonly AcquirerRoute[]): Promise<void> {
  await db.query('LOCK TABLE acquirer_route IN SHARE ROW EXCLUSIVE MODE');
  await db.query('DELETE FROM acquirer_route');
  for (const [i, { merchantId, paymentMethod, currency, cardBrand, acquirerId }] of routes.entries())
    await db.query(
      `INSERT INTO acquirer_route (position, merchant_id, payment_method, currency, card_brand, acquirer_id)
       VALUES ($1, $2, $3, $4, $5, $6)`,
      [i + 1, merchantId, paymentMethod, currency, cardBrand, acquirerId],
    );
}
