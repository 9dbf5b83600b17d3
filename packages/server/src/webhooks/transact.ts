import { begin, commit } from '../engine/batchSql.ts';
import { gateErrorOf, passGate, passOrFail } from '../engine/gateSql.ts';
import {
  type Client,
  inTransaction,
  type Pool,
  type Queryable,
  type StatementRunner,
  withClient,
} from '../postgres/pool.ts';
import { inOneRoundTrip } from '../postgres/roundTrip.ts';
import { applySettings } from './deliveriesSql.ts';

/** Runs `work` in a transaction; in the sandbox only while it is not being reset. @throws GateClosedError */
export function transact<T>(pool: Pool, gated: boolean, work: (db: Queryable) => Promise<T>): Promise<T> {
  return inTransaction(pool, async (client) => {
    await applySettings(client);
    if (gated) await passGate(client);
    return work(client);
  });
}

/** The same in as few round trips as possible: at 1,500 payments a second there are hundreds of such transactions. */
export function transactQuickly<T>(
  pool: Pool,
  gated: boolean,
  work: (transaction: RoundTrips) => Promise<T>,
): Promise<T> {
  return withClient(pool, async (client) => {
    const transaction = new RoundTrips(client, gated);
    const result = await work(transaction);
    if (!transaction.ended) await transaction.end(async () => undefined);
    return result;
  }).catch((error: unknown) => {
    throw gated ? gateErrorOf(error) : error;
  });
}

type Statements<T> = (db: StatementRunner) => Promise<T>;

/** A transaction that begins with its first statements and is committed with its last ones. */
export class RoundTrips {
  readonly #client: Client;
  readonly #gated: boolean;
  #begun = false;
  #ended = false;

  constructor(client: Client, gated: boolean) {
    this.#client = client;
    this.#gated = gated;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Carries out statements: see `inOneRoundTrip`. */
  send<T>(statements: Statements<T>): Promise<T> {
    return inOneRoundTrip(this.#client, async (db) => {
      const [, result] = await Promise.all([this.#begin(db), statements(db)]);
      return result;
    });
  }

  /** … and commits. */
  end<T>(statements: Statements<T>): Promise<T> {
    this.#ended = true;
    return this.send(async (db) => {
      const [result] = await Promise.all([statements(db), commit(db)]);
      return result;
    });
  }

  async #begin(db: StatementRunner): Promise<void> {
    if (this.#begun) return;
    this.#begun = true;
    await Promise.all([begin(db), applySettings(db), this.#gated ? passOrFail(db) : null]);
  }
}
