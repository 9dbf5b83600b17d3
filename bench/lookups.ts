/**
 * `npm run bench:lookups`: how long each form of a list takes with 1,000 and with 1,000,000 transactions of
 * one merchant, over HTTP, one request at a time.
 */
import { createHash } from 'node:crypto';
import { parseArgs } from 'node:util';
import { createDatabase, query, startDatabase } from './database.ts';
import { startProduct } from './processes.ts';
import { machineOf } from './report.ts';
import { fillTransactions } from './transactions.ts';
import { runAndUndo, type Undo } from './undo.ts';

const { values: options } = parseArgs({
  options: {
    small: { type: 'string', default: '1000' },
    large: { type: 'string', default: '1000000' },
    /** Of each form; a tenth more comes before as a warm-up. */
    requests: { type: 'string', default: '200' },
  },
});

/** The seed's first merchant. */
const MERCHANT = '01900000-0000-7000-8000-000000000001';
const API_KEY = 'pr_test_demo';
const SECRET_KEY = 'a key for benchmarks, of no use elsewhere';

function uuidOf(text: string): string {
  const hex = createHash('md5').update(text).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** Forms of the list; `first` and `last` are when the oldest and the newest transaction were made. */
function formsOf(
  first: string,
  last: string,
  id: string,
  count: number,
): readonly (readonly [string, string])[] {
  return [
    ['newest 20', ''],
    ['newest 100', 'limit=100'],
    ['page 1', 'page=1'],
    ['page 50 of 20', `page=${Math.min(50, count / 20)}`],
    ['page 100 of 100', `page=${Math.min(100, count / 100)}&size=100`],
    ['status, frequent', 'status=charged'],
    ['status, several', 'status=SUCCESS,authorized'],
    ['status, none', 'status=3d'],
    ['status, numbered', 'status=charged&page=1'],
    ['type = refund', 'type=refund'],
    ['paymentMethod', 'paymentMethod=wallet'],
    ['currency, 1 in 2,000', 'currency=JPY'],
    ['currency, the oldest row only', 'currency=JOD'],
    ['orderReference', 'orderReference=ORDER-000000500'],
    ['customerId', `customerId=${uuidOf('customer 7920')}`],
    ['customerId, the oldest row only', `customerId=${uuidOf('customer 0')}`],
    ['storeId, frequent', `storeId=${uuidOf('store 1')}`],
    ['storeId, the oldest row only', `storeId=${uuidOf('store 9')}`],
    ['terminalId', `terminalId=${uuidOf('terminal 3')}`],
    ['created, the oldest second', `createdFrom=${first}&createdTo=${plus(first, 1_000)}`],
    ['created, the newest second', `createdFrom=${plus(last, -1_000)}`],
    ['created + status, oldest second', `createdTo=${plus(first, 1_000)}&status=rejected`],
    ['created, numbered', `createdTo=${last}&page=1`],
    ['query, id', `query=${id}`],
    ['query, prefix of one', 'query=ORDER-000000500'],
    ['query, prefix of all', 'query=ORDER'],
    ['query, last4', 'query=0007'],
    ['query, description', 'query=tickets for customer 1'],
    ['query, nothing', 'query=nobody'],
    ['store + status + amount', `storeId=${uuidOf('store 1')}&status=charged&amountFrom=1000`],
    ['amount, frequent', 'amountFrom=1000&amountTo=5000'],
    ['amount, the oldest row only', 'amountFrom=10000001'],
    ['amount + currency, none', 'amountFrom=10000002&currency=KZT'],
    ['storeId + status, none together', `storeId=${uuidOf('store 1')}&status=3d`],
    ['storeId + currency, none together', `storeId=${uuidOf('store 1')}&currency=JPY`],
    ['store + terminal, none together', `storeId=${uuidOf('store 1')}&terminalId=${uuidOf('terminal 0')}`],
  ];
}

function plus(time: string, ms: number): string {
  return new Date(Date.parse(time) + ms).toISOString();
}

interface Timing {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly note: string;
}

async function measure(url: string, parameters: string): Promise<Timing> {
  const requests = Number(options.requests);
  const times: number[] = [];
  let status = 200;
  for (let i = -requests / 10; i < requests; i += 1) {
    const startedAt = performance.now();
    const response = await fetch(`${url}/v1/transactions?${parameters}`, {
      headers: { authorization: API_KEY },
    });
    await response.arrayBuffer();
    if (i >= 0) times.push(performance.now() - startedAt);
    ({ status } = response);
    // One that ends at its time limit need not do so 200 times.
    if (status !== 200 && times.length >= 3) break;
  }
  times.sort((a, b) => a - b);
  const at = (part: number): number => times[Math.floor(times.length * part)] ?? Number.NaN;
  return { p50Ms: at(0.5), p99Ms: at(0.99), note: status === 200 ? '' : ` (${status})` };
}

async function measureSize(url: string, databaseUrl: string, count: number): Promise<Map<string, Timing>> {
  const startedAt = performance.now();
  await fillTransactions(databaseUrl, MERCHANT, count);
  const seconds = Math.round((performance.now() - startedAt) / 1_000);
  process.stderr.write(`${count.toLocaleString('en')} transactions made in ${seconds} s\n`);
  const { rows } = await query(
    databaseUrl,
    `SELECT min(created_at) AS first, max(created_at) AS last, (array_agg(id))[1] AS id FROM transaction`,
  );
  const { first, last, id } = rows[0];
  const timings = new Map<string, Timing>();
  for (const [name, parameters] of formsOf(first.toISOString(), last.toISOString(), id, count)) {
    timings.set(name, await measure(url, parameters));
  }
  return timings;
}

function cells({ p50Ms, p99Ms, note }: Timing): string {
  return `${p50Ms.toFixed(1)}${note} | ${p99Ms.toFixed(1)}`;
}

async function main(undo: Undo): Promise<void> {
  const database = await startDatabase();
  undo.push(() => database.stop());
  const { url, drop } = await createDatabase(database.url, 'lookups');
  undo.push(drop);
  const product = await startProduct({ DATABASE_URL: url, SECRET_KEY, PORT: '0', LOG_LEVEL: 'error' }, []);
  undo.push(() => product.stop());
  const [small, large] = [Number(options.small), Number(options.large)];
  const few = await measureSize(product.url, url, small);
  const many = await measureSize(product.url, url, large);
  const version = (await query(url, 'SHOW server_version')).rows[0].server_version;
  const lines = [...few].map(([name, timing]) => {
    const other = many.get(name);
    return `| ${name} | ${cells(timing)} | ${other === undefined ? '– | –' : cells(other)} |`;
  });
  const sizes = [small, large].map((size) => size.toLocaleString('en'));
  process.stdout.write(
    `${machineOf(version)}\n\n| ms | ${sizes[0]}: p50 | p99 | ${sizes[1]}: p50 | p99 |\n|---|--:|--:|--:|--:|\n${lines.join('\n')}\n`,
  );
}

await runAndUndo(main);
