/**
 * Ends what a run (`run.ts`) has left behind: its processes, however far down the tree, and its folder. No process ids
 * are kept anywhere, so an id that now belongs to somebody else cannot be hit: a process is asked what it is.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** Holds the run's folder in the environment of all its processes: children inherit it. */
export const RUN_VARIABLE = 'PLEXY_RUN';
/** PostgreSQL ends its backends, and those that do not listen after 5 s; then there is no more patience. */
const PATIENCE_MS = 8_000;
const LIMIT_MS = 10_000;
const LOOK_EVERY_MS = 50;

/** Those that live, as far as the system tells (Linux). */
export function processesOfRun(folder: string): number[] {
  if (process.platform !== 'linux') return [];
  const mark = `\0${RUN_VARIABLE}=${folder}\0`;
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isSafeInteger(pid) && pid !== process.pid)
    .filter((pid) => `\0${fileOf(pid, 'environ')}`.includes(mark) || isServerIn(folder, pid));
}

/** Root in a container may not read the environment of PostgreSQL's user, but everybody may read its arguments. */
function isServerIn(folder: string, pid: number): boolean {
  return isPostgres(pid) && fileOf(pid, 'cmdline').includes(`\0${folder}/`);
}

function isPostgres(pid: number): boolean {
  return fileOf(pid, 'comm').trim() === 'postgres';
}

function fileOf(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return ''; // It has ended meanwhile, or is not ours to look at.
  }
}

/** Ends them and removes the folder. Two may do so at once. */
export async function endRun(folder: string): Promise<void> {
  const startedAt = performance.now();
  const elapsedMs = (): number => performance.now() - startedAt;
  for (let left = processesOfRun(folder); left.length > 0; left = processesOfRun(folder)) {
    for (const pid of left) end(pid, elapsedMs() > PATIENCE_MS);
    if (elapsedMs() > LIMIT_MS) throw new Error(`the processes ${left.join(', ')} of ${folder} do not end`);
    await sleep(LOOK_EVERY_MS);
  }
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}

/** SIGQUIT is PostgreSQL's immediate stop: killed, it would leave backends that are at work. */
function end(pid: number, now: boolean): void {
  try {
    process.kill(pid, isPostgres(pid) && !now ? 'SIGQUIT' : 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}

if (import.meta.main) await endRun(process.argv[2] ?? '');
