/** The last release, in a folder of its own, with the packages that it was made for. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, symlink } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { makeDataDir } from '../support/dataDir.ts';

const ROOT = path.join(import.meta.dirname, '../../../..');
/** Names the commit that stands for the last release as long as none has a tag. */
const BASE_FILE = '.release-base';

const run = promisify(execFile);

export interface Release {
  /** A tag, or a commit. */
  readonly name: string;
  readonly folder: string;
  /** The names of its migrations. */
  readonly migrations: readonly string[];
}

async function git(...args: string[]): Promise<string> {
  return (await run('git', args, { cwd: ROOT })).stdout.trim();
}

/** The newest tag before what is tested, else the commit of `.release-base`. @throws Error when the clone lacks it */
async function nameOfRelease(): Promise<string> {
  const tags = await git(
    'tag',
    '--merged',
    'HEAD',
    '--no-contains',
    'HEAD',
    '--sort=-v:refname',
    '--list',
    'v[0-9]*',
  );
  const name = tags.split('\n')[0] || (await readFile(path.join(ROOT, BASE_FILE), 'utf8')).trim();
  await git('cat-file', '-e', `${name}^{commit}`).catch(() => {
    throw new Error(
      `the last release, ${name}, is not in this clone: fetch its whole history (git fetch --unshallow --tags)`,
    );
  });
  return name;
}

/** Writes the last release into a new folder. @throws Error when this is no clone that has it */
export async function checkOutRelease(): Promise<Release> {
  const name = await nameOfRelease();
  const folder = await makeDataDir('release');
  const archive = path.join(folder, '.archive.tar');
  await git('archive', '--output', archive, name);
  await run('tar', ['-xf', archive, '-C', folder]);
  await ((await hasItsPackages(folder)) ? linkPackages(folder) : installPackages(folder));
  const files = await readdir(migrationsOf(folder));
  return { name, folder, migrations: files.filter((file) => file.endsWith('.sql')).sort() };
}

/** The migrations that this version adds to those of the release. */
export async function addedSince({ migrations }: Release): Promise<string[]> {
  const files = await readdir(migrationsOf(ROOT));
  return files.filter((file) => file.endsWith('.sql') && !migrations.includes(file)).sort();
}

function migrationsOf(folder: string): string {
  return path.join(folder, 'packages/server/migrations');
}

interface Lock {
  readonly packages: Readonly<
    Record<string, { version?: string; dev?: boolean; link?: boolean; optional?: boolean }>
  >;
}

async function lockOf(folder: string): Promise<Lock> {
  return JSON.parse(await readFile(path.join(folder, 'package-lock.json'), 'utf8'));
}

/** Whether all that the release needs in production is installed here, in the same versions. */
async function hasItsPackages(folder: string): Promise<boolean> {
  const [then, now] = await Promise.all([lockOf(folder), lockOf(ROOT)]);
  return Object.entries(then.packages)
    .filter(
      ([place, { dev, link, optional }]) => place.includes('node_modules/') && !dev && !link && !optional,
    )
    .every(([place, { version }]) => now.packages[place]?.version === version);
}

/** Those of others are those that are installed here; the release's own are its own. */
async function linkPackages(folder: string): Promise<void> {
  const [from, to] = [path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules')];
  await mkdir(to);
  const lock = await lockOf(folder);
  const own = Object.entries(lock.packages).filter(([, { link }]) => link === true);
  const scopes = new Set(own.map(([place]) => place.split('/')[1] ?? ''));
  for (const name of await readdir(from))
    if (!scopes.has(name) && !name.startsWith('.')) await symlink(path.join(from, name), path.join(to, name));
  for (const [place, { resolved }] of own as [string, { resolved: string }][]) {
    await mkdir(path.dirname(path.join(folder, place)), { recursive: true });
    if (existsSync(path.join(folder, resolved)))
      await symlink(path.join(folder, resolved), path.join(folder, place));
  }
}

async function installPackages(folder: string): Promise<void> {
  const args = ['ci', '--omit=dev', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund'];
  await run('npm', args, { cwd: folder, maxBuffer: 1e8 });
}
