/** The shop's orders, in a SQLite file of its own. */
import { randomUUID } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';

/**
 * new ──► paid (held) ──► shipped (captured) ──► refunded
 *             └──────────► cancelled
 */
export type OrderStatus = 'new' | 'paid' | 'shipped' | 'refunded' | 'cancelled';

export interface Order {
  /** Also what its buyer needs to see it, so it is not to be guessed. */
  readonly id: string;
  readonly number: number;
  readonly title: string;
  /** Of the smallest unit. */
  readonly amount: number;
  readonly status: OrderStatus;
  /** How often something that was asked of its payment was refused. */
  readonly refusals: number;
  readonly sessionId: string | null;
  /** The transaction that holds, and then moves, its money. */
  readonly paymentId: string | null;
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS "order" (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, title TEXT NOT NULL, amount INTEGER NOT NULL,
    status TEXT NOT NULL DEFAULT 'new', refusals INTEGER NOT NULL DEFAULT 0, session_id TEXT UNIQUE, payment_id TEXT UNIQUE);
  CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);`;
const COLUMNS =
  'id, number, title, amount, status, refusals, session_id AS sessionId, payment_id AS paymentId';

export class Orders {
  readonly #db: DatabaseSync;

  /** @param file `:memory:` for one that is forgotten */
  constructor(file: string) {
    this.#db = new DatabaseSync(file);
    this.#db.exec(SCHEMA);
  }

  close(): void {
    this.#db.close();
  }

  create(title: string, amount: number): Order {
    const id = randomUUID();
    this.#db.prepare('INSERT INTO "order" (id, title, amount) VALUES (?, ?, ?)').run(id, title, amount);
    return this.require(id);
  }

  find(id: string): Order | null {
    return this.#one('id', id);
  }

  ofSession(sessionId: string): Order | null {
    return this.#one('session_id', sessionId);
  }

  /** Newest first. */
  list(): Order[] {
    return this.#db
      .prepare(`SELECT ${COLUMNS} FROM "order" ORDER BY number DESC LIMIT 100`)
      .all() as unknown as Order[];
  }

  countRefusal(id: string): void {
    this.#db.prepare('UPDATE "order" SET refusals = refusals + 1 WHERE id = ?').run(id);
  }

  setSession(id: string, sessionId: string): void {
    this.#db.prepare('UPDATE "order" SET session_id = ? WHERE id = ?').run(sessionId, id);
  }

  setPayment(id: string, paymentId: string, status: OrderStatus): void {
    this.#db.prepare('UPDATE "order" SET payment_id = ?, status = ? WHERE id = ?').run(paymentId, status, id);
  }

  setting(name: string): string | null {
    const row = this.#db.prepare('SELECT value FROM setting WHERE name = ?').get(name);
    return row === undefined ? null : String(row.value);
  }

  setSetting(name: string, value: string): void {
    this.#db.prepare('INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)').run(name, value);
  }

  require(id: string): Order {
    const order = this.find(id);
    if (order === null) throw new Error(`there is no order ${id}`);
    return order;
  }

  #one(column: 'id' | 'session_id', value: string): Order | null {
    const row = this.#db.prepare(`SELECT ${COLUMNS} FROM "order" WHERE ${column} = ?`).get(value);
    return row === undefined ? null : (row as unknown as Order);
  }
}
