/**
 * `npm run bench`: how much the product does on this machine, beside what the machine can do at all.
 *
 *   load generator ──HTTP──► the server, as `npm start` runs it ──► PostgreSQL ◄── pgbench
 *                  └─HTTP──► an empty Fastify handler
 */
import { parseArgs } from 'node:util';
import { checkLedger } from './checkLedger.ts';
import { cpuSeconds } from './cpu.ts';
import { createDatabase, query, seedWallets, startDatabase } from './database.ts';
import { PgbenchColumn } from './pgbench.ts';
import { LoadGenerator, startEmptyHandler, startProduct, type WebServer } from './processes.ts';
import { type Column, type Goal, goalsOf, machineOf, type Round, type Sample, tableOf } from './report.ts';
import type { ScenarioName } from './scenarios.ts';
import { runAndUndo, type Undo } from './undo.ts';
import { benchWebhooks } from './webhooks.ts';

const { values: options } = parseArgs({
  options: {
    /** A smoke test of everything but pgbench; its figures mean nothing. */
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '5' },
    /** Only the scenarios whose names contain this. */
    only: { type: 'string', default: '' },
    /** Only with this many connections. */
    connections: { type: 'string' },
    /** For the Node of the server, such as --server-option=--cpu-prof. */
    'server-option': { type: 'string', multiple: true, default: [] },
  },
});

const SECRET_KEY = 'a key for benchmarks, of no use elsewhere';
const { quick } = options;
const wallets = quick ? 1_000 : 100_000;
const rounds = quick ? 1 : Number(options.rounds);
const measureMs = quick ? 500 : Number(options.seconds) * 1_000;
const warmUpMs = quick ? 200 : 1_500;

interface Case extends Column {
  readonly scenario: ScenarioName;
}

const MOST = quick ? 16 : 256;
/** In this order: GET reads what the authorizations before it made. */
const CASES: readonly Case[] = [
  ...(quick ? [MOST] : [64, 128, MOST]).map((connections) => ({
    name: `authorize, ${wallets.toLocaleString('en')} wallets`,
    scenario: 'authorize' as const,
    connections,
  })),
  { name: 'authorize, one hot wallet', scenario: 'hotWallet', connections: MOST },
  { name: 'authorize → capture pairs', scenario: 'pairs', connections: MOST },
  { name: 'GET', scenario: 'get', connections: MOST },
  { name: 'payment links', scenario: 'links', connections: MOST },
].filter(
  (each) =>
    each.scenario.includes(options.only) &&
    (options.connections === undefined || each.connections === Number(options.connections)),
) as Case[];

const EMPTY: Case = { name: 'empty handler', scenario: 'empty', connections: MOST };

/** Of the case with the most connections. */
function rateOf(round: Round, scenario: ScenarioName): number | null {
  return round.samples[CASES.findLastIndex((each) => each.scenario === scenario)]?.rate ?? null;
}

function quotient(value: number | null, by: number | null): number | null {
  return value === null || by === null ? null : value / by;
}

const GOALS: readonly Goal<Round>[] = [
  {
    name: 'authorize ÷ pgbench TPC-B',
    bound: '≥',
    limit: 2.5,
    of: (r) => quotient(rateOf(r, 'authorize'), r.pgbench),
  },
  {
    name: 'authorize ÷ empty handler',
    bound: '≥',
    limit: 0.3,
    of: (r) => quotient(rateOf(r, 'authorize'), r.empty),
  },
  {
    name: 'hot wallet ÷ spread',
    bound: '≥',
    limit: 0.9,
    of: (r) => quotient(rateOf(r, 'hotWallet'), rateOf(r, 'authorize')),
  },
  {
    name: 'pairs ÷ authorize',
    bound: '≥',
    limit: 0.45,
    of: (r) => quotient(rateOf(r, 'pairs'), rateOf(r, 'authorize')),
  },
  {
    name: 'payment links ÷ authorize',
    bound: '≥',
    limit: 0.5,
    of: (r) => quotient(rateOf(r, 'links'), rateOf(r, 'authorize')),
  },
];

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function main(undo: Undo): Promise<void> {
  const server = await startDatabase();
  undo.push(() => server.stop());
  const database = await createDatabase(server.url, 'product');
  undo.push(() => database.drop());
  const pgbench = quick || options.only !== '' ? null : await PgbenchColumn.prepare(server.url);
  if (pgbench !== null) undo.push(() => pgbench.drop());
  else
    say('pgbench is not measured: not installed (it comes with PostgreSQL), or --quick or --only was given');

  const product = await startProduct(
    { DATABASE_URL: database.url, SECRET_KEY, PORT: '0', LOG_LEVEL: 'warn' },
    options['server-option'],
  );
  undo.push(() => product.stop());
  await seedWallets(database.url, SECRET_KEY, wallets);
  const empty = await startEmptyHandler();
  undo.push(() => empty.stop());
  const load = new LoadGenerator(wallets);
  undo.push(() => load.stop());

  // Until V8 has compiled the hot path: a server that has run for a while is what counts.
  const warmUp = { url: product.url, scenario: 'pairs', connections: MOST, warmUpMs: 0 } as const;
  await load.run({ ...warmUp, measureMs: quick ? 500 : 10_000 }, () => undefined);
  const done: Round[] = [];
  for (let number = 1; number <= rounds; number += 1) {
    say(`round ${number} of ${rounds}`);
    await server.checkpoint();
    done.push(await measureRound(load, product, empty, database.url, pgbench));
  }
  const version = (await query(database.url, 'SHOW server_version')).rows[0].server_version;
  say(`\n${machineOf(version)}\n\n${tableOf([...CASES, EMPTY], done)}\n`);
  if (!quick) say(`${goalsOf(GOALS, done)}\n`);
  say(await checkLedger(database.url));
}

async function measureRound(
  load: LoadGenerator,
  product: WebServer,
  empty: WebServer,
  databaseUrl: string,
  pgbench: PgbenchColumn | null,
): Promise<Round> {
  const samples: Sample[] = [];
  for (const each of CASES) {
    samples.push(await measureCase(load, product, databaseUrl, each));
  }
  const bare = await measureCase(load, empty, databaseUrl, EMPTY);
  const bank = (await pgbench?.measure(measureMs / 1_000)) ?? null;
  if (bank !== null) say(`  pgbench TPC-B: ${Math.round(bank.rate)}/s with ${bank.clients} clients`);
  return { samples: [...samples, bare], empty: bare.rate, pgbench: bank?.rate ?? null };
}

async function measureCase(
  load: LoadGenerator,
  server: WebServer,
  databaseUrl: string,
  { name, scenario, connections }: Case,
): Promise<Sample> {
  let before = cpuSeconds(server.pid, databaseUrl);
  const measured = await load.run({ url: server.url, scenario, connections, warmUpMs, measureMs }, () => {
    before = cpuSeconds(server.pid, databaseUrl);
  });
  const [from, to] = [await before, await cpuSeconds(server.pid, databaseUrl)];
  const micros = (a: number | null, b: number | null): number | null =>
    a === null || b === null ? null : ((b - a) * 1e6) / measured.units;
  const sample = {
    ...measured,
    nodeMicros: micros(from.node, to.node),
    postgresMicros: micros(from.postgres, to.postgres),
  };
  say(
    `  ${name}, ${connections} connections: ${Math.round(sample.rate)}/s, p50 ${sample.p50Ms.toFixed(1)} ms, p99 ${sample.p99Ms.toFixed(1)} ms, ` +
      `Node ${sample.nodeMicros?.toFixed(1)} µs, PostgreSQL ${sample.postgresMicros?.toFixed(1)} µs, load generator ${percent(sample.loadCpu)} of a core`,
  );
  return sample;
}

function percent(part: number): string {
  return `${Math.round(part * 100)} %`;
}

await runAndUndo(main);
if (options.only === '' && process.exitCode === undefined)
  await runAndUndo((undo) =>
    benchWebhooks(undo, {
      ...{ rounds, seconds: measureMs / 1_000, serverOptions: options['server-option'] },
    }),
  );
