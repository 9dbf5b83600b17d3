/**
 * Makes the SDK's package as it is published, in packages/sdk/dist: `npm run build -w packages/sdk`, then
 * `npm publish packages/sdk/dist`. A package of its own, because inside the repository `@plexy-pay/sdk` is
 * its TypeScript source, which needs no build, and npm has no way to publish other `exports` than that.
 *
 * It has no dependencies: what it takes from other packages of the repository is within it. Each module is there
 * twice, for `import` and for `require`: Jest, and TypeScript in CommonJS, cannot do with the first alone.
 */
import { execFileSync } from 'node:child_process';
import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SDK = path.join(ROOT, 'packages/sdk');
const TSC = path.join(ROOT, 'node_modules/typescript/bin/tsc');
/** What Node 20 and the browsers of 2022 know. */
const TARGET = 'es2022';
const FORMATS = [
  { format: 'esm', condition: 'import', script: '.js', types: '.d.ts' },
  { format: 'cjs', condition: 'require', script: '.cjs', types: '.d.cts' },
] as const;

interface Manifest {
  readonly exports: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

/** Builds the package into an empty folder. @throws Error with what a compiler says */
export async function buildSdk(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  const manifest: Manifest = JSON.parse(await readFile(path.join(SDK, 'package.json'), 'utf8'));
  await writeScripts(Object.values(manifest.exports), folder);
  await writeTypes(folder);
  await writeFile(path.join(folder, 'package.json'), `${JSON.stringify(published(manifest), null, 2)}\n`);
  await copyFile(path.join(SDK, 'README.md'), path.join(folder, 'README.md'));
  await copyFile(path.join(ROOT, 'LICENSE'), path.join(folder, 'LICENSE'));
}

async function writeScripts(sources: readonly string[], folder: string): Promise<void> {
  const input = sources.map((source) => path.join(SDK, source));
  const bundle = await rolldown({
    ...{ input, platform: 'neutral', external: /^node:/ },
    transform: { target: TARGET },
  });
  for (const { format, script } of FORMATS)
    await bundle.write({
      ...{ dir: folder, format, exports: 'named' },
      ...{ entryFileNames: `[name]${script}`, chunkFileNames: `[name]${script}` },
    });
  await bundle.close();
}

/** TypeScript leaves the `.ts` of imports in declarations, which compilers before 5.0 do not take. */
async function writeTypes(folder: string): Promise<void> {
  const compiled = await mkdtemp(path.join(tmpdir(), 'plexy-sdk-types-'));
  const project = path.join(SDK, 'tsconfig.build.json');
  execFileSync(process.execPath, [TSC, '-p', project, '--outDir', compiled], { encoding: 'utf8' });
  const declarations = path.join(compiled, 'sdk/src');
  for (const file of await readdir(declarations)) {
    const text = await readFile(path.join(declarations, file), 'utf8');
    if (/from ['"]@plexy-pay\/(?!sdk)/.test(text))
      throw new Error(`${file}: nobody else has the package that it names`);
    for (const { script, types } of FORMATS)
      await writeFile(
        path.join(folder, file.replace(/\.d\.ts$/, types)),
        text.replace(/'(\.\/[\w.]+)\.ts'/g, `'$1${script}'`),
      );
  }
  await rm(compiled, { recursive: true });
}

/** The manifest with the compiled files in place of the sources. */
function published({ private: _, scripts: __, devDependencies: ___, ...manifest }: Manifest): object {
  const compiled = Object.entries(manifest.exports).map(([name, source]) => {
    const file = source.replace('./src/', './').replace(/\.ts$/, '');
    // The types first: the first condition that is met counts.
    const conditions = FORMATS.map(({ condition, script, types }) => [
      condition,
      { types: `${file}${types}`, default: `${file}${script}` },
    ]);
    return [name, Object.fromEntries(conditions)];
  });
  return { ...manifest, exports: Object.fromEntries(compiled) };
}

if (import.meta.main) await buildSdk(path.join(SDK, 'dist'));
