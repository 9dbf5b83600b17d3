/** What can be wrong with a database, decided here and nowhere else: whether it passes, and what it does to a session. */
import pg from 'pg';

/** The database cannot be used now: trying again may succeed. */
export class DatabaseUnavailable extends Error {}
/** No session could be opened, or none became free in time. */
export class ConnectionFailed extends DatabaseUnavailable {}
/** … because nobody answered in time: a machine far away, or a slow one. */
export class ConnectionTimedOut extends ConnectionFailed {}
/** A session ended while it was used. What was sent last may have been carried out. */
export class ConnectionLost extends DatabaseUnavailable {}
/** A statement was not answered in time. It may be carried out yet. */
export class TimedOut extends DatabaseUnavailable {}
/** The server takes no writes: a standby, or one that was set so. */
export class ReadOnlyServer extends DatabaseUnavailable {}

/** The sandbox is being reset. */
export class GateClosedError extends Error {
  constructor() {
    super('the sandbox is being reset');
  }
}

/** SQLSTATE of an error that PostgreSQL reported; null for anything else. */
export function sqlStateOf(error: unknown): string | null {
  return error instanceof pg.DatabaseError && typeof error.code === 'string' ? error.code : null;
}

/** LOCK_NOT_AVAILABLE: a `lock_timeout` of ours ended a wait. */
export const LOCK_TIMEOUT = '55P03';
export const DEADLOCK = '40P01';
export const UNIQUE_VIOLATION = '23505';
/** The role may not do it. */
export const INSUFFICIENT_PRIVILEGE = '42501';
/** A setting does not take the value, here or at all. */
export const INVALID_PARAMETER_VALUE = '22023';
/** QUERY_CANCELED: a `statement_timeout` ended it. */
export const QUERY_CANCELED = '57014';

/**
 * What passes by itself or once an operator has acted, while the request was right: lost connections (08), full disks
 * and memory (53), input and output (58), a password being changed (28), a database being restored (3D000), a server that
 * takes no writes (25006), that ends sessions (25P03, 25P04, 57P0x), deadlocks and waits (40001, 40P01, 55P03, 57014),
 * and what a pooler does to prepared statements (26000, 42P05).
 */
const PASSING =
  /^(?:08...|53...|58...|28...|57P0[1-5]|3D000|25006|25P0[34]|40001|40P01|55P03|57014|26000|42P05)$/;

/** After these a session is not what it was: it is closed, and another one opened. XX is a bug of the server's. */
const ENDS_SESSION = /^(?:08...|58...|XX...|57P0[1-5]|25006|25P0[34]|26000|42P05)$/;

/** Whether trying again may succeed. */
export function isPassing(error: unknown): boolean {
  if (error instanceof DatabaseUnavailable || error instanceof GateClosedError) return true;
  const state = sqlStateOf(error);
  return state !== null && PASSING.test(state);
}

/** Whether the session on which this happened must not be used any more, though a ROLLBACK may work. */
export function endsSession(error: unknown): boolean {
  if (error instanceof DatabaseUnavailable) return true;
  const state = sqlStateOf(error);
  return state !== null && ENDS_SESSION.test(state);
}
