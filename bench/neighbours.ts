/**
 * `node bench/neighbours.ts`: what one merchant, or a stranger without a key, can do to everybody else. Another
 * merchant authorizes and reads, one request at a time, while each flood goes on; the floods come from a process
 * of their own. `/health` is the control: what as many requests cost that ask the database nothing.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createDatabase, startDatabase } from './database.ts';
import { startProduct } from './processes.ts';
import { median } from './report.ts';
import { runAndUndo, type Undo } from './undo.ts';
import '../packages/server/test/support/run.ts';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string', default: '6' }, only: { type: 'string' } },
});

const FLOODER = 'pr_test_demo';
const NEIGHBOUR = 'pr_test_other';
const CUSTOMER = { phoneNumber: '+77010000001', iin: '900101300017', currency: 'KZT' };

interface Flood {
  readonly connections: number;
  /** Requests that are written to a connection at once, before any of them is answered. */
  readonly pipelined: number;
  readonly request: (n: number) => string;
}

function get(path: string, key: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: ${key}\r\n\r\n`;
}

function post(path: string, key: string, body: unknown): string {
  const text = JSON.stringify(body);
  const head = key === '' ? '' : `Authorization: ${key}\r\nIdempotency-Key: ${crypto.randomUUID()}\r\n`;
  return `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${head}Content-Type: application/json\r\nContent-Length: ${text.length}\r\n\r\n${text}`;
}

const iso = (time: number): string => new Date(time).toISOString();
const statistics = (n: number): string => get(`/v1/statistics?to=${iso(Date.now() - n)}`, FLOODER);
const list = (n: number): string =>
  get(`/v1/transactions?limit=100&createdFrom=${iso(Date.now() - 1e9 - n)}`, FLOODER);

const FLOODS: Readonly<Record<string, Flood>> = {
  none: { connections: 0, pipelined: 0, request: () => '' },
  health: { connections: 64, pipelined: 1, request: () => get('/health', '') },
  'sign-ins': {
    connections: 64,
    pipelined: 1,
    request: (n) => post('/v1/session', '', { email: `nobody${n % 50}@x.test`, password: 'wrong' }),
  },
  'unknown keys': {
    connections: 64,
    pipelined: 1,
    request: (n) => get('/v1/transactions', `pr_test_${n}_nobody_has_this_key`),
  },
  'statistics, 2,000 on one connection': { connections: 1, pipelined: 2_000, request: statistics },
  'lists, 2,000 on one connection': { connections: 1, pipelined: 2_000, request: list },
  'statistics, 256 connections': { connections: 256, pipelined: 1, request: statistics },
  'lists, 256 connections': { connections: 256, pipelined: 1, request: list },
  'authorizations, 256 connections': {
    connections: 256,
    pipelined: 1,
    request: (n) =>
      post('/v1/wallet/authorize', FLOODER, { ...CUSTOMER, amount: 1, orderReference: `FLOOD-${n}` }),
  },
};

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** In the flooding process: floods until it is ended. */
function flood(url: URL, name: string): void {
  const kind = FLOODS[name];
  if (kind === undefined) throw new Error(`there is no flood ${name}`);
  let sent = 0;
  let answered = 0;
  const statuses = new Map<string, number>();
  const open = (): void => {
    const socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true });
    let left = 0;
    const send = (): void => {
      let text = '';
      for (left = 0; left < kind.pipelined; left += 1) {
        sent += 1;
        text += kind.request(sent);
      }
      socket.write(text, 'latin1');
    };
    socket.on('connect', send);
    socket.on('data', (chunk) => {
      for (const [status = ''] of chunk.toString('latin1').matchAll(/HTTP\/1\.1 \d{3}/g)) {
        answered += 1;
        left -= 1;
        statuses.set(status.slice(9), (statuses.get(status.slice(9)) ?? 0) + 1);
      }
      if (left <= 0) send();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => setTimeout(open, 20));
  };
  for (let i = 0; i < kind.connections; i += 1) open();
  process.on('message', () => {
    process.send?.({ answered, statuses: Object.fromEntries(statuses) });
    answered = 0;
    statuses.clear();
  });
  process.send?.('flooding');
}

interface Times {
  readonly authorize: number[];
  readonly read: number[];
  failed: number;
}

async function measure(url: string, seconds: number): Promise<Times> {
  const times: Times = { authorize: [], read: [], failed: 0 };
  const timed = async (into: number[], path: string, init: RequestInit): Promise<void> => {
    const startedAt = performance.now();
    const reply = await fetch(`${url}${path}`, init);
    await reply.arrayBuffer();
    into.push(performance.now() - startedAt);
    if (!reply.ok) times.failed += 1;
  };
  const authorization = NEIGHBOUR;
  const end = performance.now() + 1_000 * seconds;
  while (performance.now() < end) {
    const body = JSON.stringify({
      ...CUSTOMER,
      phoneNumber: '+77010000002',
      iin: '850520400027',
      amount: 1,
      orderReference: 'N',
    });
    const headers = {
      authorization,
      'content-type': 'application/json',
      'idempotency-key': crypto.randomUUID(),
    };
    await timed(times.authorize, '/v1/wallet/authorize', { method: 'POST', headers, body });
    await timed(times.read, '/v1/wallet/transactions?limit=1', { headers: { authorization } });
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return times;
}

const ms = (values: readonly number[]): string =>
  `${median(values).toFixed(0).padStart(6)} / ${Math.max(...values)
    .toFixed(0)
    .padStart(5)}`;

async function run(url: string, undo: Undo): Promise<void> {
  const seconds = Number(options.seconds);
  say('| flood | answered /s | authorize ms, p50 / max | read ms, p50 / max | failed |');
  say('|---|--:|--:|--:|--:|');
  for (const [name, { connections }] of Object.entries(FLOODS)) {
    if (options.only !== undefined && !name.includes(options.only)) continue;
    const child = connections === 0 ? null : fork(fileURLToPath(import.meta.url), [url, name]);
    undo.push(async () => child?.kill('SIGKILL'));
    if (child !== null) await once(child, 'message');
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    if (child !== null) await answersOf(child);
    const times = await measure(url, seconds);
    const rate = child === null ? '–' : rateText(await answersOf(child), seconds);
    child?.kill('SIGKILL');
    say(
      `| ${name} | ${rate} | ${ms(times.authorize)} | ${ms(times.read)} | ${times.failed} of ${times.authorize.length + times.read.length} |`,
    );
    await new Promise((resolve) => setTimeout(resolve, 3_000));
  }
}

interface Answers {
  readonly answered: number;
  readonly statuses: Readonly<Record<string, number>>;
}

/** What the flood got since it was last asked. */
async function answersOf(child: ChildProcess): Promise<Answers> {
  const reply = once(child, 'message');
  child.send('count');
  return (await reply)[0];
}

function rateText({ answered, statuses }: Answers, seconds: number): string {
  const shares = Object.entries(statuses).map(
    ([status, count]) => `${Math.round((100 * count) / answered)} % ${status}`,
  );
  return `${Math.round(answered / seconds)} (${shares.join(', ')})`;
}

/** Gives the flooding merchant something to count and to list. */
async function prepare(url: string): Promise<void> {
  const pay = async (n: number): Promise<void> => {
    for (let i = 0; i < 250; i += 1) {
      const body = JSON.stringify({ ...CUSTOMER, amount: 1, orderReference: `ORDER-${n}-${i}` });
      const headers = {
        authorization: FLOODER,
        'content-type': 'application/json',
        'idempotency-key': crypto.randomUUID(),
      };
      await fetch(`${url}/v1/wallet/authorize`, { method: 'POST', headers, body }).then((r) =>
        r.arrayBuffer(),
      );
    }
  };
  await Promise.all(Array.from({ length: 40 }, (_, n) => pay(n)));
}

async function main(undo: Undo): Promise<void> {
  const server = await startDatabase();
  undo.push(() => server.stop());
  const database = await createDatabase(server.url, 'neighbours');
  undo.push(() => database.drop());
  const product = await startProduct({ DATABASE_URL: database.url, PORT: '0', LOG_LEVEL: 'warn' }, []);
  undo.push(() => product.stop());
  await prepare(product.url);
  await run(product.url, undo);
}

const [floodUrl, floodName] = positionals;
if (floodUrl !== undefined && floodName !== undefined) flood(new URL(floodUrl), floodName);
else await runAndUndo(main);
