/**
 * Makes the server's package as it is installed by itself, in packages/server/dist: `npm run build -w packages/server`.
 *
 * It has the repository's layout, in JavaScript: Node strips no types below node_modules, and whatever the program finds
 * by its own place (migrations, threads, the bank's process, pages, documents) is found as it is here. The repository's
 * other packages are within it; those of others are installed with it, in the versions of the lock file.
 */
import { existsSync, globSync } from 'node:fs';
import { copyFile, cp, mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { isShown } from '../packages/server/src/docs/guides.ts';
import {
  copyLicense,
  entriesOf,
  manifestOf,
  PACKAGES,
  PUBLISHED_NODE,
  publishedManifest,
  ROOT,
  writeJson,
  writeScripts,
  writeTypes,
} from './compiled.ts';
import { billOfMaterials, licenseList, lockedFor } from './thirdParty.ts';

const SERVER = path.join(PACKAGES, 'server');
/** What `npm run prepare` builds, and the server hands out. */
const PAGES = ['dashboard/dist', 'checkout/dist', 'checkout/popup'];

/** Builds the package into an empty folder. @throws Error with what a compiler says, or what is missing */
export async function buildServer(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  const compiled = path.join(folder, 'packages');
  const entries = entriesOf('server');
  const imported = await writeScripts(entries, compiled, asInstalled);
  await writeTypes(entries, compiled);
  await copyAll('server/migrations', compiled);
  for (const pages of PAGES) await copyAll(pages, compiled);
  await copyDocuments(folder);
  await copyLicense(folder);
  await writeFile(path.join(folder, 'THIRD-PARTY.md'), await licenseList(await billOfMaterials()));
  const { name, version, type } = manifestOf('server');
  await writeJson(path.join(compiled, 'server/package.json'), { name, version, private: true, type });
  const published = publishedManifest('server', imported);
  await writeJson(path.join(folder, 'package.json'), published);
  await writeJson(path.join(folder, 'npm-shrinkwrap.json'), await lockedFor(published));
}

/**
 * What is not so outside the repository: there a Node that reads TypeScript is needed, and `npx` finds the command line. As
 * installed it is `plexy`, where `npx plexy` would install somebody else's package.
 */
function asInstalled(code: string, entry: string): string {
  const edited = code.replaceAll('npx plexy ', 'plexy ');
  if (entry !== path.join('server', 'src', 'main.ts')) return edited;
  const oldest = `const MINIMUM_NODE = ${Number.parseInt(PUBLISHED_NODE, 10)};`;
  if (!/const MINIMUM_NODE = \d+;/.test(code)) throw new Error(`${entry} does not say which Node it needs`);
  return edited.replace(/const MINIMUM_NODE = \d+;/, oldest);
}

async function copyAll(from: string, compiled: string): Promise<void> {
  const source = path.join(PACKAGES, from);
  if (!existsSync(source)) throw new Error(`packages/${from} is missing: npm run prepare`);
  await cp(source, path.join(compiled, from), { recursive: true });
}

/** What the server shows below /docs. */
async function copyDocuments(folder: string): Promise<void> {
  const exclude = ['**/node_modules', '**/dist', '.git', '.data'];
  for (const file of globSync('**/*.*', { cwd: ROOT, exclude })) {
    if (!isShown(file.replaceAll(path.sep, '/'))) continue;
    await mkdir(path.dirname(path.join(folder, file)), { recursive: true });
    await copyFile(path.join(ROOT, file), path.join(folder, file));
  }
}

if (import.meta.main) await buildServer(path.join(SERVER, 'dist'));
