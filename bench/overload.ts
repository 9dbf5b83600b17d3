/**
 * `npm run bench:overload`: what a node does when three times as much comes as it can do, and how late answers are at half of
 * what it can do.
 *
 *   the peak ─► half of it ─► 3 × for a minute, /ready asked every 200 ms ─► half of it again, second by second
 */
import { parseArgs } from 'node:util';
import { checkLedger } from './checkLedger.ts';
import { createDatabase, query, seedWallets, startDatabase } from './database.ts';
import type { Measurement } from './load.ts';
import { LoadGenerator, startProduct } from './processes.ts';
import { machineOf } from './report.ts';
import { runAndUndo, type Undo } from './undo.ts';

const { values: options } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, wallets: { type: 'string', default: '100000' } },
});
const SECRET_KEY = 'a key for benchmarks, of no use elsewhere';
const CONNECTIONS = 256;
/** Enough of them that requests come however long answers take: in a closed loop nothing would be too much. */
const CROWD = 2_000;
const READY_EVERY_MS = 200;
const SECONDS_AFTER = 6;

interface ReadyAnswers {
  readonly stop: () => Promise<{ asked: number; ready: number; worstMs: number }>;
}

/** Asks a node whether it is ready, as a load balancer does, on a connection for each question. */
function askReady(url: string): ReadyAnswers {
  let asked = 0;
  let ready = 0;
  let worstMs = 0;
  let stopped = false;
  const asking = (async () => {
    while (!stopped) {
      const askedAt = performance.now();
      const headers = { connection: 'close' };
      const status = await fetch(`${url}/ready`, { headers, signal: AbortSignal.timeout(5_000) }).then(
        ({ status }) => status,
        () => 0,
      );
      asked += 1;
      if (status === 200) ready += 1;
      worstMs = Math.max(worstMs, performance.now() - askedAt);
      await new Promise((resolve) => setTimeout(resolve, READY_EVERY_MS));
    }
  })();
  return {
    stop: async () => {
      stopped = true;
      await asking;
      return { asked, ready, worstMs };
    },
  };
}

function say(name: string, { rate, p50Ms, p99Ms, shedRate, shedP99Ms }: Measurement): void {
  const shed = shedRate === 0 ? '' : `; shed ${Math.round(shedRate)}/s, p99 ${shedP99Ms.toFixed(0)} ms`;
  process.stdout.write(
    `${name}: ${Math.round(rate)}/s, p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms${shed}\n`,
  );
}

async function main(undo: Undo): Promise<void> {
  const server = await startDatabase();
  undo.push(() => server.stop());
  const { url } = await createDatabase(server.url, 'overload');
  const environment = { DATABASE_URL: url, SECRET_KEY, PORT: '0', LOG_LEVEL: 'warn' };
  const product = await startProduct(environment, []);
  undo.push(() => product.stop());
  await seedWallets(url, SECRET_KEY, Number(options.wallets));
  await server.checkpoint();
  const load = new LoadGenerator(Number(options.wallets));
  undo.push(() => load.stop());
  const nothing = (): void => undefined;
  const plan = { url: product.url, warmUpMs: 2_000, connections: CONNECTIONS };

  const peak = await load.run({ ...plan, scenario: 'authorize', measureMs: 8_000 }, nothing);
  say('the peak, 256 connections', peak);
  const half = { ...plan, perSecond: peak.rate / 2 };
  say('half of it', await load.run({ ...half, scenario: 'authorize', measureMs: 10_000 }, nothing));

  const readiness = askReady(product.url);
  const measureMs = Number(options.seconds) * 1_000;
  const flood = { ...plan, scenario: 'overload', connections: CROWD, perSecond: 3 * peak.rate } as const;
  say('3 × the peak', await load.run({ ...flood, measureMs }, nothing));
  const { asked, ready, worstMs } = await readiness.stop();
  process.stdout.write(
    `/ready meanwhile: ${ready} of ${asked} times 200, at the latest after ${worstMs.toFixed(0)} ms\n`,
  );
  for (let second = 1; second <= SECONDS_AFTER; second += 1)
    say(
      `half again, second ${second}`,
      await load.run({ ...half, scenario: 'overload', warmUpMs: 0, measureMs: 1_000 }, nothing),
    );
  const { rows } = await query(url, 'SHOW server_version');
  const version: string = rows[0].server_version;
  process.stdout.write(`\n${machineOf(version)}\n${await checkLedger(url)}\n`);
}

await runAndUndo(main);
