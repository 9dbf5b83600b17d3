/** A merchant's customers, for tests of what belongs to them. */
import { newId } from '../../src/installation/newId.ts';
import type { Pool } from '../../src/postgres/pool.ts';

export async function createCustomer(pool: Pool, merchantId: string): Promise<string> {
  const id = newId();
  await pool.query(
    `INSERT INTO merchant_customer (id, merchant_id, created_at, updated_at)
     VALUES ($1, $2, clock_timestamp(), clock_timestamp())`,
    [id, merchantId],
  );
  return id;
}
