import { chmod, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

/**
 * A new DATA_DIR of its own. Everybody may pass through it: started by root, the embedded server would otherwise keep
 * its files where nobody removes them with it.
 */
export async function makeDataDir(purpose: string): Promise<string> {
  const dataDir = await mkdtemp(path.join(tmpdir(), `plexy-${purpose}-`));
  await chmod(dataDir, 0o755);
  return dataDir;
}
