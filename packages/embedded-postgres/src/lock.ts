import { randomBytes } from 'node:crypto';
import { readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { EmbeddedPostgresError, processIdentity } from './process.ts';

/*
 * One owner per DATA_DIR. Node has no file locks that the kernel frees when a process dies, so an owner
 * is an empty file whose name says who: plexy-<pid>-<identity of that process>-<random>.lock
 *
 * - The name is the whole claim, so that it appears in one step and is never seen half written.
 * - A dead owner's file can be removed by anyone at any time: no name is ever used twice, so it cannot
 *   be a new owner's file that is removed.
 * - Claim first, then look: of two starts at once the later look sees the other's file, so that never
 *   both own the folder. If both see each other, both step back and try again after a random pause.
 *
 * Processes of another container or machine are not visible here: a DATA_DIR must not be shared by them.
 */
const CLAIM = /^plexy-(\d+)-([\w.]+)-[0-9a-f]+\.lock$/;
const ATTEMPTS = 8;

export interface DataDirLock {
  release(): Promise<void>;
}

/**
 * Makes this process the only owner of the folder until it releases the lock or dies.
 * @throws EmbeddedPostgresError when another living process owns it
 */
export async function lockDataDir(dataDir: string): Promise<DataDirLock> {
  const identity = (await processIdentity(process.pid)) ?? 'unknown';
  let owner: number | undefined;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    owner = await livingOwner(dataDir);
    if (owner === undefined) {
      const claim = `plexy-${process.pid}-${identity}-${randomBytes(8).toString('hex')}.lock`;
      const release = () => rm(path.join(dataDir, claim), { force: true });
      await writeFile(path.join(dataDir, claim), '', { flag: 'wx', mode: 0o600 });
      owner = await livingOwner(dataDir, claim);
      if (owner === undefined) return { release };
      await release();
    }
    await delay(10 + Math.random() * 50);
  }
  throw new EmbeddedPostgresError(
    `DATA_DIR ${dataDir} is in use by another Plexy Pay server (process ${owner}). ` +
      'Stop that one first, or give this one a DATA_DIR of its own.',
  );
}

async function livingOwner(dataDir: string, except?: string): Promise<number | undefined> {
  for (const name of await readdir(dataDir)) {
    const [, pid, identity] = CLAIM.exec(name) ?? [];
    if (pid === undefined || name === except) continue;
    if ((await processIdentity(Number(pid))) === identity) return Number(pid);
    await rm(path.join(dataDir, name), { force: true });
  }
  return undefined;
}
