import { chmod, mkdtemp } from 'node:fs/promises';
import path from 'node:path';
import { RUN_FOLDER } from './run.ts';

/**
 * A new DATA_DIR of its own, which ends with the run if not before. Everybody may pass through it: started by root, the embedded server would otherwise keep
 * its files where nobody removes them with it.
 */
export async function makeDataDir(purpose: string): Promise<string> {
  const dataDir = await mkdtemp(path.join(RUN_FOLDER, `${purpose}-`));
  await chmod(dataDir, 0o755);
  return dataDir;
}
