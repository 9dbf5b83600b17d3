/**
 * `node bench/workers.ts`: what an authorization costs, and how large batches are, with one process and with several
 * workers (`WORKERS`), alternating. Processor time and the size of batches hardly depend on what else the machine does;
 * rates do.
 */
import { parseArgs } from 'node:util';
import { checkLedger } from './checkLedger.ts';
import { cpuSeconds } from './cpu.ts';
import { createDatabase, seedWallets, startDatabase } from './database.ts';
import { LoadGenerator, startProduct } from './processes.ts';
import { median } from './report.ts';
import { runAndUndo, type Undo } from './undo.ts';

const { values: options } = parseArgs({
  options: {
    /** Workers, and lanes of all of them together, as in 2x4. */
    cases: { type: 'string', default: '1x2,2x2,2x4,4x4,4x8' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '4' },
    connections: { type: 'string', default: '256' },
  },
});

const SECRET_KEY = 'a key for benchmarks, of no use elsewhere';
const WALLETS = 20_000;

interface Sample {
  readonly rate: number;
  readonly p99Ms: number;
  readonly nodeMicros: number;
  readonly postgresMicros: number;
  readonly batch: number;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Commands and batches so far, of all workers. */
async function readBatches(url: string): Promise<{ commands: number; batches: number }> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const value = (name: string): number =>
    Number(new RegExp(`^plexy_engine_batch_size_${name} (\\S+)`, 'm').exec(text)?.[1]);
  return { commands: value('sum'), batches: value('count') };
}

async function measure(load: LoadGenerator, databaseUrl: string, name: string): Promise<Sample> {
  const [workers = '1', lanes = '2'] = name.split('x');
  const product = await startProduct(
    {
      ...{ DATABASE_URL: databaseUrl, SECRET_KEY, PORT: '0', LOG_LEVEL: 'warn' },
      ...{ WORKERS: workers, BATCH_LANES: lanes },
    },
    [],
  );
  try {
    const begin = async () => ({
      cpu: await cpuSeconds(product.pid, databaseUrl),
      batches: await readBatches(product.url),
    });
    let before = begin();
    const measured = await load.run(
      {
        ...{ url: product.url, scenario: 'authorize', warmUpMs: 4_000 },
        ...{ connections: Number(options.connections), measureMs: Number(options.seconds) * 1_000 },
      },
      () => {
        before = begin();
      },
    );
    const [from, to] = [await before, await begin()];
    const micros = (a: number | null, b: number | null): number =>
      (((b ?? Number.NaN) - (a ?? Number.NaN)) * 1e6) / measured.units;
    return {
      ...{ rate: measured.rate, p99Ms: measured.p99Ms },
      nodeMicros: micros(from.cpu.node, to.cpu.node),
      postgresMicros: micros(from.cpu.postgres, to.cpu.postgres),
      batch: (to.batches.commands - from.batches.commands) / (to.batches.batches - from.batches.batches),
    };
  } finally {
    await product.stop();
  }
}

async function main(undo: Undo): Promise<void> {
  const server = await startDatabase();
  undo.push(() => server.stop());
  const database = await createDatabase(server.url, 'workers');
  undo.push(() => database.drop());
  const first = await startProduct(
    { DATABASE_URL: database.url, SECRET_KEY, PORT: '0', LOG_LEVEL: 'warn' },
    [],
  );
  await seedWallets(database.url, SECRET_KEY, WALLETS);
  await first.stop();
  const load = new LoadGenerator(WALLETS);
  undo.push(() => load.stop());
  const names = options.cases.split(',');
  const samples = new Map<string, Sample[]>(names.map((name) => [name, []]));
  for (let round = 0; round < Number(options.rounds); round += 1) {
    const turn = round % names.length;
    for (const name of [...names.slice(turn), ...names.slice(0, turn)]) {
      const sample = await measure(load, database.url, name);
      samples.get(name)?.push(sample);
      say(
        `round ${round + 1}, ${name}: ${sample.rate.toFixed(0)}/s, p99 ${sample.p99Ms.toFixed(0)} ms, Node ${sample.nodeMicros.toFixed(0)} µs, PostgreSQL ${sample.postgresMicros.toFixed(0)} µs, ${sample.batch.toFixed(1)} a batch`,
      );
    }
  }
  report(names, samples);
  say(await checkLedger(database.url));
}

/** Medians; ratios are to the first case, within each round. */
function report(names: readonly string[], samples: ReadonlyMap<string, readonly Sample[]>): void {
  const base = samples.get(names[0] ?? '') ?? [];
  say(
    `\n| workers, lanes in all | rate ÷ first | Node µs | PostgreSQL µs | CPU ÷ first | commands a batch |\n|---|--:|--:|--:|--:|--:|`,
  );
  for (const name of names) {
    const own = samples.get(name) ?? [];
    const of = (value: (sample: Sample) => number): number => median(own.map(value));
    const ratio = (value: (sample: Sample) => number): string =>
      median(own.map((sample, i) => value(sample) / value(base[i] ?? sample))).toFixed(2);
    const cpu = (sample: Sample): number => sample.nodeMicros + sample.postgresMicros;
    say(
      `| ${name.replace('x', ', ')} | ${ratio(({ rate }) => rate)} | ${of((s) => s.nodeMicros).toFixed(0)} | ${of((s) => s.postgresMicros).toFixed(0)} | ${ratio(cpu)} | ${of((s) => s.batch).toFixed(1)} |`,
    );
  }
}

await runAndUndo(main);
