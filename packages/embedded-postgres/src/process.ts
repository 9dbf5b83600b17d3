import { spawn } from 'node:child_process';
import { readdir, readFile, readlink } from 'node:fs/promises';
import path from 'node:path';

/** Why the embedded PostgreSQL cannot run. The message is for the person who started the server. */
export class EmbeddedPostgresError extends Error {
  override readonly name = 'EmbeddedPostgresError';
}

/** The system user that runs PostgreSQL when we are root; PostgreSQL itself refuses to run as root. */
export interface SystemUser {
  readonly uid: number;
  readonly gid: number;
}

/** How a program ended. `code` is null when it could not be started or was killed; `output` says why. */
export interface RunResult {
  readonly code: number | null;
  readonly output: string;
}

/** What every child needs: our user's identity, a folder anyone can enter, and an environment of our making. */
export function childOptions(user: SystemUser | undefined) {
  return {
    // Our own current folder may be one that the system user cannot enter.
    cwd: path.parse(process.execPath).root,
    env: childEnvironment(),
    windowsHide: true,
    ...(user && { uid: user.uid, gid: user.gid }),
  };
}

/** PG* variables of the caller's shell (PGPORT, PGOPTIONS…) and its locale must not reach our server. */
function childEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(PG|LC_|LANG)/.test(name));
  return { ...Object.fromEntries(kept), LC_ALL: 'C' };
}

/** Runs a program to its end, never through a shell. Does not throw: failures are in the result. */
export function run(
  file: string,
  args: readonly string[],
  options: { user?: SystemUser | undefined; input?: string } = {},
): Promise<RunResult> {
  return new Promise<RunResult>((resolve, reject) => {
    const child = spawn(file, args, { ...childOptions(options.user), stdio: 'pipe' });
    let output = '';
    const collect = (chunk: Buffer) => {
      output += chunk.toString();
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output: output.trim() }));
    child.stdin.on('error', () => undefined); // It may end without reading; its exit code tells.
    child.stdin.end(options.input ?? '');
    // spawn() reports some causes by throwing (EPERM) and others by an event (EACCES, ENOENT).
  }).catch((error) => ({ code: null, output: error instanceof Error ? error.message : String(error) }));
}

/**
 * Tells one life of a process id from another: the id alone may have been given to a new process.
 * Undefined when no such process lives; a zombie (killed, its parent not looking) does not.
 */
export async function processIdentity(pid: number): Promise<string | undefined> {
  if (process.platform === 'linux') {
    const stat = await readText(`/proc/${pid}/stat`);
    // "pid (name) state …": the name may contain anything, so count from its closing parenthesis.
    const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? [];
    const [state, startedTicks] = [fields[0], fields[19]];
    if (startedTicks === undefined || state === 'Z' || state === 'X') return undefined;
    const boot = (await readText('/proc/sys/kernel/random/boot_id'))?.slice(0, 8) ?? '';
    return `${boot}.${startedTicks}`;
  }
  if (process.platform === 'win32') return isAlive(pid) ? 'alive' : undefined;
  const listing = (await run('ps', ['-o', 'stat=,lstart=', '-p', String(pid)])).output;
  const [, state, started] = /^(\S+)\s+(\S.*)$/.exec(listing) ?? [];
  return state === undefined || state.startsWith('Z') ? undefined : String(Date.parse(started ?? ''));
}

/**
 * Is this a process of the PostgreSQL server of this data folder? Its current folder tells: a server
 * changes into its data folder before it writes postmaster.pid, and it and its children stay there.
 */
export async function isServerOf(pid: number, dataFolder: string): Promise<boolean> {
  if (!isAlive(pid)) return false;
  if (process.platform === 'linux') {
    // A zombie has no current folder any more, and somebody's shell in that folder is not a server.
    if ((await readlink(`/proc/${pid}/cwd`).catch(() => undefined)) !== dataFolder) return false;
    return (await readText(`/proc/${pid}/comm`))?.trim() === 'postgres';
  }
  // There is no such look-up on Windows; pg_ctl speaks to the server through a named pipe of its own
  // there and cannot hurt another process.
  if (process.platform === 'win32') return true;
  const listing = (await run('lsof', ['-a', '-d', 'cwd', '-c', 'postgres', '-p', String(pid), '-Fn'])).output;
  return listing.split('\n').includes(`n${dataFolder}`);
}

/** All processes of the server of this data folder, as far as the system lets us list them (Linux). */
export async function processesOf(dataFolder: string): Promise<number[]> {
  if (process.platform !== 'linux') return [];
  const pids = (await readdir('/proc')).map(Number).filter(Number.isSafeInteger);
  const belong = await Promise.all(pids.map((pid) => isServerOf(pid, dataFolder)));
  return pids.filter((_, index) => belong[index]);
}

/** Does any process have this id now? */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}

/** The file's text, or undefined when there is no such file or it cannot be read. */
export async function readText(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch(() => undefined);
}

/** The system's code of a failed call (`ENOENT`, `EACCES`…), if it has one. */
export function errorCode(error: unknown): string | undefined {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}
