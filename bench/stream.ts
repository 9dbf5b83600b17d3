/**
 * `node bench/stream.ts`: what open event streams cost the authorizations of other merchants, and how long
 * after its decision an event is on a busy merchant's stream. Alternating, so that the machine's other
 * work hits both sides; look at the medians.
 */
import { get, type IncomingMessage } from 'node:http';
import { parseArgs } from 'node:util';
import { hashApiKey } from '../packages/server/src/installation/secrets.ts';
import { cpuSeconds } from './cpu.ts';
import { createDatabase, query, seedWallets, startDatabase } from './database.ts';
import { LoadGenerator, startProduct, type WebServer } from './processes.ts';
import { median } from './report.ts';
import { runAndUndo, type Undo } from './undo.ts';

const { values: options } = parseArgs({
  options: {
    streams: { type: 'string', default: '500' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '5' },
    connections: { type: 'string', default: '256' },
  },
});

const SECRET_KEY = 'a key for benchmarks, of no use elsewhere';
const WALLETS = 20_000;
const CASES = ['no stream', 'idle merchants', 'busy merchant'] as const;

interface Sample {
  readonly rate: number;
  readonly p99Ms: number;
  readonly nodeMicros: number;
  readonly postgresMicros: number;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Merchants that take no payments, each with a key. */
async function createMerchants(databaseUrl: string, count: number): Promise<string[]> {
  const keys = Array.from({ length: count }, (_, i) => `pr_test_stream_${i}`);
  await query(
    databaseUrl,
    `WITH m AS MATERIALIZED (SELECT gen_random_uuid() AS id, gen_random_uuid() AS key, h FROM unnest($1::bytea[]) h),
      merchants AS (INSERT INTO merchant (id, name, created_at) SELECT id, 'Idle Store', now() FROM m)
    INSERT INTO api_key (id, merchant_id, name, hash, hint, scopes, created_at)
      SELECT key, id, 'stream', h, 'stream', '{read}', now() FROM m`,
    [keys.map(hashApiKey)],
  );
  return keys;
}

function openStream(url: string, apiKey: string, onText: (text: string) => void): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const options = { headers: { authorization: apiKey }, agent: false };
    const request = get(`${url}/v1/transactions/stream`, options, (response) => {
      if (response.statusCode !== 200) reject(new Error(`a stream was answered ${response.statusCode}`));
      response.setEncoding('utf8').on('data', onText);
      response.on('error', () => undefined);
      resolve(response);
    });
    request.on('error', reject);
  });
}

async function measure(load: LoadGenerator, product: WebServer, databaseUrl: string): Promise<Sample> {
  let before = cpuSeconds(product.pid, databaseUrl);
  const measured = await load.run(
    {
      ...{ url: product.url, scenario: 'authorize', warmUpMs: 1_500 },
      ...{ connections: Number(options.connections), measureMs: Number(options.seconds) * 1_000 },
    },
    () => {
      before = cpuSeconds(product.pid, databaseUrl);
    },
  );
  const [from, to] = [await before, await cpuSeconds(product.pid, databaseUrl)];
  const micros = (a: number | null, b: number | null): number =>
    (((b ?? Number.NaN) - (a ?? Number.NaN)) * 1e6) / measured.units;
  return {
    ...{ rate: measured.rate, p99Ms: measured.p99Ms },
    ...{ nodeMicros: micros(from.node, to.node), postgresMicros: micros(from.postgres, to.postgres) },
  };
}

/** Milliseconds from decisions to the stream. */
const latencies: number[] = [];

function noteLatencies(text: string): void {
  const now = Date.now();
  for (const [, time = ''] of text.matchAll(/"updatedAt":"([^"]+)"/g)) latencies.push(now - Date.parse(time));
}

async function main(undo: Undo): Promise<void> {
  const server = await startDatabase();
  undo.push(() => server.stop());
  const database = await createDatabase(server.url, 'stream');
  undo.push(() => database.drop());
  const product = await startProduct(
    { DATABASE_URL: database.url, SECRET_KEY, PORT: '0', LOG_LEVEL: 'warn' },
    [],
  );
  undo.push(() => product.stop());
  const load = new LoadGenerator(WALLETS);
  undo.push(() => load.stop());
  await seedWallets(database.url, SECRET_KEY, WALLETS);
  const keys = await createMerchants(database.url, Number(options.streams));
  await measure(load, product, database.url);
  const samples = new Map<string, Sample[]>(CASES.map((name) => [name, []]));
  for (let round = 1; round <= Number(options.rounds); round += 1) {
    // Another first in each round: what else the machine does may come and go in the rounds' own rhythm.
    for (const name of [...CASES.slice(round % 3), ...CASES.slice(0, round % 3)]) {
      const wanted = name === 'no stream' ? [] : name === 'idle merchants' ? keys : ['pr_test_demo'];
      const streams = await Promise.all(wanted.map((key) => openStream(product.url, key, noteLatencies)));
      const sample = await measure(load, product, database.url);
      for (const stream of streams) stream.destroy();
      samples.get(name)?.push(sample);
      say(`round ${round}, ${streams.length} × ${name}: ${rowOf(sample)}`);
    }
  }
  report(samples);
}

function rowOf({ rate, p99Ms, nodeMicros, postgresMicros }: Sample): string {
  return `${rate.toFixed(0)}/s, p99 ${p99Ms.toFixed(0)} ms, Node ${nodeMicros.toFixed(0)} µs, PostgreSQL ${postgresMicros.toFixed(0)} µs`;
}

/** Each ratio is taken within a round. */
function report(samples: ReadonlyMap<string, readonly Sample[]>): void {
  const base = samples.get('no stream') ?? [];
  say(`\n| ${options.streams} streams | per second ÷ without | CPU µs ÷ without |\n|---|--:|--:|`);
  for (const name of CASES.slice(1)) {
    const ratios = (of: (sample: Sample) => number): string => {
      const values = (samples.get(name) ?? []).map((sample, i) => {
        const without = base[i];
        return without === undefined ? Number.NaN : of(sample) / of(without);
      });
      return median(values).toFixed(3);
    };
    const cpu = ratios((sample) => sample.nodeMicros + sample.postgresMicros);
    say(`| ${name} | ${ratios((sample) => sample.rate)} | ${cpu} |`);
  }
  const sorted = latencies.sort((a, b) => a - b);
  const at = (part: number): number => sorted[Math.floor(sorted.length * part)] ?? Number.NaN;
  say(
    `\n${sorted.length} events of the busy merchant, from the decision to the stream: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`,
  );
}

await runAndUndo(main);
