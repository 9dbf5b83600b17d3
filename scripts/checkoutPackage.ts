/**
 * Makes the checkout's package, in packages/checkout/package: `npm run package -w packages/checkout`. The server has the
 * page within it; this is for whoever serves the page from elsewhere: the built page, the script of the popup, and what
 * the page and its server tell each other, with types.
 */
import { copyFile, cp, rm } from 'node:fs/promises';
import path from 'node:path';
import {
  copyLicense,
  entriesOf,
  PACKAGES,
  publishedManifest,
  writeJson,
  writeScripts,
  writeTypes,
} from './compiled.ts';

const CHECKOUT = path.join(PACKAGES, 'checkout');

/** Builds the package into an empty folder. @throws Error with what a compiler says, or where the page is not built */
export async function buildCheckout(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  const compiled = path.join(folder, 'packages');
  const entries = entriesOf('checkout');
  const imported = await writeScripts(entries, compiled);
  await writeTypes(entries, compiled);
  await cp(path.join(CHECKOUT, 'dist/index.html'), path.join(folder, 'page/index.html'));
  await cp(path.join(CHECKOUT, 'popup/api.js'), path.join(folder, 'popup/api.js'));
  await copyFile(path.join(CHECKOUT, 'README.md'), path.join(folder, 'README.md'));
  await copyLicense(folder);
  const manifest = publishedManifest('checkout', imported);
  const exports = { ...manifest.exports, './page': './page/index.html', './popup': './popup/api.js' };
  await writeJson(path.join(folder, 'package.json'), { ...manifest, exports });
}

if (import.meta.main) await buildCheckout(path.join(CHECKOUT, 'package'));
