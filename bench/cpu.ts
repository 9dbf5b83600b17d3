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
  const sessions = await Promise.all(rows.map((row: { pid: number }) => secondsOf(row.pid, /postgres/)));
  const known = sessions.filter((seconds) => seconds !== null);
  return {
    node: await secondsOf(nodePid, /./),
    postgres: known.length > 0 ? known.reduce((sum, seconds) => sum + seconds, 0) : null,
  };
}

async function secondsOf(pid: number, program: RegExp): Promise<number | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => null);
  const parts = stat === null ? null : /^\d+ \((.*)\) (.*)$/s.exec(stat);
  if (parts === null || !program.test(parts[1] ?? '')) return null;
  // utime and stime are fields 14 and 15 of the line, 12 and 13 of what follows the name.
  const fields = (parts[2] ?? '').split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}
