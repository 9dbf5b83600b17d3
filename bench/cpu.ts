/** CPU time of the product and of its PostgreSQL: far less noisy than rates on a machine that others use. */
import { readFile } from 'node:fs/promises';
import { query } from './database.ts';

export interface CpuSeconds {
  /** Null where /proc does not tell (not Linux, or the database is elsewhere). */
  readonly node: number | null;
  readonly postgres: number | null;
}

/** Clock ticks of /proc per second: 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Used so far by the server process, and by the database's sessions and background processes. */
export async function cpuSeconds(nodePid: number, databaseUrl: string): Promise<CpuSeconds> {
  const { rows } = await query(
    databaseUrl,
    `SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND (backend_type <> 'client backend' OR datname = current_database())`,
  );
  const sessions = await Promise.all(rows.map((row: { pid: number }) => statOf(row.pid, /postgres/)));
  const known = sessions.filter((session) => session !== null);
  // Sessions and autovacuum's workers end during a run: what they used is then told by whoever started them.
  const starter = known[0] === undefined ? null : await statOf(known[0].parent, /postgres/);
  return {
    node: await nodeSeconds(nodePid),
    postgres: starter && known.reduce((sum, { seconds }) => sum + seconds, starter.secondsOfEnded),
  };
}

/** Of the server's process, and of the workers that it has forked: they run the same program, which its bank does not. */
async function nodeSeconds(pid: number): Promise<number | null> {
  const own = await statOf(pid, /./);
  if (own === null) return null;
  const program = await programOf(pid);
  // All of /proc would take so long on a busy machine that it would be read when the run is half over.
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  let seconds = own.seconds;
  for (const child of children
    .split(' ')
    .filter((name) => name !== '')
    .map(Number))
    if ((await programOf(child)) === program) seconds += (await statOf(child, /./))?.seconds ?? 0;
  return seconds;
}

/** The script that a process of Node runs. */
async function programOf(pid: number): Promise<string | undefined> {
  const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return line
    .split('\0')
    .find((argument) => argument.endsWith('.ts'))
    ?.replace(/^.*(packages\/)/, '$1');
}

interface Stat {
  readonly parent: number;
  readonly seconds: number;
  /** Of its children that have ended. */
  readonly secondsOfEnded: number;
}

async function statOf(pid: number, program: RegExp): Promise<Stat | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => null);
  const parts = stat === null ? null : /^\d+ \((.*)\) (.*)$/s.exec(stat);
  if (parts === null || !program.test(parts[1] ?? '')) return null;
  // utime, stime, cutime and cstime are fields 14 to 17 of the line, 12 to 15 of what follows the name.
  const fields = (parts[2] ?? '').split(' ').map(Number);
  const [user = 0, system = 0, endedUser = 0, endedSystem = 0] = fields.slice(11, 15);
  return {
    parent: fields[1] ?? 0,
    seconds: (user + system) / TICKS_PER_SECOND,
    secondsOfEnded: (endedUser + endedSystem) / TICKS_PER_SECOND,
  };
}
