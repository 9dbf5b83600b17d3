/**
 * `npm run bench:cost`: what a payment costs PostgreSQL, in units that do not depend on what else the machine does:
 * instructions of the engine's session, counted by callgrind, and bytes of the write-ahead log.
 *
 *   65 requests at once ──HTTP──► the server, as `npm start` runs it ──one lane──► PostgreSQL, for instructions under valgrind
 *
 * The first request finds the lane idle and is a batch by itself; the other 64 come while it is on its way and are the next
 * one. What a batch of one costs is measured apart, and taken off.
 *
 * Instructions are the median of a few rounds. Bytes are the mean of many: in a round five of a thousand index entries find
 * their page full, and each writes half a page, so that rounds differ by a tenth.
 */
import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Cluster, makeFolder, runAsPostgres } from '../packages/server/test/support/postgres.ts';
import { checkLedger } from './checkLedger.ts';
import { Connection } from './connection.ts';
import { createDatabase, query, seedWallets } from './database.ts';
import { startProduct, type WebServer } from './processes.ts';
import { type ScenarioName, Traffic } from './scenarios.ts';
import { runAndUndo, type Undo } from './undo.ts';

const SECRET_KEY = 'a key for benchmarks, of no use elsewhere';
const WALLETS = 20_000;
/** Customers who pay again and again, whose wallets the node remembers. */
const REGULARS = 512;
/** After so many rounds all of them have paid (one in 2,000 has not). */
const REGULAR_ROUNDS = 60;
const BATCH = 64;

export interface CostOptions {
  /** How many rounds the instructions are the median of. */
  readonly rounds: number;
  /** Where callgrind's files are copied to, for callgrind_annotate. */
  readonly keep?: string | undefined;
}

/** What one unit of work costs. */
export interface Cost {
  /** Thousand instructions of the engine's session. */
  readonly instructions: number;
  /** Bytes of the log. */
  readonly wal: number;
}

const KINDS = ['authorize, a new customer', 'authorize', 'capture', 'cancel'] as const;
export type Costs = Readonly<Record<(typeof KINDS)[number], Cost>>;

/** Starts PostgreSQL through valgrind, which counts nothing until it is told to. */
async function writeWrapper(folder: string): Promise<string> {
  const file = path.join(folder, 'postgres');
  const bin = (await runAsPostgres('pg_config', ['--bindir'])).trim();
  await writeFile(
    file,
    `#!/bin/sh
case "$1" in -V) exec ${bin}/postgres "$@";; esac
exec valgrind --tool=callgrind --trace-children=yes --instr-atstart=no --vgdb-prefix=${folder}/vgdb \\
  --callgrind-out-file=${folder}/callgrind.%p --log-file=${folder}/valgrind.%p ${bin}/postgres "$@"
`,
  );
  await chmod(file, 0o755);
  return file;
}

/** The session of the engine's only lane. */
class Counter {
  readonly #folder: string;
  readonly #pid: number;
  #dumps = 0;

  constructor(folder: string, pid: number) {
    this.#folder = folder;
    this.#pid = pid;
  }

  async #tell(command: string): Promise<void> {
    const words = command.split(' ');
    await runAsPostgres('/usr/bin/vgdb', [
      `--vgdb-prefix=${this.#folder}/vgdb`,
      `--pid=${this.#pid}`,
      ...words,
    ]);
  }

  /** @returns how many instructions it carried out meanwhile */
  async count(work: () => Promise<void>): Promise<number> {
    // Once: whenever it is switched, all of the program is translated anew, which takes seconds.
    if (this.#dumps === 0) await this.#tell('instrumentation on');
    await this.#tell('zero');
    await work();
    await this.#tell('dump');
    this.#dumps += 1;
    const files = (await readdir(this.#folder)).filter((name) => name.startsWith(`callgrind.${this.#pid}`));
    const name = files.find((each) => each.endsWith(`.${this.#dumps}`)) ?? '';
    const text = await readFile(path.join(this.#folder, name), 'utf8');
    const total = /^totals: (\d+)/m.exec(text)?.[1];
    if (total === undefined) throw new Error(`callgrind did not say how many in ${name}`);
    return Number(total);
  }
}

/** Connections that do one unit of work each, all at once. */
class Crowd {
  readonly #url: URL;
  readonly #connections: Connection[] = [];
  readonly #replies: ((reply: string) => void)[] = [];
  readonly #failed = Promise.withResolvers<never>();

  constructor(url: string) {
    this.#url = new URL(url);
    this.#failed.promise.catch(() => undefined);
  }

  async connect(count: number): Promise<void> {
    const connected: Promise<void>[] = [];
    for (let i = 0; i < count; i += 1) {
      const { promise, resolve } = Promise.withResolvers<void>();
      connected.push(promise);
      const onReply = (reply: string): void => this.#replies[i]?.(reply);
      this.#connections.push(new Connection(this.#url, resolve, onReply, this.#failed.reject));
    }
    await Promise.race([Promise.all(connected), this.#failed.promise]);
  }

  /** Sends these requests at once. @returns their replies */
  async send(requests: readonly string[]): Promise<string[]> {
    const replies = requests.map((request, i) => {
      const { promise, resolve } = Promise.withResolvers<string>();
      this.#replies[i] = resolve;
      this.#connections[i]?.send(request);
      return promise;
    });
    return Promise.race([Promise.all(replies), this.#failed.promise]);
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }
}

type Step = (requests: readonly string[]) => Promise<string[]>;

/** One round of authorizations and what follows; `step` is given each turn of it. */
async function roundOf(traffic: Traffic, name: ScenarioName, size: number, step: Step): Promise<void> {
  const scenarios = Array.from({ length: size }, (_, i) => traffic.scenario(name, i));
  let requests: string[] = scenarios.map((scenario) => scenario.first());
  for (let turn = 0; requests.length > 0; turn += 1) {
    const replies = await step(requests);
    requests = replies
      .map((reply, i) => scenarios[i]?.next(reply, turn) ?? null)
      .filter((request) => request !== null);
  }
}

async function batchesOf(product: WebServer): Promise<number> {
  const text = await (await fetch(`${product.url}/metrics`)).text();
  return Number(/^plexy_engine_batch_size_count (\d+)/m.exec(text)?.[1]);
}

async function logPositionOf(url: string): Promise<number> {
  const { rows } = await query(
    url,
    `SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8 AS bytes`,
  );
  return rows[0].bytes;
}

/** Rounds before those that count: they plan what they send, and make what is made once. */
const WARM_UP = 4;
const LOG_ROUNDS = 100;
/** A machine that is very busy may deliver some of the requests only when their batch has begun. */
const TRIES_PER_ROUND = 4;

/** Carries out `work`. @returns what it cost */
type Meter = (work: () => Promise<void>) => Promise<number>;
type Figure = (values: readonly number[]) => number;

interface Measurement {
  readonly meter: Meter;
  readonly rounds: number;
  /** What is made of the figures of so many rounds. */
  readonly figure: Figure;
}

/** @returns the cost of each turn of a unit of work, in its order */
async function measure(name: ScenarioName, bench: Bench, measurement: Measurement): Promise<number[]> {
  const alone = await measureSize(name, bench, measurement, 1);
  const together = await measureSize(name, bench, measurement, 1 + BATCH);
  return together.map((cost, turn) => (cost - (alone[turn] ?? 0)) / BATCH);
}

/** @returns for each turn what so many requests at once cost together */
async function measureSize(
  name: ScenarioName,
  { crowd, traffic, product }: Bench,
  { meter, rounds, figure }: Measurement,
  size: number,
): Promise<number[]> {
  const costs: number[][] = [];
  const wanted = size === 1 ? 1 : 2;
  let left = TRIES_PER_ROUND * rounds;
  for (let round = 0; round < WARM_UP || (costs[0]?.length ?? 0) < rounds; round += 1) {
    let turn = 0;
    await roundOf(traffic, name, size, async (requests) => {
      let replies: string[] = [];
      const batches = await batchesOf(product);
      const cost = await meter(async () => {
        replies = await crowd.send(requests);
      });
      const made = (await batchesOf(product)) - batches;
      if (round >= WARM_UP && made === wanted) costs[turn] = [...(costs[turn] ?? []), cost];
      else if (round >= WARM_UP) left -= 1;
      turn += 1;
      return replies;
    });
    if (left <= 0) throw new Error(`${size} requests are not carried out in ${wanted} batches here`);
  }
  return costs.map(figure);
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

interface Bench {
  readonly crowd: Crowd;
  readonly traffic: Traffic;
  readonly product: WebServer;
}

/** @returns what each kind of payment costs */
async function measureKinds(
  bench: Omit<Bench, 'traffic'>,
  measurement: Measurement,
): Promise<Readonly<Record<(typeof KINDS)[number], number>>> {
  const [strangers, regulars] = [new Traffic(WALLETS), new Traffic(REGULARS)];
  const [stranger] = await measure('authorize', { ...bench, traffic: strangers }, measurement);
  const [authorize, capture] = await measure('pairs', { ...bench, traffic: regulars }, measurement);
  const [, cancel] = await measure('cancels', { ...bench, traffic: regulars }, measurement);
  if (stranger === undefined || authorize === undefined || capture === undefined || cancel === undefined)
    throw new Error('a turn was not measured');
  return { 'authorize, a new customer': stranger, authorize, capture, cancel };
}

/** Starts the server, and lets the regular customers pay. */
async function startBench(
  environment: Readonly<Record<string, string>>,
  undo: Undo,
): Promise<Omit<Bench, 'traffic'> & { readonly end: () => Promise<void> }> {
  const product = await startProduct(environment, []);
  undo.push(() => product.stop());
  const crowd = new Crowd(product.url);
  undo.push(async () => crowd.close());
  await crowd.connect(BATCH + 1);
  const regulars = new Traffic(REGULARS);
  for (let i = 0; i < REGULAR_ROUNDS; i += 1)
    await roundOf(regulars, 'authorize', BATCH + 1, (requests) => crowd.send(requests));
  const end = async (): Promise<void> => {
    crowd.close();
    await product.stop();
  };
  return { product, crowd, end };
}

/** Measures all of it on a PostgreSQL of its own. @returns with the version of PostgreSQL */
export async function measureCosts(
  undo: Undo,
  { rounds, keep }: CostOptions,
): Promise<{ costs: Costs; postgres: string }> {
  const cluster = await Cluster.create();
  undo.push(() => cluster.remove());
  await cluster.configure({
    full_page_writes: 'off',
    autovacuum: 'off',
    checkpoint_timeout: '1h',
    jit: 'off',
  });
  const { url } = await createDatabase(cluster.url, 'cost');
  const environment = {
    ...{ DATABASE_URL: url, SECRET_KEY, PORT: '0', LOG_LEVEL: 'error' },
    ...{ REQUEST_LOG: '0', BATCH_LANES: '1', BATCH_SIZE: String(BATCH), RATE_LIMIT_PER_SECOND: '0' },
  };
  // It migrates the database, and fills it with its seed.
  await (await startProduct(environment, [])).stop();
  await seedWallets(url, SECRET_KEY, WALLETS);
  await cluster.stop('fast');

  // First, while the tables are as small as they are in each run.
  const folder = await makeFolder('callgrind');
  await cluster.start(await writeWrapper(folder));
  const counted = await startBench(environment, undo);
  const { rows } = await query(
    url,
    `SELECT pid FROM pg_stat_activity WHERE application_name = 'plexy-pay engine 1'`,
  );
  const counter = new Counter(folder, rows[0].pid);
  const count: Meter = (work) => counter.count(work);
  const instructions = await measureKinds(counted, { meter: count, rounds, figure: medianOf });
  await counted.end();
  await cluster.stop('fast');
  if (keep !== undefined) await runAsPostgres('/bin/cp', ['-r', folder, keep]);

  await cluster.start();
  const logMeter: Meter = async (work) => {
    const position = await logPositionOf(url);
    await work();
    return (await logPositionOf(url)) - position;
  };
  const bench = await startBench(environment, undo);
  const log = await measureKinds(bench, { meter: logMeter, rounds: LOG_ROUNDS, figure: meanOf });
  await checkLedger(url);
  const [{ server_version: postgres }] = await cluster.query('SHOW server_version');
  const costs = KINDS.map((name): [string, Cost] => [
    name,
    { instructions: Math.round(instructions[name] / 100) / 10, wal: Math.round(log[name]) },
  ]);
  return { costs: Object.fromEntries(costs) as Costs, postgres };
}

function tableOf(costs: Costs): string {
  const rows = Object.entries(costs).map(
    ([name, { instructions, wal }]) => `| ${name} | ${instructions} | ${wal} |`,
  );
  return ['| | thousand instructions | bytes of the log |', '|---|--:|--:|', ...rows].join('\n');
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { rounds: { type: 'string', default: '7' }, keep: { type: 'string' } },
  });
  await runAndUndo(async (undo) => {
    const { costs, postgres } = await measureCosts(undo, {
      rounds: Number(values.rounds),
      keep: values.keep,
    });
    process.stdout.write(`PostgreSQL ${postgres}, batches of ${BATCH}\n\n${tableOf(costs)}\n`);
  });
}
