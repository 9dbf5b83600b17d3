/**
 * The sandbox's gate: every writing transaction passes it, and a reset closes it on all nodes. An advisory lock,
 * shared by those who pass. Nobody waits at a closed gate. In production there is none.
 */
import { ADVISORY_LOCKS } from '../postgres/advisoryLocks.ts';
import { GateClosedError, sqlStateOf } from '../postgres/databaseErrors.ts';
import type { Queryable, StatementRunner } from '../postgres/pool.ts';

const { gate: GATE_LOCK } = ADVISORY_LOCKS;
const PASS = `SELECT pg_try_advisory_xact_lock_shared(${GATE_LOCK}) AS open`;

const DIVISION_BY_ZERO = '22012';

/** Passes the gate with a statement that fails at a closed one, so that those sent behind it fail, too. */
export async function passOrFail(db: StatementRunner): Promise<void> {
  await db.query({
    name: 'pass_gate',
    text: `SELECT 1 / pg_try_advisory_xact_lock_shared(${GATE_LOCK})::int`,
  });
}

/** What a batch failed with, told by its name if it was a closed gate. */
export function gateErrorOf(error: unknown): unknown {
  return sqlStateOf(error) === DIVISION_BY_ZERO ? new GateClosedError() : error;
}

/** Passes the gate within a transaction. @throws GateClosedError while it is closed */
export async function passGate(db: Queryable): Promise<void> {
  const { rows } = await db.query<{ open: boolean }>(PASS);
  if (rows[0]?.open !== true) throw new GateClosedError();
}

/** Closes the gate until this transaction ends, once everybody who has passed it is done. */
export async function closeGate(db: Queryable): Promise<void> {
  await db.query(`SELECT pg_advisory_xact_lock(${GATE_LOCK})`);
}
