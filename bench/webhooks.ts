/**
 * `npm run bench:webhooks`, and the end of `npm run bench`: how fast one node delivers webhooks to one endpoint,
 * and what that costs the authorizations that they tell of. Two webhooks per authorization: created, authorized.
 *
 *   load generator ──HTTP──► the server ──HTTP──► sink
 *                                │ PostgreSQL, which notes when each transaction commits
 */
import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs, promisify } from 'node:util';
import pg from 'pg';
import { isStatusChange } from '../packages/server/src/core/history.ts';
import { messageIdOf } from '../packages/server/src/core/values/ids.ts';
import { ADVISORY_LOCKS } from '../packages/server/src/postgres/advisoryLocks.ts';
import { checkLedger } from './checkLedger.ts';
import { cpuSeconds } from './cpu.ts';
import { createDatabase, query, seedWallets, startDatabase } from './database.ts';
import type { Measurement } from './load.ts';
import { LoadGenerator, Sink, startProduct, type WebServer } from './processes.ts';
import { type Goal, goalsOf, machineOf, median, row, tenths, whole } from './report.ts';
import { runAndUndo, type Undo } from './undo.ts';

const SECRET_KEY = 'a key for benchmarks, of no use elsewhere';
const API_KEY = 'pr_test_demo';
const WALLETS = 20_000;
/** Authorizations a second, and at half the load. */
const STEADY = 1_500;
const HALF = STEADY / 2;
/** So many that replies are never what a unit of the steady rate waits for. */
const CONNECTIONS = 256;
const WARM_UP_MS = 1_500;
/** For what is left when the load has ended. */
const DRAIN_LIMIT_MS = 60_000;

export interface WebhookOptions {
  readonly rounds: number;
  readonly seconds: number;
  readonly serverOptions: readonly string[];
}

/** Per unit: a delivery of the backlog, else an authorization. Times in milliseconds, CPU in microseconds. */
interface Figures {
  readonly rate: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly nodeMicros: number | null;
  readonly postgresMicros: number | null;
}

interface Steady {
  readonly halfLoad: Figures;
  readonly without: Figures;
  readonly subscribed: Figures;
  readonly fullLoad: Figures;
  /** Deliveries a second by which the queue grew under full load. */
  readonly growth: number;
}

interface Round extends Steady {
  readonly backlog: Figures;
}

/** Milliseconds since the epoch. */
interface Delivery {
  readonly committed: number;
  readonly arrived: number;
}

interface Node {
  readonly load: LoadGenerator;
  readonly product: WebServer;
  readonly sink: Sink;
  readonly databaseUrl: string;
}

const GOALS: readonly Goal<Round>[] = [
  { name: 'deliveries a second from a backlog', bound: '≥', limit: 3_000, of: (r) => r.backlog.rate },
  { name: 'commit to sink at half that, p50 ms', bound: '≤', limit: 20, of: (r) => r.halfLoad.p50Ms },
  { name: 'commit to sink at half that, p99 ms', bound: '≤', limit: 100, of: (r) => r.halfLoad.p99Ms },
  {
    name: 'p99 of authorize with ÷ without an endpoint',
    ...{ bound: '≤', limit: 1.5 },
    of: (r) => (r.subscribed.p99Ms ?? Number.NaN) / (r.without.p99Ms ?? Number.NaN),
  },
  // 1 % of what comes in.
  { name: 'growth of the queue, deliveries a second', bound: '≤', limit: 30, of: (r) => r.growth },
];

const ROWS: readonly (readonly [name: string, of: (round: Round) => Figures])[] = [
  ['deliveries from a backlog', (r) => r.backlog],
  [`deliveries at ${HALF} authorizations/s: from the commit to the sink`, (r) => r.halfLoad],
  ['authorize, no endpoint', (r) => r.without],
  ['authorize, one endpoint', (r) => r.subscribed],
  ['its deliveries: from the commit to the sink', (r) => r.fullLoad],
];

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Measures, and prints the report. @throws Error when a webhook is missing or out of order, or money is */
export async function benchWebhooks(undo: Undo, options: WebhookOptions): Promise<void> {
  const server = await startDatabase({ track_commit_timestamp: 'on' });
  undo.push(() => server.stop());
  if ((await query(server.url, 'SHOW track_commit_timestamp')).rows[0].track_commit_timestamp !== 'on')
    return say('Webhooks are not measured: BENCH_DATABASE_URL has track_commit_timestamp off');
  const database = await createDatabase(server.url, 'webhooks');
  undo.push(() => database.drop());
  const product = await startProduct(
    { DATABASE_URL: database.url, SECRET_KEY, PORT: '0', LOG_LEVEL: 'warn' },
    options.serverOptions,
  );
  undo.push(() => product.stop());
  await seedWallets(database.url, SECRET_KEY, WALLETS);
  const load = new LoadGenerator(WALLETS);
  undo.push(() => load.stop());
  const sink = await Sink.start();
  undo.push(() => sink.stop());
  const node = { load, product, sink, databaseUrl: database.url };

  const ms = options.seconds * 1_000;
  // Until V8 has compiled the hot path, as in the other benchmarks.
  await subscribed(node, () => authorize(node, { measureMs: ms }));
  const steady: Steady[] = [];
  for (let number = 1; number <= options.rounds; number += 1) {
    say(`webhooks at a steady rate, round ${number} of ${options.rounds}`);
    steady.push(await measureSteady(node, ms, number % 2 === 0));
  }
  const rounds: Round[] = [];
  for (const round of steady) rounds.push({ ...round, backlog: await measureBacklog(node, ms / 2) });
  const version = (await query(database.url, 'SHOW server_version')).rows[0].server_version;
  say(`\nWebhooks: ${machineOf(version)}\n\n${tableOf(rounds)}\n\n${goalsOf(GOALS, rounds)}\n`);
  say(`Every event was delivered, in order per transaction. ${await checkLedger(database.url)}`);
}

/**
 * Has Linux write to the disk what is still in memory of what came before. It would do so by itself up to 30 s later,
 * and hold up commits for 50 to 100 ms in whichever part that falls: one such wait is one per cent of a part.
 */
async function writtenOut(): Promise<void> {
  if (process.platform === 'linux') await promisify(execFile)('sync');
}

async function measureSteady(node: Node, measureMs: number, subscribedFirst: boolean): Promise<Steady> {
  await writtenOut();
  const half = await subscribed(node, () => authorize(node, { perSecond: HALF, measureMs }));
  const halfLoad = told('half the load, deliveries', deliveriesOf(half.result, half.deliveries));
  const steady = { perSecond: STEADY, measureMs };
  const alone = async (): Promise<Figures> => {
    await writtenOut();
    return told('no endpoint', (await authorize(node, steady)).figures);
  };
  const before = subscribedFirst ? null : await alone();
  await writtenOut();
  const { result, deliveries } = await subscribed(node, () => authorize(node, steady));
  told('one endpoint', result.figures);
  const fullLoad = told('its deliveries', deliveriesOf(result, deliveries));
  const growth = growthOf(deliveries, result.from, result.to);
  say(`  the queue grows by ${growth.toFixed(1)} a second`);
  return { halfLoad, without: before ?? (await alone()), subscribed: result.figures, fullLoad, growth };
}

/** One run of the load generator, and when it was measured: milliseconds since the epoch. */
interface Authorized {
  readonly figures: Figures;
  readonly from: number;
  readonly to: number;
}

async function authorize(
  { load, product, databaseUrl }: Node,
  plan: { readonly measureMs: number; readonly perSecond?: number },
): Promise<Authorized> {
  const noted = { from: 0, cpu: cpuSeconds(product.pid, databaseUrl) };
  const measured: Measurement = await load.run(
    { url: product.url, scenario: 'oneMerchant', connections: CONNECTIONS, warmUpMs: WARM_UP_MS, ...plan },
    () => Object.assign(noted, { from: Date.now(), cpu: cpuSeconds(product.pid, databaseUrl) }),
  );
  const cpu = await microsSince(product, databaseUrl, await noted.cpu, measured.units);
  return { figures: { ...measured, ...cpu }, from: noted.from, to: noted.from + plan.measureMs };
}

/** Lets events pile up while nobody may fan them out, as if all nodes had been away, then delivers them. */
async function measureBacklog(node: Node, pileUpMs: number): Promise<Figures> {
  const { product, databaseUrl } = node;
  const { result, deliveries } = await subscribed(node, async () => {
    const holder = new pg.Client({ connectionString: databaseUrl });
    await holder.connect();
    try {
      await holder.query('SELECT pg_advisory_lock($1)', [ADVISORY_LOCKS.fanOut]);
      await authorize(node, { measureMs: pileUpMs });
      return { from: Date.now(), cpu: await cpuSeconds(product.pid, databaseUrl) };
    } finally {
      await holder.end();
    }
  });
  const last = deliveries.reduce((latest, { arrived }) => Math.max(latest, arrived), 0);
  const rate = deliveries.length / ((last - result.from) / 1_000);
  const cpu = await microsSince(product, databaseUrl, result.cpu, deliveries.length);
  return told('backlog', { rate, p50Ms: null, p99Ms: null, ...cpu });
}

async function microsSince(
  { pid }: WebServer,
  databaseUrl: string,
  from: Awaited<ReturnType<typeof cpuSeconds>>,
  units: number,
): Promise<Pick<Figures, 'nodeMicros' | 'postgresMicros'>> {
  const to = await cpuSeconds(pid, databaseUrl);
  const micros = (a: number | null, b: number | null): number | null =>
    a === null || b === null ? null : ((b - a) * 1e6) / units;
  return { nodeMicros: micros(from.node, to.node), postgresMicros: micros(from.postgres, to.postgres) };
}

/** Runs `work` with an endpoint, and waits until each of its events has been delivered, in order. */
async function subscribed<T>(
  { product, sink, databaseUrl }: Node,
  work: () => Promise<T>,
): Promise<{ result: T; deliveries: readonly Delivery[] }> {
  const mark = (await query(databaseUrl, 'SELECT coalesce(max(round), 0) AS round FROM event')).rows[0].round;
  const { id } = await call(product, 'POST', '', { url: `${sink.url}/hook` });
  const result = await work();
  const events = await committedSince(databaseUrl, mark);
  const isPending = async (): Promise<boolean> =>
    (await sink.count()) < events.size ||
    (await query(databaseUrl, 'SELECT FROM webhook_lane LIMIT 1')).rowCount !== 0;
  for (const limit = Date.now() + DRAIN_LIMIT_MS; await isPending(); await sleep(50))
    if (Date.now() > limit) throw new Error(`${await sink.count()} webhooks came of ${events.size}`);
  await call(product, 'DELETE', `/${id}`);
  const { ids, at } = await sink.take();
  const arrived = new Map<string, number>();
  for (const [i, messageId] of ids.entries())
    if (!arrived.has(messageId)) arrived.set(messageId, at[i] ?? Number.NaN);
  return { result, deliveries: deliveriesInOrder(events, arrived) };
}

interface CommittedEvent {
  readonly transactionId: string;
  readonly seq: number;
  readonly committed: number;
}

/** What was to be delivered, by `webhook-id`. A commit's time is taken just before it is written to the disk. */
async function committedSince(
  databaseUrl: string,
  round: string,
): Promise<ReadonlyMap<string, CommittedEvent>> {
  const { rows } = await query(
    databaseUrl,
    `SELECT transaction_id AS "transactionId", e.seq, e.name, e.status,
       (extract(epoch FROM pg_xact_commit_timestamp(event.xmin)) * 1000)::float8 AS committed
     FROM event CROSS JOIN LATERAL (SELECT seq, name, status UNION ALL
       SELECT 1, 'transaction.created', 'created' WHERE with_created) e
     WHERE round > $1 ORDER BY transaction_id, e.seq`,
    [round],
  );
  return new Map(rows.filter(isStatusChange).map((event) => [messageIdOf(event), event]));
}

/**
 * @param events of a transaction in their order
 * @param arrived when each came first
 */
function deliveriesInOrder(
  events: ReadonlyMap<string, CommittedEvent>,
  arrived: ReadonlyMap<string, number>,
): Delivery[] {
  const position = new Map([...arrived.keys()].map((id, i) => [id, i]));
  if (arrived.size > events.size) throw new Error(`${arrived.size} webhooks came of ${events.size} events`);
  let before = { transactionId: '', position: 0 };
  return Array.from(events, ([id, { transactionId, committed }]) => {
    const [at, came] = [arrived.get(id), position.get(id)];
    if (at === undefined || came === undefined) throw new Error(`the webhook ${id} never came`);
    if (before.transactionId === transactionId && before.position > came)
      throw new Error(`the webhook ${id} came before an earlier one of its transaction`);
    before = { transactionId, position: came };
    return { committed, arrived: at };
  });
}

function deliveriesOf({ from, to }: Authorized, all: readonly Delivery[]): Figures {
  const measured = all.filter(({ committed }) => committed >= from && committed < to);
  const lags = measured.map(({ committed, arrived }) => arrived - committed).sort((a, b) => a - b);
  const at = (part: number): number => lags[Math.floor(lags.length * part)] ?? Number.NaN;
  const rate = measured.length / ((to - from) / 1_000);
  return { rate, p50Ms: at(0.5), p99Ms: at(0.99), nodeMicros: null, postgresMicros: null };
}

/** How often the queue's length is taken. */
const POINTS = 200;

/** From the first half's mean length of the queue to the second's, per second. */
function growthOf(deliveries: readonly Delivery[], from: number, to: number): number {
  const lengths = Array.from({ length: POINTS }, (_, i) => {
    const time = from + ((to - from) * i) / POINTS;
    return deliveries.filter(({ committed, arrived }) => committed <= time && arrived > time).length;
  });
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
  const [first, second] = [lengths.slice(0, POINTS / 2), lengths.slice(POINTS / 2)];
  return (mean(second) - mean(first)) / ((to - from) / 2_000);
}

async function call(
  { url }: WebServer,
  method: string,
  path: string,
  body?: Readonly<Record<string, unknown>>,
): Promise<{ readonly id: string }> {
  const response = await fetch(`${url}/v1/webhook-endpoints${path}`, {
    method,
    headers: {
      authorization: API_KEY,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path} was answered ${response.status}: ${text}`);
  return text === '' ? { id: '' } : JSON.parse(text);
}

function told(name: string, figures: Figures): Figures {
  say(`  ${name}: ${cellsOf(HEADINGS.map(([, of]) => of(figures))).join(', ')}`);
  return figures;
}

const HEADINGS: readonly (readonly [name: string, of: (figures: Figures) => number | null])[] = [
  ['per second', (f) => f.rate],
  ['p50 ms', (f) => f.p50Ms],
  ['p99 ms', (f) => f.p99Ms],
  ['CPU µs Node', (f) => f.nodeMicros],
  ['CPU µs PostgreSQL', (f) => f.postgresMicros],
];

function cellsOf(values: readonly (number | null)[]): string[] {
  return values.map((value, i) => (HEADINGS[i]?.[0].endsWith(' ms') ? tenths(value) : whole(value)));
}

function tableOf(rounds: readonly Round[]): string {
  const lines = ROWS.map(([name, of]) => {
    const values = HEADINGS.map(([, pick]) => {
      const known = rounds.map((round) => pick(of(round))).filter((value) => value !== null);
      return known.length === 0 ? null : median(known);
    });
    return row([name, ...cellsOf(values)]);
  });
  return [row(['', ...HEADINGS.map(([name]) => name)]), '|---|--:|--:|--:|--:|--:|', ...lines].join('\n');
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '11' },
      seconds: { type: 'string', default: '5' },
      'server-option': { type: 'string', multiple: true, default: [] },
    },
  });
  const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)];
  await runAndUndo((undo) =>
    benchWebhooks(undo, { rounds, seconds, serverOptions: values['server-option'] }),
  );
}
