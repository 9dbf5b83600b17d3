import { randomBytes } from 'node:crypto';
import { chown, mkdir, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Place } from './place.ts';
import {
  EmbeddedPostgresError,
  isAlive,
  isServerOf,
  processesOf,
  type RunResult,
  readText,
  run,
} from './process.ts';

/** The database and its only role: the server belongs to one process and listens on loopback only. */
export const DATABASE = 'plexy';

/** UTF-8 with the order of bytes everywhere, whatever locales the machine has. */
const INITDB_OPTIONS = [
  `--username=${DATABASE}`,
  '--auth=scram-sha-256',
  '--data-checksums',
  '--encoding=UTF8',
  '--locale=C',
  '--locale-provider=builtin',
  '--builtin-locale=C.UTF-8',
  '--no-instructions',
];

/** `fast` rolls open transactions back and writes a checkpoint; `immediate` leaves recovery to the next start. */
const STOP_MODES = [
  { mode: 'fast', seconds: 5 },
  { mode: 'immediate', seconds: 2 },
] as const;

export const dataFolderOf = (place: Place) => path.join(place.folder, 'data');
export const logFileOf = (place: Place) => path.join(place.folder, 'server.log');
const passwordFileOf = (folder: string) => path.join(folder, 'password');

/**
 * Makes the database files unless they are there. They appear in one step, complete with database and
 * password: a start that was interrupted leaves a draft that the next start deletes.
 * @throws EmbeddedPostgresError when they cannot be made, or were made by another version of PostgreSQL
 */
export async function ensureCluster(place: Place): Promise<void> {
  await deleteDrafts(place.folder);
  if ((await stat(place.folder).catch(() => undefined)) !== undefined) return checkVersion(place);
  const draft = `${place.folder}.init-${randomBytes(6).toString('hex')}`;
  try {
    await initialize(place, draft);
    await rename(draft, place.folder);
    await syncFolder(path.dirname(place.folder));
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if (error instanceof EmbeddedPostgresError) throw error;
    throw new EmbeddedPostgresError(`The database files could not be made in ${place.folder}: ${error}`);
  }
}

/** @throws EmbeddedPostgresError when the password is not there or not ours to read */
export async function readPassword(place: Place): Promise<string> {
  const password = (await readText(passwordFileOf(place.folder)))?.trim();
  if (password) return password;
  throw new EmbeddedPostgresError(
    `The database password cannot be read from ${passwordFileOf(place.folder)}. Restore that file, or start as the user who made it.`,
  );
}

async function initialize(place: Place, draft: string): Promise<void> {
  const { user, programs } = place;
  const data = path.join(draft, 'data');
  await mkdir(draft, { mode: 0o700 });
  await writeFile(passwordFileOf(draft), `${randomBytes(24).toString('hex')}\n`, {
    mode: 0o600,
    flush: true,
  });
  if (user) {
    await chown(draft, user.uid, user.gid);
    await chown(passwordFileOf(draft), user.uid, user.gid);
  }
  const passwordOption = `--pwfile=${passwordFileOf(draft)}`;
  const made = await run(programs.initdb, [`--pgdata=${data}`, passwordOption, ...INITDB_OPTIONS], { user });
  requireSuccess(made, place);
  // PostgreSQL's single-user mode: no network and no half-made state that a later start would have to finish.
  const single = ['--single', '-D', data, '-c', 'exit_on_error=on', 'postgres'];
  requireSuccess(
    await run(programs.postgres, single, { user, input: `CREATE DATABASE ${DATABASE}\n` }),
    place,
  );
}

function requireSuccess({ code, output }: RunResult, place: Place): void {
  if (code === 0) return;
  const reason = output.split('\n').slice(-3).join(' ');
  throw new EmbeddedPostgresError(`The database files could not be made in ${place.folder}: ${reason}`);
}

async function deleteDrafts(folder: string): Promise<void> {
  const parent = path.dirname(folder);
  for (const name of await readdir(parent)) {
    if (!name.startsWith(`${path.basename(folder)}.init-`)) continue;
    // An initdb that survived its owner may still be writing there; then the next start deletes it.
    await rm(path.join(parent, name), { recursive: true, force: true, maxRetries: 3 }).catch(() => undefined);
  }
}

async function checkVersion(place: Place): Promise<void> {
  const found = (await readText(path.join(dataFolderOf(place), 'PG_VERSION')))?.trim();
  const expected = place.programs.majorVersion;
  if (found === expected) return;
  throw new EmbeddedPostgresError(
    found === undefined
      ? `${dataFolderOf(place)} is not a PostgreSQL data folder. Restore it from a backup, or move it away to start empty.`
      : `The database files in ${place.folder} were made by PostgreSQL ${found}, and this is PostgreSQL ${expected}. ` +
          'Start the version of Plexy Pay that made them to export the data, or choose another DATA_DIR.',
  );
}

/** A rename survives a power cut only once its folder is on disk. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return; // It cannot open folders.
  const handle = await open(folder, 'r');
  await handle.sync().finally(() => handle.close());
}

export interface RunningServer {
  readonly pid: number;
  /** On loopback. */
  readonly port: number;
  /** Whether it takes connections. */
  readonly ready: boolean;
}

/** What the data folder's server wrote down about itself, if that server is running. */
export async function runningServer(place: Place): Promise<RunningServer | undefined> {
  const lines = (await readText(postmasterFile(place)))?.split('\n') ?? [];
  const pid = Number(lines[0]);
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  if (!(await isServerOf(pid, dataFolderOf(place)))) return undefined;
  return { pid, port: Number(lines[3]), ready: lines[7]?.trim() === 'ready' };
}

/** Stops the data folder's server, whoever started it: within 8 s, and in order if it lets us. */
export async function stopServer(place: Place): Promise<void> {
  for (const { mode, seconds } of STOP_MODES) {
    // Asked every time: pg_ctl trusts the file, and would signal whichever process has that id now.
    if ((await runningServer(place)) === undefined) return;
    const options = ['-D', dataFolderOf(place), '-m', mode, '-w', '-t', String(seconds)];
    await run(place.programs.pgCtl, ['stop', ...options], { user: place.user });
  }
  const left = await runningServer(place);
  if (left !== undefined) kill(left.pid);
}

/**
 * Ends processes that lost their server: an idle one notices at once, one in a long query does not, and
 * PostgreSQL does not start while one of them is left.
 */
export async function killStragglers(place: Place): Promise<void> {
  if ((await runningServer(place)) !== undefined) return;
  for (const pid of await processesOf(dataFolderOf(place))) kill(pid);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}

/**
 * Clears what a dead owner left behind: its server, or the mark of a server that is no more. To be called
 * by the owner of the DATA_DIR lock before a start.
 */
export async function clearOldServer(place: Place, log: (message: string) => void): Promise<void> {
  const orphan = await runningServer(place);
  if (orphan !== undefined) {
    log(
      `The database server of an earlier start (process ${orphan.pid}) is still running without its owner; stopping it.`,
    );
    await stopServer(place);
    return;
  }
  await killStragglers(place);
  // PostgreSQL clears a stale postmaster.pid itself, unless that id now belongs to another process of the
  // same user: it then refuses to start. On Windows we cannot tell, and leave it to PostgreSQL.
  const pid = Number((await readText(postmasterFile(place)))?.split('\n')[0]);
  if (process.platform === 'win32' || !Number.isSafeInteger(pid) || pid <= 0) return;
  if (isAlive(pid)) await rm(postmasterFile(place), { force: true });
}

function postmasterFile(place: Place): string {
  return path.join(dataFolderOf(place), 'postmaster.pid');
}
