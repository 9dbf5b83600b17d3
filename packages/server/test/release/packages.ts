/** The packages of a release, made once for all tests of a process. */
import { mkdtemp } from 'node:fs/promises';
import path from 'node:path';
import { packageAll } from '../../../../scripts/package.ts';
import { RUN_FOLDER } from '../support/run.ts';

let made: Promise<string> | null = null;

/** @returns the folder that `npm run package` would have written */
export function packages(): Promise<string> {
  made ??= make();
  return made;
}

async function make(): Promise<string> {
  const folder = path.join(await mkdtemp(path.join(RUN_FOLDER, 'packages-')), 'dist');
  await packageAll(folder);
  return folder;
}
