/**
 * Makes the command line's package as it is installed by itself, in packages/cli/dist: `npm run build -w packages/cli`,
 * then `npm install -g ./packages/cli/dist`. The SDK is within it; the server is not, so that whoever only wants
 * `plexy listen` installs nothing else. Commands that need the database say where to run them.
 */
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const CLI = path.join(ROOT, 'packages/cli');

/** The one dependency that is installed with it; the others are within. */
const INSTALLED = 'commander';

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

/** Builds the package into an empty folder. */
export async function buildCli(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  const manifest: Manifest = JSON.parse(await readFile(path.join(CLI, 'package.json'), 'utf8'));
  const bundle = await rolldown({
    ...{ input: path.join(CLI, 'src/main.ts'), platform: 'node' },
    external: [INSTALLED, /^@plexy-pay\/server\//],
    transform: { target: 'node22' },
  });
  await bundle.write({ file: path.join(folder, 'src/main.js'), format: 'esm', codeSplitting: false });
  await bundle.close();
  await mkdir(path.join(folder, 'bin'));
  const program = await readFile(path.join(CLI, 'bin/plexy.js'), 'utf8');
  const installed = program
    .replace('../src/main.ts', '../src/main.js')
    .replace('MINIMUM_NODE = 24', 'MINIMUM_NODE = 22');
  await writeFile(path.join(folder, 'bin/plexy.js'), installed, { mode: 0o755 });
  await writeFile(path.join(folder, 'package.json'), `${JSON.stringify(published(manifest), null, 2)}\n`);
  await copyFile(path.join(CLI, 'README.md'), path.join(folder, 'README.md'));
  await copyFile(path.join(ROOT, 'LICENSE'), path.join(folder, 'LICENSE'));
}

/** The manifest without what is within the package, or deliberately not there. */
function published({ private: _, scripts: __, dependencies, ...manifest }: Manifest): object {
  const needed = Object.entries(dependencies).filter(([name]) => name === INSTALLED);
  return { ...manifest, engines: { node: '>=22.12' }, dependencies: Object.fromEntries(needed) };
}

if (import.meta.main) await buildCli(path.join(CLI, 'dist'));
