/** The packages as they are published: what is in them. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { packageAll } from '../../../../scripts/package.ts';
import { isAllowed, licenseOf, type Sbom } from '../../../../scripts/thirdParty.ts';
import { RUN_FOLDER } from '../support/run.ts';
import { packages } from './packages.ts';

const run = promisify(execFile);
const ROOT = path.join(import.meta.dirname, '../../../..');

let folder: string;
let dist: string;

/** Of the packages, each unpacked by its short name. */
const at = (...parts: string[]): string => path.join(folder, ...parts);

before(async () => {
  folder = await mkdtemp(path.join(RUN_FOLDER, 'packed-'));
  dist = await packages();
  for (const tarball of globSync('plexy-pay-*.tgz', { cwd: dist })) {
    const [, name = ''] = /^plexy-pay-([a-z]+)-/.exec(tarball) ?? [];
    await mkdir(at(name));
    await run('tar', ['-xzf', path.join(dist, tarball), '-C', at(name), '--strip-components', '1']);
  }
});
after(() => rm(folder, { recursive: true, force: true }));

/** @returns the hashes of packages, by name and version */
async function lockedIn(file: string): Promise<Map<string, string>> {
  const { packages } = JSON.parse(await readFile(file, 'utf8'));
  const entries = Object.entries<{ version: string; integrity: string; resolved?: string }>(packages);
  assert.deepEqual(
    entries.filter(([, { resolved }]) => resolved?.startsWith('http')),
    [],
  );
  return new Map(
    entries
      .filter(([at]) => at.includes('node_modules/'))
      .map(([at, { version, integrity }]) => [
        `${at.replace(/^.*node_modules\//, '')}@${version}`,
        integrity,
      ]),
  );
}

describe('what is packed', () => {
  test('is JavaScript, and every module and file that it finds by its own place is there', async () => {
    const scripts = globSync(at('*/{packages,src,bin}/**/*.js')).filter(
      (file) => !file.includes('dashboard/dist'),
    );
    assert.ok(scripts.length > 200, `${scripts.length}`);
    const missing = scripts.flatMap((script) =>
      [...readFileSync(script, 'utf8').matchAll(/new URL\(["'](\.[^"']*)["'], import\.meta\.url\)/g)]
        .map(([, named = '']) => path.join(path.dirname(script), named))
        .filter((file) => !existsSync(file)),
    );
    assert.deepEqual(missing, []);
    const sources = globSync(at('*/{packages,src}/**/*.{ts,tsx}')).filter((file) => !file.endsWith('.d.ts'));
    assert.deepEqual(sources, []);
  });

  test('the same commit makes the same files', async () => {
    await packageAll(at('again'));
    assert.equal(
      await readFile(at('again/SHA256SUMS'), 'utf8'),
      await readFile(path.join(dist, 'SHA256SUMS'), 'utf8'),
    );
  });

  test('has what the lock file has, and all of it is in the list of materials, with an allowed licence', async () => {
    const locked = await lockedIn(path.join(ROOT, 'package-lock.json'));
    const shrunk = await lockedIn(at('server/npm-shrinkwrap.json'));
    const sbom: Sbom = JSON.parse(await readFile(path.join(dist, 'sbom.cdx.json'), 'utf8'));
    const listed = new Set(sbom.components.map(({ name, version }) => `${name}@${version}`));
    assert.ok(shrunk.size > 100);
    for (const [name, integrity] of shrunk)
      assert.deepEqual([locked.get(name), listed.has(name)], [integrity, true], name);
    // What is within the pages and the command line is listed, too; what builds them is in nothing.
    for (const name of ['react', 'preact', 'commander', 'uqr'])
      assert.ok(
        sbom.components.some((component) => component.name === name),
        name,
      );
    assert.equal(
      sbom.components.some(({ name }) => name === 'vite'),
      false,
    );
    assert.deepEqual(
      sbom.components.map(licenseOf).filter((license) => !isAllowed(license)),
      [],
    );
    assert.deepEqual(['AGPL-3.0', null, '(GPL-2.0 OR LGPL-3.0)', 'MIT AND GPL-2.0'].filter(isAllowed), []);
    assert.match(await readFile(at('server/THIRD-PARTY.md'), 'utf8'), /^## .*\breact\b/m);
  });
});
