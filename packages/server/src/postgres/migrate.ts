/**
 * Brings the schema up to date, while nodes of the version before run on it. Each file is applied once, in a
 * transaction of its own; one whose first line is `-- outside a transaction` has its statements carried out one by
 * one, as `CREATE INDEX CONCURRENTLY` needs it. docs/decisions/0040-migrations.md says how files are to be written.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { ADVISORY_LOCKS } from './advisoryLocks.ts';
import { openSession } from './databaseClient.ts';
import {
  DEADLOCK,
  INSUFFICIENT_PRIVILEGE,
  INVALID_PARAMETER_VALUE,
  LOCK_TIMEOUT,
  sqlStateOf,
} from './databaseErrors.ts';
import { type Client, type Queryable, sessionOptions } from './pool.ts';

const MIGRATIONS = new URL('../../migrations/', import.meta.url);
const OUTSIDE_TRANSACTION = '-- outside a transaction\n';

/** While a migration waits for a table, whoever comes for it waits behind: payments may wait this long … */
const LOCK_WAIT_MS = 500;
/** … and have this long until it is tried again. */
const LOCK_PAUSE_MS = 2_000;
/** How often it is looked whether another node's migrations have ended. */
const TURN_LOOK_MS = 250;
/** How often PostgreSQL looks whether the node is still there whose statement it carries out. */
const GONE_LOOK_MS = 500;
/** The session's name in which migrations are applied. */
const WORKER = 'migration';
/** How often whoever waits hears of it. */
const SAY_EVERY_MS = 10_000;

/** The database is newer than this program, or its history was changed, or it lacks migrations. */
export class MigrationError extends Error {}

export interface Migration {
  readonly name: string;
  readonly sql: string;
  readonly hash: string;
  /** Else each of its statements is one. */
  readonly inTransaction: boolean;
}

/** Hears, in sentences, what is done and what is waited for. */
export type Say = (message: string) => void;

let files: Promise<readonly Migration[]> | null = null;

/** The numbered files, in order. */
function readMigrations(): Promise<readonly Migration[]> {
  files ??= readFiles();
  return files;
}

async function readFiles(): Promise<readonly Migration[]> {
  const names = (await readdir(MIGRATIONS)).filter((name) => /^\d{4}_\w+\.sql$/.test(name)).sort();
  return Promise.all(
    names.map(async (name) => migrationOf(name, await readFile(new URL(name, MIGRATIONS), 'utf8'))),
  );
}

/** A file as a migration. */
export function migrationOf(name: string, sql: string): Migration {
  const hash = createHash('sha256').update(sql).digest('hex');
  return { name, sql, hash, inTransaction: !sql.startsWith(OUTSIDE_TRANSACTION) };
}

/**
 * What is to be applied, in order.
 * @throws MigrationError when the database has migrations that this program does not know
 */
export async function pendingMigrations(
  db: Queryable,
  known?: readonly Migration[],
): Promise<readonly Migration[]> {
  const migrations = known ?? (await readMigrations());
  const { rows: tables } = await db.query(`SELECT to_regclass('migration') IS NOT NULL AS there`);
  if (tables[0]?.there !== true) return migrations;
  const { rows } = await db.query<{ name: string; hash: string }>(
    'SELECT name, hash FROM migration ORDER BY name',
  );
  const applied = new Map(rows.map((row) => [row.name, row.hash]));
  const pending = migrations.filter(({ name, hash }) => {
    const before = applied.get(name);
    applied.delete(name);
    if (before !== undefined && before !== hash)
      throw new MigrationError(`migration ${name} was changed after it had been applied`);
    return before === undefined;
  });
  if (applied.size > 0)
    throw new MigrationError(
      `the database is newer than this program: it has ${[...applied.keys()].join(', ')}`,
    );
  return pending;
}

/** @throws MigrationError when anything is to be applied yet */
export async function checkMigrated(db: Queryable): Promise<void> {
  const names = (await pendingMigrations(db)).map(({ name }) => name);
  if (names.length > 0)
    throw new MigrationError(
      `the database lacks ${names.join(', ')}: run "npx plexy migrate", or set MIGRATE=auto`,
    );
}

/** Whether the database has every migration of this program. */
export async function isMigrated(db: Queryable): Promise<boolean> {
  const [migrations, { rows }] = await Promise.all([
    readMigrations(),
    db.query<{ name: string }>('SELECT name FROM migration'),
  ]);
  const applied = new Set(rows.map((row) => row.name));
  return migrations.every(({ name }) => applied.has(name));
}

/**
 * Applies what is missing, however long it takes, and however long another node takes that is at it.
 * @param url past a pooler, where there is another way
 * @param known in place of the program's own files
 * @returns what was applied
 * @throws MigrationError when the database has migrations that this program does not know, or the role may not migrate
 */
export async function migrate(
  url: string,
  say: Say,
  known?: readonly Migration[],
): Promise<readonly Migration[]> {
  const turn = await open(url, 'migrate');
  let session: Client | null = null;
  try {
    await takeTurn(turn, say);
    session = await open(url, WORKER);
    await leaveNothingBehind(session);
    await untilOthersHaveEnded(session, say);
    const pending = await pendingMigrations(session, known);
    // The server's role may have no right to make tables, and then needs none.
    if (pending.length === 0) return pending;
    await session.query(
      'CREATE TABLE IF NOT EXISTS migration (name text PRIMARY KEY, hash text NOT NULL, applied_at timestamptz NOT NULL)',
    );
    const isNew = pending.length > 1 && pending.length === (known ?? (await readMigrations())).length;
    for (const migration of pending) await apply(session, migration, say, isNew);
    if (isNew) say(`set up the database: ${pending.length} migrations`);
    return pending;
  } catch (error) {
    if (sqlStateOf(error) !== INSUFFICIENT_PRIVILEGE) throw error;
    throw new MigrationError(
      `the database is to be migrated, which this role may not do (${error instanceof Error ? error.message : error}): run "npx plexy migrate" as the owner of its tables`,
      { cause: error },
    );
  } finally {
    await Promise.all([session?.end(), turn.end()]);
  }
}

/** Statements may take as long as they need, whatever the role's or the database's settings say. */
function open(url: string, name: string): Promise<Client> {
  const { settings, ...options } = sessionOptions(url, name);
  return openSession({
    ...options,
    query_timeout: 0,
    settings: `${settings}; SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0`,
  });
}

/**
 * Until its session ends nobody else migrates. It asks again and again, in a transaction each: whoever waits for a lock
 * within a statement has a snapshot, and `CREATE INDEX CONCURRENTLY` of the one who has the turn would wait for that in its
 * turn. Whose snapshot it meets just while somebody asks, it waits for the end of that transaction.
 */
async function takeTurn(turn: Client, say: Say): Promise<void> {
  const waiting = waitingSayer(say);
  for (;;) {
    await turn.query('BEGIN');
    // Without parameters: a portal of the extended protocol would keep its snapshot until the transaction ends.
    const { rows } = await turn.query(
      `SELECT pg_try_advisory_xact_lock(${ADVISORY_LOCKS.migration}) AS mine`,
    );
    if (rows[0]?.mine === true) return;
    await turn.query('ROLLBACK');
    waiting('waiting for another node, which is migrating the database');
    await pause(TURN_LOOK_MS);
  }
}

/**
 * A statement that takes long ends with the node that sent it. Without this PostgreSQL would carry it out to its end: it
 * looks at its client only between statements. Where it cannot look meanwhile (Windows), the statement is waited for.
 */
async function leaveNothingBehind(session: Client): Promise<void> {
  await session.query(`SET client_connection_check_interval = ${GONE_LOOK_MS}`).catch((error: unknown) => {
    if (sqlStateOf(error) !== INVALID_PARAMETER_VALUE) throw error;
  });
}

/** Whoever had the turn before may be dead, and what it began may go on: two would number the same postings. */
async function untilOthersHaveEnded(session: Client, say: Say): Promise<void> {
  const waiting = waitingSayer(say);
  for (;;) {
    const { rowCount } = await session.query(
      `SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
         AND application_name = current_setting('application_name')`,
    );
    if (rowCount === 0) return;
    waiting('waiting for the end of what a node was doing that migrated the database before');
    await pause(TURN_LOOK_MS);
  }
}

async function apply(session: Client, migration: Migration, say: Say, quietly: boolean): Promise<void> {
  const { name, hash, inTransaction } = migration;
  const startedAt = performance.now();
  if (inTransaction) await applyAtOnce(session, migration, say);
  else {
    // It waits for others, but nobody waits behind it.
    await session.query('SET lock_timeout = 0');
    for (const statement of statementsOf(migration.sql)) await session.query(statement);
    await noteApplied(session, name, hash);
  }
  if (!quietly) say(`applied ${name} in ${Math.round(performance.now() - startedAt)} ms`);
}

/** A lock that is not to be had soon is given up, with all that was done, and tried again. */
async function applyAtOnce(session: Client, { name, sql, hash }: Migration, say: Say): Promise<void> {
  const waiting = waitingSayer(say);
  for (;;) {
    await session.query(`BEGIN; SET LOCAL lock_timeout = ${LOCK_WAIT_MS}`);
    try {
      await session.query(sql);
      await noteApplied(session, name, hash);
      await session.query('COMMIT');
      return;
    } catch (error) {
      await session.query('ROLLBACK');
      const state = sqlStateOf(error);
      if (state !== LOCK_TIMEOUT && state !== DEADLOCK) throw error;
    }
    waiting(`${name} waits for a table that another session has locked, such as pg_dump's`);
    await pause(LOCK_PAUSE_MS);
  }
}

async function noteApplied(session: Client, name: string, hash: string): Promise<void> {
  await session.query('INSERT INTO migration VALUES ($1, $2, clock_timestamp())', [name, hash]);
}

/** Each ends with a semicolon at the end of a line. */
function statementsOf(sql: string): string[] {
  return sql
    .split(/;[^\S\n]*(?:\n|$)/)
    .filter((statement) => statement.replace(/^--.*$/gm, '').trim() !== '');
}

/** Says at once what is waited for, and then now and again. */
function waitingSayer(say: Say): Say {
  let saidAt = Number.NEGATIVE_INFINITY;
  return (message) => {
    if (performance.now() - saidAt < SAY_EVERY_MS) return;
    saidAt = performance.now();
    say(message);
  };
}
