import { access, constants, mkdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { DATABASE, ensureCluster, readPassword, runningServer } from './cluster.ts';
import { launch } from './launch.ts';
import { lockDataDir } from './lock.ts';
import { choosePlace, SYSTEM_FOLDER } from './place.ts';
import { EmbeddedPostgresError, errorCode, processIdentity } from './process.ts';

export { EmbeddedPostgresError, processIdentity };

/*
 * A start, in order; whatever fails, nothing keeps running and DATA_DIR is given back:
 *
 *   lock DATA_DIR → choose user, programs and folder → make the files (first time only)
 *   → stop the server of a dead owner → launch on a free port → wait until it is ready
 *
 * The server is in a process session of its own, so that Ctrl-C reaches us but not it: the engine drains,
 * then stops it. If we die without stopping it, the next start finds it and stops it.
 */

export interface EmbeddedPostgres {
  /** `postgres://…` with role, password, port on loopback, and database. */
  readonly url: string;
  /** Stops the server within 8 s and gives DATA_DIR back. May be called again. */
  stop(): Promise<void>;
}

export interface EmbeddedPostgresOptions {
  /** Absolute, or relative to the current folder; made when missing. */
  dataDir: string;
  /** Hears what the person who starts the server should know: files kept elsewhere, an orphan stopped. */
  log: (message: string) => void;
  /** PostgreSQL settings in place of our defaults. */
  settings?: Record<string, string>;
  /** Where root keeps what PostgreSQL's user cannot reach elsewhere. */
  systemFolder?: string;
}

/**
 * Starts a PostgreSQL server of our own on the files of DATA_DIR, making them the first time.
 * @throws EmbeddedPostgresError with a sentence a newcomer can act on
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { log, settings = {}, systemFolder = SYSTEM_FOLDER } = options;
  const dataDir = await openDataDir(options.dataDir);
  const lock = await lockDataDir(dataDir);
  try {
    const place = await choosePlace({ dataDir, systemFolder, log });
    await ensureCluster(place);
    const password = await readPassword(place);
    const server = await launch(place, settings, log);
    let stopped: Promise<void> | undefined;
    const stop = () => {
      stopped ??= server.stop().finally(() => lock.release());
      return stopped;
    };
    return { url: urlOf(password, server.port), stop };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/**
 * The database of DATA_DIR for a command beside the server: that of the running server if there is one
 * (`stop` then leaves it alone), else started until `stop`.
 * @throws EmbeddedPostgresError when there is no database there, or it does not start
 */
export async function borrowEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { log, systemFolder = SYSTEM_FOLDER } = options;
  const dataDir = await realpath(path.resolve(options.dataDir)).catch(() => undefined);
  const place = dataDir === undefined ? undefined : await choosePlace({ dataDir, systemFolder, log });
  if (place === undefined || !(await isFolder(place.folder))) {
    throw new EmbeddedPostgresError(
      `There is no database in DATA_DIR ${path.resolve(options.dataDir)}. Start the server there once, or set DATABASE_URL.`,
    );
  }
  const running = await runningServer(place);
  if (running === undefined || !running.ready) return startEmbeddedPostgres(options);
  return { url: urlOf(await readPassword(place), running.port), stop: async () => undefined };
}

function urlOf(password: string, port: number): string {
  return `postgres://${DATABASE}:${password}@127.0.0.1:${port}/${DATABASE}`;
}

async function isFolder(folder: string): Promise<boolean> {
  return (await stat(folder).catch(() => undefined))?.isDirectory() === true;
}

/** One spelling of the path, so that two starts on one folder know that it is one. */
async function openDataDir(dataDir: string): Promise<string> {
  const absolute = path.resolve(dataDir);
  try {
    await mkdir(absolute, { recursive: true });
    await access(absolute, constants.R_OK | constants.W_OK | constants.X_OK);
    return await realpath(absolute);
  } catch (error) {
    throw new EmbeddedPostgresError(
      `DATA_DIR ${absolute} cannot be made or written to (${errorCode(error) ?? error}). ` +
        'Allow this user to write there, or set DATA_DIR to another folder.',
    );
  }
}
