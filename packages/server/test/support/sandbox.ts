/** A whole sandbox server in this process, on a database of its own, for tests over HTTP. */
import assert from 'node:assert/strict';
import { startBank } from '../../../bank/src/start.ts';
import { readConfig } from '../../src/app/config.ts';
import type { Deps } from '../../src/app/deps.ts';
import { createLogger } from '../../src/app/logging.ts';
import { startServer } from '../../src/app/server.ts';
import { audit } from '../../src/ledger/auditSql.ts';
import { urlInUse } from '../../src/postgres/databaseClient.ts';
import { createPool, type Pool } from '../../src/postgres/pool.ts';
import type { LaunchBank } from '../../src/sandbox/bankProcess.ts';
import { compare } from './contract.ts';
import { createDatabase, stopDatabaseServer } from './database.ts';

export const CUSTOMER = { phoneNumber: '+77010000001', iin: '900101300017' };
export const DEMO_KEY = 'pr_test_demo';
export const OTHER_KEY = 'pr_test_other';
export const OPERATOR_KEY = 'op_test_demo';

export interface Sandbox {
  readonly url: string;
  /** Where operators reach it: the same without ADMIN_PORT. */
  readonly adminUrl: string;
  readonly databaseUrl: string;
  /** What the server's routes are given, for use cases that have no route. */
  readonly deps: Deps;
  /** For looking at the tables. */
  readonly pool: Pool;
  /** Everything that the server logged. */
  readonly log: string[];
  /** How many card numbers the server has in memory. */
  cardsHeld(): number;
  call(method: string, path: string, options?: CallOptions): Promise<Reply>;
  /** An authorization of customer 1 at Demo Store, unless `body` says otherwise. */
  authorize(body?: Record<string, unknown>, options?: CallOptions): Promise<Reply>;
  /** Fails unless all seven invariants hold. */
  assertInvariants(): Promise<void>;
  /** Checks the invariants, then stops everything. */
  stop(): Promise<void>;
}

export interface CallOptions {
  readonly apiKey?: string | null;
  readonly idempotencyKey?: string;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
  /** Sent as it is, in place of `body`. */
  readonly rawBody?: string | Buffer;
}

export interface Reply {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of any shape
  readonly body: any;
}

/** The simulated bank without a process of its own, which takes a second of a processor; a test of its own has that. */
const launchBank: LaunchBank = async ({ databaseUrl, secret }) => {
  const config = {
    port: 0,
    host: '127.0.0.1',
    databaseUrl: urlInUse(databaseUrl),
    secret,
    publicUrl: undefined,
  };
  const { port, stop } = await startBank(config);
  return { url: () => `http://127.0.0.1:${port}`, stop };
};

/**
 * Makes the database that sandboxes of this run begin as copies of: migrated and seeded, as each would do by itself.
 * @returns drops it
 */
export async function makeTemplate(): Promise<() => Promise<void>> {
  const database = await createDatabase();
  const config = readConfig({ DATABASE_URL: database.url, PORT: '0' });
  // No bank has been there: a port that it left would be that of every copy's.
  const server = await startServer(config, createLogger('fatal'), async () => ({
    url: () => 'http://127.0.0.1:1',
    stop: async () => undefined,
  }));
  await server.stop();
  process.env.TEST_TEMPLATE = new URL(database.url).pathname.slice(1);
  return () => database.drop();
}

/** Starts a sandbox. `environment` is read like the real one. */
export async function startSandbox(environment: Record<string, string> = {}): Promise<Sandbox> {
  // What is in the copy was sealed with the template's own key.
  const template = environment.SECRET_KEY === undefined ? process.env.TEST_TEMPLATE : undefined;
  const database = await createDatabase(template);
  const log: string[] = [];
  const logger = createLogger('debug', { write: (line: string) => log.push(line) });
  const config = readConfig({ DATABASE_URL: database.url, PORT: '0', ...environment });
  const server = await startServer(config, logger, launchBank);
  const pool = createPool(database.url, 3, () => undefined);
  const call = (method: string, path: string, options?: CallOptions): Promise<Reply> =>
    request(server.url, method, path, options);
  const assertInvariants = async (): Promise<void> => assert.deepEqual(await audit(pool), []);
  return {
    url: server.url,
    adminUrl: server.adminUrl ?? server.url,
    databaseUrl: database.url,
    deps: server.deps,
    pool,
    log,
    cardsHeld: server.cardsHeld,
    call,
    authorize: (body = {}, options = {}) =>
      call('POST', '/v1/wallet/authorize', {
        idempotencyKey: crypto.randomUUID(),
        body: { amount: 15_000, currency: 'KZT', orderReference: 'ORDER-1', ...CUSTOMER, ...body },
        ...options,
      }),
    assertInvariants,
    stop: async () => {
      await assertInvariants().finally(async () => {
        await pool.end();
        await server.stop();
        await database.drop();
        await stopDatabaseServer();
      });
    },
  };
}

/** One HTTP request, by the Demo Store unless `apiKey` says otherwise. */
export async function request(
  url: string,
  method: string,
  path: string,
  options: CallOptions = {},
): Promise<Reply> {
  const { apiKey = DEMO_KEY, idempotencyKey, rawBody, body } = options;
  const headers = new Headers(options.headers);
  if (apiKey !== null) headers.set('authorization', apiKey);
  if (idempotencyKey !== undefined) headers.set('idempotency-key', idempotencyKey);
  const payload = rawBody ?? (body === undefined ? undefined : JSON.stringify(body));
  if (payload !== undefined && !headers.has('content-type')) headers.set('content-type', 'application/json');
  const response = await fetch(`${url}${path}`, {
    method,
    headers,
    ...(payload === undefined
      ? {}
      : { body: typeof payload === 'string' ? payload : new Uint8Array(payload) }),
  });
  const text = await response.text();
  compare({ method, path, status: response.status, header: (name) => response.headers.get(name), text });
  const isJson = response.headers.get('content-type')?.includes('json') === true;
  return {
    status: response.status,
    text,
    headers: response.headers,
    body: isJson && text !== '' ? JSON.parse(text) : null,
  };
}
