/** Merchants' logos. One that is shown by its hash never changes. */
import type { Queryable } from '../postgres/pool.ts';
import type { Logo } from './logo.ts';

export async function putLogo(
  db: Queryable,
  merchantId: string,
  { hash, png, width, height }: Logo,
): Promise<void> {
  await db.query(
    `INSERT INTO merchant_logo (merchant_id, hash, png, width, height) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (merchant_id) DO UPDATE SET hash = excluded.hash, png = excluded.png, width = excluded.width, height = excluded.height`,
    [merchantId, hash, png, width, height],
  );
}

export async function deleteLogo(db: Queryable, merchantId: string): Promise<void> {
  await db.query('DELETE FROM merchant_logo WHERE merchant_id = $1', [merchantId]);
}

export async function findLogo(db: Queryable, hash: string): Promise<Buffer | null> {
  const { rows } = await db.query<{ png: Buffer }>({
    name: 'logo',
    text: 'SELECT png FROM merchant_logo WHERE hash = $1 LIMIT 1',
    values: [hash],
  });
  return rows[0]?.png ?? null;
}

/** Where payers' browsers get it. */
export function logoPathOf(hash: string): string {
  return `/checkout/logos/${hash}`;
}
