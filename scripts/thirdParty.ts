/**
 * The packages of others that are in what is released: those that the server is installed with, and those that are within
 * its pages and programs. npm says which these are and what they are licensed under (`npm sbom`, CycloneDX).
 */
import { execFile } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { manifestOf, PACKAGES, ROOT } from './compiled.ts';

const run = promisify(execFile);
/** They build pages, and are in none. */
const BUILD_TOOLS = ['vite'];
/** Licences that ask for no more than that they are named. Whatever else comes is a decision of somebody's. */
export const ALLOWED_LICENSES: readonly string[] = [
  ...[
    '0BSD',
    'Apache-2.0',
    'BlueOak-1.0.0',
    'BSD-2-Clause',
    'BSD-3-Clause',
    'CC0-1.0',
    'ISC',
    'MIT',
    'PSF-2.0',
    'Unlicense',
  ],
];

export interface Component {
  readonly name: string;
  readonly version: string;
  readonly licenses?: readonly {
    readonly license?: { id?: string; name?: string };
    readonly expression?: string;
  }[];
}

export interface Sbom {
  readonly bomFormat: string;
  readonly specVersion: string;
  readonly components: readonly Component[];
}

/**
 * The lock file of exactly the dependencies of a manifest. npm itself makes it, of the repository's, so that what is
 * installed is what the tests ran with. @throws Error where the repository's has one of them not
 */
export async function lockedFor(manifest: object): Promise<object> {
  return withLocked(manifest, async (folder) =>
    JSON.parse(await readFile(path.join(folder, 'package-lock.json'), 'utf8')),
  );
}

let bill: Promise<Sbom> | null = null;

/** @returns what is in a release, without the time and the number that `npm sbom` gives each list: same commit, same list */
export function billOfMaterials(): Promise<Sbom> {
  bill ??= makeBill();
  return bill;
}

async function makeBill(): Promise<Sbom> {
  const manifests = globSync('*/package.json', { cwd: PACKAGES }).map((file) =>
    manifestOf(path.dirname(file)),
  );
  const dependencies = Object.fromEntries(
    manifests
      .flatMap((manifest) => Object.entries(manifest.dependencies ?? {}))
      .filter(([name]) => !name.startsWith('@plexy-pay/') && !BUILD_TOOLS.includes(name))
      .sort(),
  );
  const { version, license } = manifestOf('server');
  return withLocked({ name: 'plexy-pay', version, license, dependencies }, async (folder) => {
    const args = ['sbom', '--sbom-format=cyclonedx', '--sbom-type=application', '--package-lock-only'];
    const { stdout } = await run('npm', args, { cwd: folder, maxBuffer: 1 << 26 });
    const { serialNumber: _, ...sbom } = JSON.parse(stdout);
    delete sbom.metadata.timestamp;
    return sbom;
  });
}

async function withLocked<T>(manifest: object, use: (folder: string) => Promise<T>): Promise<T> {
  const parent = await mkdtemp(path.join(tmpdir(), 'plexy-lock-'));
  // `npm sbom` names the whole by its folder.
  const folder = path.join(parent, 'plexy-pay');
  try {
    await mkdir(folder);
    await writeFile(path.join(folder, 'package.json'), JSON.stringify(manifest));
    for (const file of ['.npmrc', 'package-lock.json'])
      await copyFile(path.join(ROOT, file), path.join(folder, file));
    // Nothing is looked up: what the repository's lock file does not have is an error.
    const args = ['install', '--package-lock-only', '--ignore-scripts', '--offline'];
    await run('npm', args, { cwd: folder });
    return await use(folder);
  } finally {
    await rm(parent, { recursive: true });
  }
}

/** Such as `MIT`, `(MIT OR CC0-1.0)`; null: the package does not say. */
export function licenseOf({ licenses = [] }: Component): string | null {
  const [first] = licenses;
  return first?.expression ?? first?.license?.id ?? first?.license?.name ?? null;
}

/** Whether one of the licences that a package offers is an allowed one. */
export function isAllowed(license: string | null): boolean {
  const offered = license?.replace(/^\((.*)\)$/, '$1').split(' OR ') ?? [];
  return offered.some((one) => ALLOWED_LICENSES.includes(one));
}

/** The list for people, with the texts that licences ask to be handed on. @throws Error where a licence is none of ours */
export async function licenseList({ components }: Sbom): Promise<string> {
  const refused = components.filter((component) => !isAllowed(licenseOf(component)));
  if (refused.length > 0)
    throw new Error(
      `not among the allowed licences: ${refused.map((one) => `${one.name} ${licenseOf(one)}`).join(', ')}`,
    );
  const rows = components.map((one) => `| ${one.name} | ${one.version} | ${licenseOf(one)} |`).sort();
  const texts = new Map<string, string[]>();
  for (const { name } of components) {
    const text = await textOf(name);
    if (text !== null) texts.set(text, [...(texts.get(text) ?? []), name]);
  }
  const sections = [...texts].map(
    ([text, names]) => `## ${[...new Set(names)].sort().join(', ')}\n\n\`\`\`text\n${text}\n\`\`\``,
  );
  return `# Packages of others\n\n| package | version | licence |\n|---|---|---|\n${rows.join('\n')}\n\n${sections.sort().join('\n\n')}\n`;
}

/** As it is installed here; a package for other systems is not. */
async function textOf(name: string): Promise<string | null> {
  const folder = path.join(ROOT, 'node_modules', name);
  if (!existsSync(folder)) return null;
  const [file] = globSync('{LICENSE,LICENCE,License,license,COPYING}{,.md,.txt,-MIT}', {
    cwd: folder,
  }).sort();
  return file === undefined
    ? null
    : (await readFile(path.join(folder, file), 'utf8')).trim().replaceAll('\r\n', '\n');
}
