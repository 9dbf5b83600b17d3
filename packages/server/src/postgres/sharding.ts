/**
 * What spreads one database over several servers. The feed orders events by the transaction ids of one PostgreSQL: with
 * more than one of them, readers would miss events without a word (23 to 28 % of them, measured with Citus 13.2). So
 * nothing starts there, until the engine itself knows of cells.
 */
import { openSession } from './databaseClient.ts';
import { type Client, type Queryable, sessionOptions } from './pool.ts';

/** Extensions of PostgreSQL that do it, wherever they are in use. */
const EXTENSIONS = ['citus'];
/** Databases that speak PostgreSQL's protocol, by what they call themselves. */
const OTHERS = /CockroachDB|-YB-|YugabyteDB|Greenplum|Redshift|Materialize|QuestDB|openGauss|GaussDB/i;

/** @returns its name; null: this is PostgreSQL, and nothing in it spreads its tables */
export async function shardedBy(db: Queryable): Promise<string | null> {
  const { rows } = await db.query<{ version: string; extension: string | null }>(
    `SELECT version(), (SELECT extname::text FROM pg_extension WHERE extname = ANY($1) LIMIT 1) AS extension`,
    [EXTENSIONS],
  );
  const [row] = rows;
  return row?.extension ?? OTHERS.exec(row?.version ?? '')?.[0] ?? null;
}

/** Sessions that are opened to see whether they lead to one server. */
const SESSIONS = 3;

/** Whether every session leads to one and the same cluster: what is in front may be a sharding proxy, which answers for several. */
export async function leadsToOneCluster(url: string): Promise<boolean> {
  const sessions: Client[] = [];
  try {
    const clusters = new Set<string>();
    for (let i = 0; i < SESSIONS; i += 1) {
      const session = await openSession(sessionOptions(url, 'start'));
      sessions.push(session);
      const { rows } = await session.query('SELECT system_identifier::text AS id FROM pg_control_system()');
      for (const { id } of rows) clusters.add(id);
    }
    return clusters.size === 1;
  } finally {
    for (const session of sessions) void session.end().catch(() => undefined);
  }
}
