import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { PlexyPayError } from '@plexy-pay/sdk';
import type { Environment } from './context.ts';

interface Settings {
  /** By the URL of the API. */
  readonly listenSecrets?: Readonly<Record<string, string>>;
}

/**
 * The secret that `plexy listen` signs with: made once for each API, and kept in `plexy/config.json` of
 * the user's configuration folder.
 * @throws PlexyPayError when that file is no JSON
 */
export async function rememberedSecret(env: Environment, url: string): Promise<string> {
  const folder = path.join(env.XDG_CONFIG_HOME ?? path.join(env.HOME ?? homedir(), '.config'), 'plexy');
  const file = path.join(folder, 'config.json');
  const settings = await readSettings(file);
  const known = settings.listenSecrets?.[url];
  if (known !== undefined) return known;
  const secret = `whsec_${randomBytes(24).toString('base64')}`;
  const listenSecrets = { ...settings.listenSecrets, [url]: secret };
  await mkdir(folder, { recursive: true, mode: 0o700 });
  // Whole or not at all, and for this user only.
  const draft = `${file}.${process.pid}`;
  await writeFile(draft, `${JSON.stringify({ ...settings, listenSecrets }, null, 2)}\n`, { mode: 0o600 });
  await rename(draft, file);
  return secret;
}

async function readSettings(file: string): Promise<Settings> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '{}';
    throw error;
  });
  try {
    return JSON.parse(text) as Settings;
  } catch {
    throw new PlexyPayError(`${file} is not JSON: correct it, or delete it to begin anew`);
  }
}
