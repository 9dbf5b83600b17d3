/**
 * Whoever imports this, a test or a script, begins a run: whatever it starts from then on ends with it, however it
 * ends itself, `kill -9` included, and so do the temporary files in the run's folder.
 *
 *   this process ──pipe──► keeper (a shell that waits for the pipe's end) ──► endRun.ts
 *        └─ children, and theirs: the run's folder is in their environment
 *
 * Where the keeper was ended, too, the next run does its work. A process that has been given an environment of its
 * own, or whose parent has, needs `RUN_ENVIRONMENT` in it.
 */
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { chmod, mkdtemp, readdir, realpath, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { processIdentity } from '@plexy-pay/embedded-postgres';
import { endRun, processesOfRun, RUN_VARIABLE } from './endRun.ts';

const END_RUN = fileURLToPath(import.meta.resolve('./endRun.ts'));
/** The folder's name says whose it is: as with DATA_DIR's lock, a process id alone may have been given anew. */
const NAME = /^plexy-run-(\d+)-([\w.]+)-\w+$/;

const PARENT_LOOK_MS = 500;

const parent = await realpath(tmpdir());
await endDeadRuns();
/** For what the run needs on the disk. Everybody may pass through it, as PostgreSQL's user must. */
export const RUN_FOLDER = await makeFolder();
/** For children that do not get all of ours. */
export const RUN_ENVIRONMENT: Readonly<Record<string, string | undefined>> = {
  [RUN_VARIABLE]: RUN_FOLDER,
  // What one process has compiled the next need not.
  NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
};
process.env[RUN_VARIABLE] = RUN_FOLDER;
startKeeper();
process.once('exit', removeFolder);
if (process.env.npm_lifecycle_event !== undefined) endWithParent();

/** npm that is told to end tells its shell, and that tells nobody: without npm, its script would go on by itself. */
function endWithParent(): void {
  const { ppid } = process;
  const look = setInterval(() => {
    if (process.ppid === ppid) return;
    clearInterval(look);
    process.kill(process.pid, 'SIGTERM');
  }, PARENT_LOOK_MS);
  look.unref();
}

async function makeFolder(): Promise<string> {
  const identity = (await processIdentity(process.pid)) ?? 'unknown';
  const folder = await mkdtemp(path.join(parent, `plexy-run-${process.pid}-${identity}-`));
  await chmod(folder, 0o755);
  return folder;
}

async function endDeadRuns(): Promise<void> {
  for (const name of await readdir(parent)) {
    const [, pid, identity] = NAME.exec(name) ?? [];
    if (pid === undefined || (await processIdentity(Number(pid))) === identity) continue;
    const folder = path.join(parent, name);
    const owner = (await stat(folder).catch(() => undefined))?.uid;
    if (owner === undefined || owner !== process.getuid?.()) continue;
    await endRun(folder).catch((error: unknown) => process.stderr.write(`An earlier run: ${error}\n`));
  }
}

/** A session of its own, so that what a terminal sends to all of us does not end it, and nothing of ours held open. */
function startKeeper(): void {
  if (process.platform !== 'linux') return;
  const wait = 'cat >/dev/null; test ! -d "$1" || exec "$0" "$2" "$1"';
  const keeper = spawn('/bin/sh', ['-c', wait, process.execPath, RUN_FOLDER, END_RUN], {
    ...{ cwd: '/', env: { PATH: process.env.PATH }, detached: true },
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  keeper.unref();
  // Its type says nothing of it, but a pipe to a child is a socket.
  (keeper.stdin as unknown as { unref(): void }).unref();
}

/** What is left after a run in order needs no keeper. */
function removeFolder(): void {
  if (processesOfRun(RUN_FOLDER).length > 0) return;
  try {
    rmSync(RUN_FOLDER, { recursive: true, force: true });
  } catch {
    // Somebody still writes there: the keeper waits for that.
  }
}
