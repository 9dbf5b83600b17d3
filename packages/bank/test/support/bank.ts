import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import '../../../server/test/support/run.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const secret = 'secret-of-the-tests';

export interface Reply {
  readonly status: number;
  // The tests look at fields of answers whose shape they assert; a missing one is undefined.
  readonly body: Readonly<Record<string, unknown>>;
}

/** A bank process on a database of its own, as the server would start it. */
export interface TestBank {
  readonly db: pg.Client;
  readonly process: () => ChildProcess;
  readonly url: () => string;
  call(method: string, path: string, body?: object, timeoutMs?: number): Promise<Reply>;
  /** One more process on the same database. */
  another(): Promise<{ child: ChildProcess; url: string }>;
  kill(): Promise<void>;
  restart(): Promise<void>;
  close(): Promise<void>;
}

export async function startBank(): Promise<TestBank> {
  const server = process.env.TEST_DATABASE_URL;
  if (!server) throw new Error('TEST_DATABASE_URL must name a PostgreSQL server that tests may use');
  const database = `bank_test_${randomUUID().replaceAll('-', '')}`;
  await administer(server, `create database ${database}`);
  const databaseUrl = withDatabase(server, database);
  const db = new pg.Client({ connectionString: databaseUrl });
  await db.connect();
  let running = await launch(databaseUrl);

  async function kill(): Promise<void> {
    if (running.child.exitCode !== null || running.child.signalCode !== null) return;
    running.child.kill('SIGKILL');
    await once(running.child, 'exit');
  }
  return {
    db,
    process: () => running.child,
    url: () => running.url,
    call: (method, path, body, timeoutMs = 60_000) => call(running.url, method, path, body, timeoutMs),
    another: () => launch(databaseUrl),
    kill,
    async restart() {
      await kill();
      running = await launch(databaseUrl);
    },
    async close() {
      await kill();
      await db.end();
      await administer(server, `drop database ${database} with (force)`);
    },
  };
}

async function launch(databaseUrl: string): Promise<{ child: ChildProcess; url: string }> {
  const env = { ...process.env, BANK_PORT: '0', BANK_DATABASE_URL: databaseUrl, BANK_SECRET: secret };
  const child = spawn(process.execPath, [main], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout });
  const exited = once(child, 'exit').then(([code]) => {
    throw new Error(`the bank exited with ${code} before it listened`);
  });
  const [line] = await Promise.race([once(lines, 'line'), exited]);
  // Only an exit before listening is an error; later ones are what a test asked for.
  exited.catch(() => undefined);
  const { bank, port } = JSON.parse(line);
  if (bank !== 'listening') throw new Error(`unexpected first line: ${line}`);
  return { child, url: `http://127.0.0.1:${port}` };
}

async function call(url: string, method: string, path: string, body: object | undefined, timeoutMs: number) {
  const response = await fetch(`${url}/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${secret}`, ...(body && { 'content-type': 'application/json' }) },
    signal: AbortSignal.timeout(timeoutMs),
    ...(body && { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

async function administer(server: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  await client.query(statement);
  await client.end();
}

function withDatabase(server: string, database: string): string {
  const url = new URL(server);
  url.pathname = `/${database}`;
  return url.href;
}

export const visa = '4242424242424242';

/** A valid authorization request; every call names a new payment. */
export function payment(changes: Readonly<Record<string, unknown>> = {}, number = visa) {
  return {
    id: randomUUID() as string,
    merchantId: 'merchant-1',
    merchantName: 'Demo Store',
    amount: 10_000,
    currency: 'KZT',
    card: { number, expiryMonth: 12, expiryYear: 2090, cvc: '123', holder: 'A HOLDER' },
    threeDS: true,
    returnUrl: 'https://shop.example/back?order=7&x=%20a',
    ...changes,
  };
}
