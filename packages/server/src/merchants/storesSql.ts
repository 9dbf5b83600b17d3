import type { Queryable } from '../postgres/pool.ts';

export interface Store {
  readonly id: string;
  readonly merchantId: string;
  readonly name: string;
  readonly createdAt: number;
}

export interface Terminal extends Store {
  readonly storeId: string;
}

const STORE = `id, merchant_id AS "merchantId", name, created_at AS "createdAt"`;
const TERMINAL = `${STORE}, store_id AS "storeId"`;

export async function insertStore(db: Queryable, store: Omit<Store, 'createdAt'>): Promise<Store> {
  const { rows } = await db.query<Store>(
    `INSERT INTO store (id, merchant_id, name, created_at) VALUES ($1, $2, $3, clock_timestamp()) RETURNING ${STORE}`,
    [store.id, store.merchantId, store.name],
  );
  const [row] = rows;
  if (row === undefined) throw new Error('the store was not inserted');
  return row;
}

export async function insertTerminal(
  db: Queryable,
  terminal: Omit<Terminal, 'createdAt'>,
): Promise<Terminal> {
  const { rows } = await db.query<Terminal>(
    `INSERT INTO terminal (id, merchant_id, store_id, name, created_at)
     VALUES ($1, $2, $3, $4, clock_timestamp()) RETURNING ${TERMINAL}`,
    [terminal.id, terminal.merchantId, terminal.storeId, terminal.name],
  );
  const [row] = rows;
  if (row === undefined) throw new Error('the terminal was not inserted');
  return row;
}

export async function findStore(db: Queryable, merchantId: string, id: string): Promise<Store | null> {
  const { rows } = await db.query<Store>(`SELECT ${STORE} FROM store WHERE id = $1 AND merchant_id = $2`, [
    id,
    merchantId,
  ]);
  return rows[0] ?? null;
}

export async function findTerminal(db: Queryable, merchantId: string, id: string): Promise<Terminal | null> {
  const { rows } = await db.query<Terminal>(
    `SELECT ${TERMINAL} FROM terminal WHERE id = $1 AND merchant_id = $2`,
    [id, merchantId],
  );
  return rows[0] ?? null;
}

/** Newest first. */
export async function listStores(
  db: Queryable,
  merchantId: string,
  before: string | null,
  limit: number,
): Promise<Store[]> {
  const { rows } = await db.query<Store>(
    `SELECT ${STORE} FROM store WHERE merchant_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3`,
    [merchantId, before, limit],
  );
  return rows;
}

/** Newest first. */
export async function listTerminals(
  db: Queryable,
  merchantId: string,
  before: string | null,
  limit: number,
): Promise<Terminal[]> {
  const { rows } = await db.query<Terminal>(
    `SELECT ${TERMINAL} FROM terminal WHERE merchant_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3`,
    [merchantId, before, limit],
  );
  return rows;
}
