import { passGate } from '../store/gate.ts';
import { inTransaction, type Pool, type Queryable } from '../store/postgres.ts';

/** Runs `work` in a transaction; in the sandbox only while it is not being reset. @throws GateClosedError */
export function transact<T>(pool: Pool, gated: boolean, work: (db: Queryable) => Promise<T>): Promise<T> {
  return inTransaction(pool, async (client) => {
    if (gated) await passGate(client);
    return work(client);
  });
}
