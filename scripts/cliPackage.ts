/**
 * Makes the command line's package as it is installed by itself, in packages/cli/dist: `npm run build -w packages/cli`,
 * then `npm install -g ./packages/cli/dist`. The SDK is within it; the server is not, so that whoever only wants
 * `plexy listen` installs nothing else. Commands that need the database say where to run them.
 */
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { rolldown } from 'rolldown';
import { copyLicense, type Manifest, manifestOf, PACKAGES, PUBLISHED_NODE, writeJson } from './compiled.ts';

const CLI = path.join(PACKAGES, 'cli');

/** The one dependency that is installed with it; the others are within. */
const INSTALLED = 'commander';
/** Where it is installed beside it, `plexy start` and the commands that need the database work. */
const SERVER = '@plexy-pay/server';

/** Builds the package into an empty folder. */
export async function buildCli(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  const bundle = await rolldown({
    ...{ input: path.join(CLI, 'src/main.ts'), platform: 'node' },
    external: [INSTALLED, /^@plexy-pay\/server\//],
    transform: { target: `node${PUBLISHED_NODE}` },
  });
  await bundle.write({ file: path.join(folder, 'src/main.js'), format: 'esm', codeSplitting: false });
  await bundle.close();
  await mkdir(path.join(folder, 'bin'));
  const program = await readFile(path.join(CLI, 'bin/plexy.js'), 'utf8');
  const installed = program
    .replace('../src/main.ts', '../src/main.js')
    .replace(/MINIMUM_NODE = \d+/, `MINIMUM_NODE = ${parseInt(PUBLISHED_NODE, 10)}`);
  await writeFile(path.join(folder, 'bin/plexy.js'), installed, { mode: 0o755 });
  await writeJson(path.join(folder, 'package.json'), published(manifestOf('cli')));
  await copyFile(path.join(CLI, 'README.md'), path.join(folder, 'README.md'));
  await copyLicense(folder);
}

/** The manifest without what is within the package, or deliberately not there. */
function published({ private: _, scripts: __, dependencies = {}, ...manifest }: Manifest): object {
  return {
    ...manifest,
    engines: { node: `>=${PUBLISHED_NODE}` },
    dependencies: { [INSTALLED]: dependencies[INSTALLED] },
    peerDependencies: { [SERVER]: dependencies[SERVER] },
    peerDependenciesMeta: { [SERVER]: { optional: true } },
  };
}

if (import.meta.main) await buildCli(path.join(CLI, 'dist'));
