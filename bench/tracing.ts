/**
 * What traces cost an authorization: without them, with 1 % of all traces recorded, and with all of them. With so
 * many connections that batches are full: however little of the machine the server has, its work for each payment is the same.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { recordedSpan } from '../packages/server/src/postgres/spans.ts';
import { cpuSeconds } from './cpu.ts';
import { createDatabase, seedWallets, startDatabase } from './database.ts';
import { LoadGenerator, startProduct } from './processes.ts';
import { runAndUndo, type Undo } from './undo.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '5' },
    modes: { type: 'string', default: 'off,0.01,1' },
  },
});
const SECRET_KEY = 'the secret key of the benchmark of traces';
const WALLETS = 10_000;
const CONNECTIONS = 256;

/** Takes spans, and throws them away. */
async function startCollector(undo: Undo): Promise<string> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.end());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  undo.push(async () => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** What an authorization pays for a look at whether anything is recorded, of which it has a few: in nanoseconds, without traces. */
function nanosOfLook(): number {
  const count = 5_000_000;
  let recorded = 0;
  const times = Array.from({ length: 5 }, () => {
    const before = process.cpuUsage();
    for (let i = 0; i < count; i += 1) if (recordedSpan() !== null) recorded += 1;
    const { user, system } = process.cpuUsage(before);
    return ((user + system) * 1_000) / count;
  });
  if (recorded > 0) throw new Error('something is recorded without tracing');
  return Math.min(...times);
}

function environmentOf(mode: string, collector: string): Record<string, string> {
  if (mode === 'off') return {};
  return {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector,
    OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
    OTEL_TRACES_SAMPLER_ARG: mode,
  };
}

interface Cost {
  readonly micros: number;
  readonly postgresMicros: number;
}

async function main(undo: Undo): Promise<void> {
  const server = await startDatabase();
  undo.push(() => server.stop());
  const collector = await startCollector(undo);
  const load = new LoadGenerator(WALLETS);
  undo.push(() => load.stop());
  const modes = options.modes.split(',');
  const costs = new Map<string, Cost[]>(modes.map((mode) => [mode, []]));
  for (let round = 0; round < Number(options.rounds); round += 1)
    for (const mode of modes) costs.get(mode)?.push(await measure(server.url, load, mode, collector));
  for (const [mode, all] of costs) {
    const median = (of: (cost: Cost) => number): number =>
      all.map(of).sort((a, b) => a - b)[all.length >> 1] ?? 0;
    process.stdout.write(
      `${mode}: Node ${median(({ micros }) => micros).toFixed(0)} µs, PostgreSQL ${median((cost) => cost.postgresMicros).toFixed(0)} µs an authorization\n`,
    );
  }
  process.stdout.write(`a look, without traces: ${nanosOfLook().toFixed(0)} ns\n`);
}

async function measure(
  serverUrl: string,
  load: LoadGenerator,
  mode: string,
  collector: string,
): Promise<Cost> {
  const database = await createDatabase(serverUrl, 'tracing');
  const environment = { DATABASE_URL: database.url, SECRET_KEY, PORT: '0', LOG_LEVEL: 'warn' };
  const product = await startProduct({ ...environment, ...environmentOf(mode, collector) }, []);
  try {
    await seedWallets(database.url, SECRET_KEY, WALLETS);
    let before = cpuSeconds(product.pid, database.url);
    const measured = await load.run(
      {
        ...{
          url: product.url,
          scenario: 'authorize',
          connections: CONNECTIONS,
        },
        ...{ warmUpMs: 5_000, measureMs: Number(options.seconds) * 1_000 },
      },
      () => {
        before = cpuSeconds(product.pid, database.url);
      },
    );
    const [from, to] = [await before, await cpuSeconds(product.pid, database.url)];
    const micros = (a: number | null, b: number | null): number =>
      (((b ?? 0) - (a ?? 0)) * 1e6) / measured.units;
    const cost = {
      micros: micros(from.node, to.node),
      postgresMicros: micros(from.postgres, to.postgres),
    };
    process.stdout.write(`  ${mode}: ${JSON.stringify(cost)}\n`);
    return cost;
  } finally {
    await product.stop();
    await database.drop();
  }
}

await runAndUndo(main);
