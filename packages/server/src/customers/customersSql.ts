import type { Wallet } from '../core/transaction.ts';
import type { Queryable } from '../postgres/pool.ts';

export interface Customer {
  readonly id: string;
  readonly phone: string;
  readonly iinLast4: string;
  readonly createdAt: number;
}

export interface NewCustomer {
  readonly id: string;
  readonly phone: string;
  readonly iinHash: string;
  readonly iinLast4: string;
}

const CUSTOMER = `id, phone, iin_last4 AS "iinLast4", created_at AS "createdAt"`;
const WALLET = `id, owner_id AS "customerId", currency, balance - held AS available, held, frozen, approval`;

/** @returns null when a customer with this phone number exists */
export async function insertCustomer(db: Queryable, customer: NewCustomer): Promise<Customer | null> {
  const { rows } = await db.query<Customer>(
    `INSERT INTO customer (id, phone, iin_hash, iin_last4, created_at) VALUES ($1, $2, $3, $4, clock_timestamp())
     ON CONFLICT (phone) DO NOTHING RETURNING ${CUSTOMER}`,
    [customer.id, customer.phone, customer.iinHash, customer.iinLast4],
  );
  return rows[0] ?? null;
}

export async function findCustomer(db: Queryable, id: string): Promise<Customer | null> {
  const { rows } = await db.query<Customer>(`SELECT ${CUSTOMER} FROM customer WHERE id = $1`, [id]);
  return rows[0] ?? null;
}

export interface CustomerQuery {
  readonly before: string | null;
  readonly phone: string | null;
  readonly iinLast4: string | null;
  readonly limit: number;
}

/** Newest first. */
export async function listCustomers(db: Queryable, query: CustomerQuery): Promise<Customer[]> {
  const { rows } = await db.query<Customer>(
    `SELECT ${CUSTOMER} FROM customer
     WHERE ($1::uuid IS NULL OR id < $1) AND ($2::text IS NULL OR phone = $2)
       AND ($4::text IS NULL OR iin_last4 = $4) ORDER BY id DESC LIMIT $3`,
    [query.before, query.phone, query.limit, query.iinLast4],
  );
  return rows;
}

export interface NewWallet {
  readonly id: string;
  readonly customerId: string;
  readonly currency: string;
  readonly approval: Wallet['approval'];
}

/** @returns null when the customer has a wallet in this currency */
export async function insertWallet(db: Queryable, wallet: NewWallet): Promise<Wallet | null> {
  const { rows } = await db.query<Wallet>(
    `INSERT INTO account (id, kind, owner_id, currency, approval, created_at)
     VALUES ($1, 'wallet', $2, $3, $4, clock_timestamp()) ON CONFLICT DO NOTHING RETURNING ${WALLET}`,
    [wallet.id, wallet.customerId, wallet.currency, wallet.approval],
  );
  return rows[0] ?? null;
}

export async function findWallet(db: Queryable, id: string): Promise<Wallet | null> {
  const { rows } = await db.query<Wallet>(`SELECT ${WALLET} FROM account WHERE id = $1 AND kind = 'wallet'`, [
    id,
  ]);
  return rows[0] ?? null;
}

export async function listWallets(db: Queryable, customerId: string): Promise<Wallet[]> {
  const { rows } = await db.query<Wallet>(
    `SELECT ${WALLET} FROM account WHERE owner_id = $1 AND kind = 'wallet' ORDER BY currency`,
    [customerId],
  );
  return rows;
}

/** Freezes or unfreezes; waits for a batch that has the wallet locked. @returns null when there is no such wallet */
export async function setFrozen(db: Queryable, walletId: string, frozen: boolean): Promise<Wallet | null> {
  const { rows } = await db.query<Wallet>(
    `UPDATE account SET frozen = $2 WHERE id = $1 AND kind = 'wallet' RETURNING ${WALLET}`,
    [walletId, frozen],
  );
  return rows[0] ?? null;
}
