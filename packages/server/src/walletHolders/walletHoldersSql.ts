import type { Wallet } from '../core/transaction.ts';
import type { Queryable } from '../postgres/pool.ts';

export interface WalletHolder {
  readonly id: string;
  readonly phone: string;
  readonly iinLast4: string;
  readonly createdAt: number;
}

export interface NewWalletHolder {
  readonly id: string;
  readonly phone: string;
  readonly iinHash: string;
  readonly iinLast4: string;
}

const HOLDER = `id, phone, iin_last4 AS "iinLast4", created_at AS "createdAt"`;
const WALLET = `id, owner_id AS "holderId", currency, balance - held AS available, held, frozen, approval`;

/** @returns null when a wallet holder with this phone number exists */
export async function insertWalletHolder(
  db: Queryable,
  holder: NewWalletHolder,
): Promise<WalletHolder | null> {
  const { rows } = await db.query<WalletHolder>(
    `INSERT INTO wallet_holder (id, phone, iin_hash, iin_last4, created_at) VALUES ($1, $2, $3, $4, clock_timestamp())
     ON CONFLICT (phone) DO NOTHING RETURNING ${HOLDER}`,
    [holder.id, holder.phone, holder.iinHash, holder.iinLast4],
  );
  return rows[0] ?? null;
}

export async function findWalletHolder(db: Queryable, id: string): Promise<WalletHolder | null> {
  const { rows } = await db.query<WalletHolder>(`SELECT ${HOLDER} FROM wallet_holder WHERE id = $1`, [id]);
  return rows[0] ?? null;
}

export interface WalletHolderQuery {
  readonly before: string | null;
  readonly phone: string | null;
  readonly iinLast4: string | null;
  readonly limit: number;
}

/** Newest first. */
export async function listWalletHolders(db: Queryable, query: WalletHolderQuery): Promise<WalletHolder[]> {
  const { rows } = await db.query<WalletHolder>(
    `SELECT ${HOLDER} FROM wallet_holder
     WHERE ($1::uuid IS NULL OR id < $1) AND ($2::text IS NULL OR phone = $2)
       AND ($4::text IS NULL OR iin_last4 = $4) ORDER BY id DESC LIMIT $3`,
    [query.before, query.phone, query.limit, query.iinLast4],
  );
  return rows;
}

export interface NewWallet {
  readonly id: string;
  readonly holderId: string;
  readonly currency: string;
  readonly approval: Wallet['approval'];
}

/** @returns null when the holder has a wallet in this currency */
export async function insertWallet(db: Queryable, wallet: NewWallet): Promise<Wallet | null> {
  const { rows } = await db.query<Wallet>(
    `INSERT INTO account (id, kind, owner_id, currency, approval, created_at)
     VALUES ($1, 'wallet', $2, $3, $4, clock_timestamp()) ON CONFLICT DO NOTHING RETURNING ${WALLET}`,
    [wallet.id, wallet.holderId, wallet.currency, wallet.approval],
  );
  return rows[0] ?? null;
}

export async function findWallet(db: Queryable, id: string): Promise<Wallet | null> {
  const { rows } = await db.query<Wallet>(`SELECT ${WALLET} FROM account WHERE id = $1 AND kind = 'wallet'`, [
    id,
  ]);
  return rows[0] ?? null;
}

export async function listWallets(db: Queryable, holderId: string): Promise<Wallet[]> {
  const { rows } = await db.query<Wallet>(
    `SELECT ${WALLET} FROM account WHERE owner_id = $1 AND kind = 'wallet' ORDER BY currency`,
    [holderId],
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
