/**
 * `npm run bench:growth -- --sizes 1000,1000000`: what ten years of payments cost. For each size, in a database of its own:
 * the room of each table, what an authorization and a pair of authorization and capture cost PostgreSQL, how many blocks each
 * list reads, and how long vacuum and audit take. On a machine that others use, too, blocks say more than times. The log's bytes and processor time are those of the whole server.
 */
import { parseArgs } from 'node:util';
import type pg from 'pg';
import {
  listTransactions,
  NO_FILTER,
  type TransactionFilter,
} from '../packages/server/src/payments/lookupsSql.ts';
import { createPool, type Pool } from '../packages/server/src/postgres/pool.ts';
import { checkLedger } from './checkLedger.ts';
import { cpuSeconds } from './cpu.ts';
import { createDatabase, query, seedWallets, startDatabase } from './database.ts';
import { fillYears } from './growthFill.ts';
import { LoadGenerator, startProduct } from './processes.ts';
import { machineOf, row, tenths, whole } from './report.ts';
import type { ScenarioName } from './scenarios.ts';
import { runAndUndo, type Undo } from './undo.ts';

const { values: options } = parseArgs({
  options: {
    /** How many payments, one database after the other. */
    sizes: { type: 'string', default: '1000,1000000' },
    /** How long each kind of load is measured. */
    seconds: { type: 'string', default: '20' },
    /** Begun per second, whatever the answers take: the same batches at each size. */
    rate: { type: 'string', default: '200' },
    wallets: { type: 'string', default: '20000' },
  },
});

const SECRET_KEY = 'a key for benchmarks, of no use elsewhere';
/** The seed's first merchant. */
const MERCHANT = '01900000-0000-7000-8000-000000000001';
const CONNECTIONS = 16;
const MILLION = 1_000_000;
/** How often each list is read for its time. */
const LIST_READS = 21;

interface Work {
  readonly cpuMicros: number | null;
  readonly blocks: number;
  readonly blocksRead: number;
  readonly walBytes: number;
}

interface Size {
  readonly payments: number;
  readonly tables: readonly Table[];
  readonly work: ReadonlyMap<string, Work>;
  readonly lists: ReadonlyMap<string, ListTwice>;
  readonly chores: ReadonlyMap<string, number>;
}

interface Table {
  readonly name: string;
  readonly heap: number;
  readonly indexes: number;
}

interface List {
  readonly blocks: number;
  readonly ms: number;
}

interface ListTwice extends List {
  /** While the newest rows had not been vacuumed. */
  readonly blocksBefore: number;
}

/** Each form of the list of transactions that goes another way through its indexes. */
function formsOf(oldest: number, newest: number): Readonly<Record<string, Partial<TransactionFilter>>> {
  const day = 86_400_000;
  return {
    'the newest 20': {},
    'by status': { status: { statuses: ['charged'], expired: null } },
    'by a rare status': { status: { statuses: ['rejected'], expired: null } },
    'by a status that none has': { status: { statuses: ['3d'], expired: null } },
    refunds: { type: 'refund' },
    'by method': { paymentMethod: 'wallet' },
    'by currency, 1 in 1,000': { currency: 'USD' },
    'by order reference': { orderReference: 'ORDER-000000000500' },
    'by customer': { customerId: customerOf(1) },
    'by store': { storeId: storeOf(1) },
    'by store and status': { storeId: storeOf(1), status: { statuses: ['charged'], expired: null } },
    'by amount, half of all': { amountFrom: 30_000n },
    'of a day, ten years ago': { createdFrom: oldest, createdTo: oldest + day },
    'of a month, five years ago': {
      createdFrom: Math.round((oldest + newest) / 2),
      createdTo: Math.round((oldest + newest) / 2) + 30 * day,
    },
    'by text': { text: { prefix: 'ORDER-0000000005', id: null, last4: null } },
    'by last four digits': { text: { prefix: '0007', id: null, last4: '0007' } },
  };
}

const ids = new Map<string, string>();
function customerOf(n: number): string {
  return ids.get(`customer ${n}`) ?? '';
}
function storeOf(n: number): string {
  return ids.get(`store ${n}`) ?? '';
}

/** A pool whose sessions count the blocks that each of their statements touches. */
function countingPool(pool: Pool, count: (blocks: number) => void): Pool {
  const explain = async (
    client: pg.PoolClient,
    ...given: Parameters<typeof client.query>
  ): Promise<unknown> => {
    const [statement, values] = given as unknown as [string | pg.QueryConfig, unknown[] | undefined];
    const text = typeof statement === 'string' ? statement : statement.text;
    if (!/^[\s(]*(?:SELECT|WITH)/.test(text)) return client.query(...given);
    const { rows } = await client.query({
      text: `EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) ${text}`,
      values: values ?? (typeof statement === 'string' ? [] : (statement.values ?? [])),
    });
    const [{ Plan }] = rows[0]['QUERY PLAN'];
    count(Plan['Shared Hit Blocks'] + Plan['Shared Read Blocks']);
    return client.query(...given);
  };
  return new Proxy(pool, {
    get: (target, name) =>
      name !== 'connect'
        ? Reflect.get(target, name)
        : async () => {
            const client = await target.connect();
            return new Proxy(client, {
              get: (session, property) => {
                if (property === 'query')
                  return (...given: Parameters<typeof session.query>) => explain(session, ...given);
                const value = Reflect.get(session, property);
                return typeof value === 'function' ? value.bind(session) : value;
              },
            });
          },
  });
}

async function measureLists(url: string): Promise<Map<string, List>> {
  const { rows } = await query(
    url,
    'SELECT min(created_at) AS oldest, max(created_at) AS newest FROM transaction',
  );
  const { rows: named } = await query(
    url,
    `SELECT 'customer 1' AS name, md5('customer 1') AS hash UNION ALL SELECT 'store 1', md5('store 1')`,
  );
  for (const { name, hash } of named)
    ids.set(name, hash.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'));
  const pool = createPool(url, 1, () => undefined);
  const lists = new Map<string, List>();
  try {
    for (const [name, filter] of Object.entries(
      formsOf(rows[0].oldest.getTime(), rows[0].newest.getTime()),
    )) {
      const page = {
        ...{ merchantId: MERCHANT, filter: { ...NO_FILTER, ...filter } },
        ...{ limit: 20, offset: 0, before: null, countTo: null },
      };
      const times: number[] = [];
      for (let i = 0; i < LIST_READS; i += 1) {
        const startedAt = performance.now();
        await listTransactions(pool, page);
        times.push(performance.now() - startedAt);
      }
      let blocks = 0;
      const counting = countingPool(pool, (more) => {
        blocks += more;
      });
      await listTransactions(counting, page);
      times.sort((a, b) => a - b);
      lists.set(name, { blocks, ms: times[Math.floor(LIST_READS / 2)] ?? Number.NaN });
    }
  } finally {
    await pool.end();
  }
  return lists;
}

interface Counters {
  readonly blocks: number;
  readonly read: number;
  readonly lsn: string;
}

async function countersOf(url: string): Promise<Counters> {
  // Sessions tell what they did a second after it at the latest.
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const { rows } = await query(
    url,
    `SELECT (blks_hit + blks_read)::float8 AS blocks, blks_read::float8 AS read, pg_current_wal_lsn() AS lsn
     FROM pg_stat_database WHERE datname = current_database()`,
  );
  return rows[0];
}

async function measureLoad(
  load: LoadGenerator,
  product: { readonly url: string; readonly pid: number },
  url: string,
  scenario: ScenarioName,
): Promise<Work> {
  const plan = { url: product.url, scenario, connections: CONNECTIONS, perSecond: Number(options.rate) };
  await load.run({ ...plan, warmUpMs: 0, measureMs: 3_000 }, () => undefined);
  const [before, cpuBefore] = [await countersOf(url), await cpuSeconds(product.pid, url)];
  const { units } = await load.run(
    { ...plan, warmUpMs: 0, measureMs: Number(options.seconds) * 1_000 },
    () => undefined,
  );
  const cpu = await cpuSeconds(product.pid, url);
  const after = await countersOf(url);
  const { rows } = await query(url, 'SELECT pg_wal_lsn_diff($1, $2)::float8 AS bytes', [
    after.lsn,
    before.lsn,
  ]);
  const used =
    cpu.postgres === null || cpuBefore.postgres === null ? null : cpu.postgres - cpuBefore.postgres;
  return {
    cpuMicros: used === null ? null : (used * 1e6) / units,
    blocks: (after.blocks - before.blocks) / units,
    blocksRead: (after.read - before.read) / units,
    walBytes: rows[0].bytes / units,
  };
}

async function tablesOf(url: string): Promise<Table[]> {
  const { rows } = await query(
    url,
    `SELECT relname AS name, pg_table_size(oid)::float8 AS heap, pg_indexes_size(oid)::float8 AS indexes FROM pg_class
     WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND pg_total_relation_size(oid) > 100000
     ORDER BY pg_total_relation_size(oid) DESC LIMIT 10`,
  );
  return rows;
}

async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return (performance.now() - startedAt) / 1_000;
}

async function measureSize(serverUrl: string, payments: number): Promise<Size> {
  const database = await createDatabase(serverUrl, 'growth');
  const { url } = database;
  const undo: Undo = [database.drop];
  try {
    const environment = { DATABASE_URL: url, SECRET_KEY, PORT: '0', LOG_LEVEL: 'error' };
    // It migrates the database, and fills it with its seed.
    await (await startProduct(environment, [])).stop();
    await seedWallets(url, SECRET_KEY, Number(options.wallets));
    const filling = await secondsOf(() =>
      fillYears(url, MERCHANT, payments, (done) => {
        if (done % MILLION === 0 || done === payments)
          process.stderr.write(`${done.toLocaleString('en')} of ${payments.toLocaleString('en')} payments\n`);
      }),
    );
    const chores = new Map([['fill', filling]]);
    const tables = await tablesOf(url);
    chores.set('VACUUM (ANALYZE)', await secondsOf(() => query(url, 'VACUUM (ANALYZE)')));
    await query(url, 'CHECKPOINT');
    const product = await startProduct(environment, []);
    undo.push(() => product.stop());
    const load = new LoadGenerator(Number(options.wallets));
    undo.push(() => load.stop());
    const work = new Map<string, Work>();
    for (const scenario of ['authorize', 'pairs', 'get'] as const)
      work.set(scenario, await measureLoad(load, product, url, scenario));
    const before = await measureLists(url);
    chores.set('VACUUM after the load', await secondsOf(() => query(url, 'VACUUM')));
    const after = await measureLists(url);
    const lists = new Map(
      [...after].map(([name, list]) => [name, { ...list, blocksBefore: before.get(name)?.blocks ?? 0 }]),
    );
    chores.set(
      'audit',
      await secondsOf(() => checkLedger(url).then((text) => process.stderr.write(`${text}\n`))),
    );
    return { payments, tables, work, lists, chores };
  } finally {
    for (let step = undo.pop(); step !== undefined; step = undo.pop()) await step();
  }
}

/** One line for each name, one group of columns for each size. */
function tableOf(
  title: string,
  sizes: readonly Size[],
  names: readonly string[],
  columns: readonly string[],
  cellsOf: (size: Size, name: string) => readonly string[],
): string {
  const heads = sizes.flatMap(({ payments }) =>
    columns.map((column) => `${payments.toLocaleString('en')}: ${column}`),
  );
  const lines = names.map((name) => row([name, ...sizes.flatMap((size) => cellsOf(size, name))]));
  return [row([title, ...heads]), `|---|${heads.map(() => '--:').join('|')}|`, ...lines].join('\n');
}

function megabytes(bytes: number | undefined, payments: number): string {
  return bytes === undefined ? '–' : whole((bytes / 2 ** 20 / payments) * MILLION);
}

function report(sizes: readonly Size[]): string {
  const names = (of: (size: Size) => Iterable<string>): string[] => [
    ...new Set(sizes.flatMap((size) => [...of(size)])),
  ];
  const tables = tableOf(
    'MB for a million payments',
    sizes.filter(({ payments }) => payments >= MILLION),
    names(({ tables: all }) => all.map(({ name }) => name)),
    ['table', 'indexes'],
    ({ tables: all, payments }, name) => {
      const table = all.find((one) => one.name === name);
      return [megabytes(table?.heap, payments), megabytes(table?.indexes, payments)];
    },
  );
  const work = tableOf(
    'PostgreSQL, each',
    sizes,
    names(({ work: all }) => all.keys()),
    ['CPU µs', 'blocks', 'of them read', 'WAL bytes'],
    ({ work: all }, name) => {
      const { cpuMicros = null, blocks = null, blocksRead = null, walBytes = null } = all.get(name) ?? {};
      return [whole(cpuMicros), tenths(blocks), tenths(blocksRead), whole(walBytes)];
    },
  );
  const lists = tableOf(
    'list',
    sizes,
    names(({ lists: all }) => all.keys()),
    ['blocks', 'before vacuum', 'ms'],
    ({ lists: all }, name) => {
      const { blocks = null, blocksBefore = null, ms = null } = all.get(name) ?? {};
      return [whole(blocks), whole(blocksBefore), tenths(ms)];
    },
  );
  const chores = tableOf(
    'seconds',
    sizes,
    names(({ chores: all }) => all.keys()),
    [''],
    ({ chores: all }, name) => [tenths(all.get(name) ?? null)],
  );
  const isLarge = sizes.some(({ payments }) => payments >= MILLION);
  return [...(isLarge ? [tables] : []), work, lists, chores].join('\n\n');
}

async function main(undo: Undo): Promise<void> {
  const server = await startDatabase();
  undo.push(() => server.stop());
  const version = (await query(server.url, 'SHOW server_version')).rows[0].server_version;
  const sizes: Size[] = [];
  for (const payments of options.sizes.split(',').map(Number))
    sizes.push(await measureSize(server.url, payments));
  process.stdout.write(`${machineOf(version)}\n\n${report(sizes)}\n`);
}

await runAndUndo(main);
