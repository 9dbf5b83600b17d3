/**
 * Makes everything that a release is published as, in dist/: `npm run package`. The same commit makes the same files,
 * whose hashes are in SHA256SUMS.
 *
 *   plexy-pay-server-….tgz, -cli-, -sdk-, -checkout-   the packages: npm install -g dist/*.tgz, then plexy start
 *   sbom.cdx.json      what of others is in them, as CycloneDX
 *   THIRD-PARTY.md     the same for people, with the licences
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { buildCheckout } from './checkoutPackage.ts';
import { buildCli } from './cliPackage.ts';
import { ROOT, writeJson } from './compiled.ts';
import { buildSdk } from './sdkPackage.ts';
import { buildServer } from './serverPackage.ts';
import { billOfMaterials, licenseList } from './thirdParty.ts';

const run = promisify(execFile);
const BUILDS = { server: buildServer, cli: buildCli, sdk: buildSdk, checkout: buildCheckout };

/** Builds and packs everything into an empty folder. @throws Error with what is missing, or not allowed */
export async function packageAll(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const building = await mkdtemp(path.join(tmpdir(), 'plexy-package-'));
  try {
    // At the same time: most of it is waiting for compilers.
    const packing = Object.entries(BUILDS).map(async ([name, build]) => {
      await build(path.join(building, name));
      await named(path.join(building, name));
      await run('npm', ['pack', path.join(building, name), '--pack-destination', folder]);
    });
    await Promise.all(packing);
  } finally {
    await rm(building, { recursive: true });
  }
  const sbom = await billOfMaterials();
  await writeJson(path.join(folder, 'sbom.cdx.json'), sbom);
  await writeFile(path.join(folder, 'THIRD-PARTY.md'), await licenseList(sbom));
  const files = (await readdir(folder)).sort();
  const sums = files.map(async (file) => `${await hashOf(path.join(folder, file))}  ${file}\n`);
  await writeFile(path.join(folder, 'SHA256SUMS'), (await Promise.all(sums)).join(''));
}

async function hashOf(file: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
}

/** Says whose repository it is, where a workflow publishes it: npm compares that with the provenance. */
async function named(folder: string): Promise<void> {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository } = process.env;
  if (server === undefined || repository === undefined) return;
  const file = path.join(folder, 'package.json');
  const manifest = JSON.parse(await readFile(file, 'utf8'));
  await writeJson(file, { ...manifest, repository: { type: 'git', url: `git+${server}/${repository}.git` } });
}

if (import.meta.main) {
  await run('npm', ['run', 'prepare'], { cwd: ROOT });
  await packageAll(path.join(ROOT, 'dist'));
  process.stdout.write(await readFile(path.join(ROOT, 'dist/SHA256SUMS'), 'utf8'));
}
