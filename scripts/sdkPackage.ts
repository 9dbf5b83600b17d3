/**
 * Makes the SDK's package as it is published, in packages/sdk/dist: `npm run build -w packages/sdk`, then
 * `npm publish packages/sdk/dist`. A package of its own, because inside the repository `@plexy-pay/sdk` is
 * its TypeScript source, which needs no build, and npm has no way to publish other `exports` than that.
 */
import { execFileSync } from 'node:child_process';
import { copyFile, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SDK = path.join(ROOT, 'packages/sdk');
const TSC = path.join(ROOT, 'node_modules/typescript/bin/tsc');

interface Manifest {
  readonly exports: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

/** Builds the package into an empty folder. @throws Error with what the compiler says */
export async function buildSdk(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  const project = path.join(SDK, 'tsconfig.build.json');
  execFileSync(process.execPath, [TSC, '-p', project, '--outDir', folder], { encoding: 'utf8' });
  const manifest: Manifest = JSON.parse(await readFile(path.join(SDK, 'package.json'), 'utf8'));
  await writeFile(path.join(folder, 'package.json'), `${JSON.stringify(published(manifest), null, 2)}\n`);
  await copyFile(path.join(SDK, 'README.md'), path.join(folder, 'README.md'));
  await copyFile(path.join(ROOT, 'LICENSE'), path.join(folder, 'LICENSE'));
}

/** The manifest with the compiled files in place of the sources. */
function published({ private: _, scripts: __, devDependencies: ___, ...manifest }: Manifest): object {
  const compiled = Object.entries(manifest.exports).map(([name, source]) => {
    const file = source.replace('./src/', './').replace(/\.ts$/, '');
    return [name, { types: `${file}.d.ts`, default: `${file}.js` }];
  });
  return { ...manifest, exports: Object.fromEntries(compiled) };
}

if (import.meta.main) await buildSdk(path.join(SDK, 'dist'));
