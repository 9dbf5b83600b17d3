/** One or more real server processes on one database: what a payment operator runs. */
import assert from 'node:assert/strict';
import { audit } from '../../src/ledger/auditSql.ts';
import { createPool, type Pool } from '../../src/postgres/pool.ts';
import { createDatabase } from './database.ts';
import { type ProcessEnvironment, type ServerProcess, startServerProcess } from './process.ts';
import { type CallOptions, type Reply, request } from './sandbox.ts';

export interface Nodes {
  readonly processes: readonly ServerProcess[];
  readonly databaseUrl: string;
  readonly pool: Pool;
  /** One request, to the nodes in turn. */
  call(method: string, path: string, options?: CallOptions): Promise<Reply>;
  /** One request to the node of this number, from 0. */
  callNode(node: number, method: string, path: string, options?: CallOptions): Promise<Reply>;
  /** Fails unless all seven invariants hold. */
  assertInvariants(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts `count` nodes on a new database with schema and seed, or on `databaseUrl`. */
export async function startNodes(
  count: number,
  environment: ProcessEnvironment = {},
  databaseUrl?: string,
): Promise<Nodes> {
  const database =
    databaseUrl === undefined
      ? await createDatabase(process.env.TEST_TEMPLATE)
      : { url: databaseUrl, drop: async () => undefined };
  const start = (): Promise<ServerProcess> =>
    startServerProcess({ DATABASE_URL: database.url, ...environment });
  const starts = await Promise.allSettled(Array.from({ length: count }, start));
  const processes = starts.flatMap((started) => (started.status === 'fulfilled' ? [started.value] : []));
  const failure = starts.find((started) => started.status === 'rejected');
  if (failure !== undefined) {
    await Promise.all(processes.map((node) => node.end()));
    throw failure.reason;
  }
  const pool = createPool(database.url, 5, () => undefined);
  let turn = 0;
  const callNode = (node: number, method: string, path: string, options?: CallOptions): Promise<Reply> =>
    request(processes[node]?.url ?? '', method, path, options);
  return {
    processes,
    databaseUrl: database.url,
    pool,
    callNode,
    call: (method, path, options) => {
      turn += 1;
      return callNode(turn % count, method, path, options);
    },
    assertInvariants: async () => assert.deepEqual(await audit(pool), []),
    stop: async () => {
      await Promise.all(processes.map((node) => node.end()));
      await pool.end();
      await database.drop();
    },
  };
}
