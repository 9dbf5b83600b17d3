import { type ChildProcess, spawn } from 'node:child_process';
import { chown, open, readFile, rename, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import {
  clearOldServer,
  dataFolderOf,
  killStragglers,
  logFileOf,
  runningServer,
  stopServer,
} from './cluster.ts';
import type { Place } from './place.ts';
import { childOptions, EmbeddedPostgresError } from './process.ts';

/** For a laptop: modest memory, and room for writes between checkpoints. */
const DEFAULT_SETTINGS = {
  shared_buffers: '128MB',
  max_connections: '100',
  max_wal_size: '2GB',
  timezone: 'UTC',
  log_timezone: 'UTC',
  // Statements and the contents of rows may hold personal data; the log file must not.
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
};

/** Not for the caller to change: what is committed is on disk, and only this machine can connect. */
const FIXED_SETTINGS = {
  fsync: 'on',
  full_page_writes: 'on',
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  logging_collector: 'off',
};

/**
 * glibc gives memory back to the system whenever 128 KB of it are free, and PostgreSQL frees what a statement
 * needed after each: at 1,500 payments a second, asking for it again took 8 % of PostgreSQL's time.
 */
const MEMORY = { MALLOC_TRIM_THRESHOLD_: '16777216', MALLOC_MMAP_THRESHOLD_: '16777216' };

const POLL_MS = 10;
/** After a crash PostgreSQL first replays up to max_wal_size of changes: as long as it lives, it is waited for. */
const SLOW_START_MS = 5_000;
const SAY_EVERY_MS = 60_000;
/** From then on its log is looked at so often. */
const LOOK_INTERVAL_MS = 1_000;
/** How long the remains of a dead server (its port, its last backends) may stand in the way of a new one. */
const RETRY_FOR_MS = 10_000;
const RETRY_PAUSE_MS = 200;
const PASSING_TROUBLE = /postmaster\.pid" already exists|pre-existing shared memory|could not create any TCP/;
const LOG_LIMIT_BYTES = 10_000_000;

type Log = (message: string) => void;

export interface Server {
  readonly port: number;
  stop(): Promise<void>;
}

interface Launched {
  readonly child: ChildProcess;
  readonly port: number;
  /** Settles when the process has ended or could not be started. */
  readonly ended: Promise<void>;
  hasEnded(): boolean;
  /** What it wrote to its log since it was launched. */
  said(): Promise<string>;
}

/**
 * Launches the server of these files and waits until it takes connections.
 * @throws EmbeddedPostgresError when it does not start, with what it said
 */
export async function launch(place: Place, settings: Record<string, string>, log: Log): Promise<Server> {
  const deadline = Date.now() + RETRY_FOR_MS;
  for (;;) {
    await clearOldServer(place, log);
    const launched = await spawnServer(place, settings);
    if (await becomesReady(place, launched, log)) return supervise(place, launched, log);
    const said = await launched.said();
    if (!PASSING_TROUBLE.test(said) || Date.now() > deadline) throw failedStart(place, said);
    await delay(RETRY_PAUSE_MS);
  }
}

/**
 * Not through `pg_ctl start`: that passes the folder's name through a shell, which would read a `$` or a
 * quote in it. `detached` gives the same process session of its own.
 */
async function spawnServer(place: Place, settings: Record<string, string>): Promise<Launched> {
  const port = await freePort();
  const logFile = await openLog(place);
  const logStart = (await logFile.stat()).size;
  const all = { ...DEFAULT_SETTINGS, ...settings, ...FIXED_SETTINGS, port: String(port) };
  const options = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const inherited = childOptions(place.user);
  const child = spawn(place.programs.postgres, ['-D', dataFolderOf(place), ...options], {
    ...inherited,
    env: { ...inherited.env, ...MEMORY },
    detached: true,
    stdio: ['ignore', logFile.fd, logFile.fd],
  });
  await logFile.close();
  child.unref(); // It must not keep a process alive that has nothing else to do.
  let spawnError = '';
  let done = false;
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', (error) => {
      spawnError = error.message;
      resolve();
    });
  }).then(() => {
    done = true;
  });
  const said = async () => (await readFile(logFileOf(place))).subarray(logStart).toString() + spawnError;
  return { child, port, ended, hasEnded: () => done, said };
}

async function becomesReady(place: Place, launched: Launched, log: Log): Promise<boolean> {
  const started = Date.now();
  let sayAtMs = SLOW_START_MS;
  let lookAtMs = SLOW_START_MS;
  while (!launched.hasEnded()) {
    const server = await runningServer(place);
    if (server?.ready && server.pid === launched.child.pid) return true;
    const elapsedMs = Date.now() - started;
    if (elapsedMs > sayAtMs) {
      sayAtMs += SAY_EVERY_MS;
      log(
        `waiting for PostgreSQL, which is starting or recovering from a crash; this can take some minutes (its log: ${logFileOf(place)})`,
      );
    }
    if (elapsedMs > lookAtMs) {
      lookAtMs += LOOK_INTERVAL_MS;
      // One that has given up ends at once. Once, on a busy machine, it was not heard to have ended.
      if (PASSING_TROUBLE.test(await launched.said())) {
        launched.child.kill('SIGKILL');
        return false;
      }
    }
    await delay(POLL_MS);
  }
  return false;
}

function supervise(place: Place, { child, port, ended }: Launched, log: Log): Server {
  let stopping = false;
  // Of a process that leaves without stop(), such as after an uncaught exception. Only a signal that
  // cannot be caught leaves an orphan.
  const stopAtExit = () => child.kill('SIGINT');
  process.once('exit', stopAtExit);
  ended.then(() => {
    process.off('exit', stopAtExit);
    if (!stopping) log(`The database server ended on its own (its log: ${logFileOf(place)}).`);
  });
  const stop = async () => {
    stopping = true;
    child.ref();
    await stopServer(place);
    await Promise.race([ended, delay(1_000, undefined, { ref: false })]);
    await killStragglers(place);
  };
  return { port, stop };
}

function failedStart(place: Place, said: string): EmbeddedPostgresError {
  const lines = said.trim().split('\n');
  const reason = lines.filter((line) => /FATAL|PANIC/.test(line)).at(-1) ?? lines.at(-1) ?? '';
  return new EmbeddedPostgresError(
    `PostgreSQL did not start on ${place.folder}: ${reason.trim()} (its log: ${logFileOf(place)})`,
  );
}

/** Appended to; the log of earlier starts is set aside once when it has grown large. */
async function openLog(place: Place) {
  const file = logFileOf(place);
  const size = (await stat(file).catch(() => undefined))?.size ?? 0;
  if (size > LOG_LIMIT_BYTES) await rename(file, `${file}.1`);
  const handle = await open(file, 'a', 0o600);
  if (place.user) await chown(file, place.user.uid, place.user.gid);
  return handle;
}

/** Free at this moment; if another process takes it first, the launch is tried again with another. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
