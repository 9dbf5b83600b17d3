/**
 * The sandbox's gate: every writing transaction passes it, and a reset closes it on all nodes. An advisory lock,
 * shared by those who pass. Nobody waits at a closed gate. In production there is none.
 */
import type pg from 'pg';
import { type Client, GateClosedError, type Queryable } from './postgres.ts';

/** Any constant will do. */
const GATE_LOCK = 7_069_803;
const PASS = `SELECT pg_try_advisory_xact_lock_shared(${GATE_LOCK}) AS open`;

/** Begins a batch, and passes the gate in the same round trip. @throws GateClosedError while it is closed */
export async function beginGated(client: Client, begin: string): Promise<void> {
  const results = (await client.query(`${begin}; ${PASS}`)) as unknown as pg.QueryResult<{ open: boolean }>[];
  if (results.at(-1)?.rows[0]?.open !== true) throw new GateClosedError();
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
