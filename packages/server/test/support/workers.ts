/** A node of several workers, as a process: what serves, what it counts, and load for it. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import http from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { audit } from '../../src/ledger/auditSql.ts';
import { createPool, type Pool } from '../../src/postgres/pool.ts';
import { eventually } from './cards.ts';
import { createDatabase, stopDatabaseServer, type TestDatabase } from './database.ts';
import { type Program, startProgram } from './program.ts';
import { CUSTOMER, DEMO_KEY, request } from './sandbox.ts';

export const WORKERS = 2;
const BANK = {
  ACQUIRER_URL: 'http://127.0.0.1:1',
  ACQUIRER_SECRET: 'no bank listens there, so any secret does',
};
/** Which processes there are is read there. */
export const NO_PROC = existsSync('/proc/self/task') ? false : 'this system has no /proc';
/** How long things may take on a machine that is busy with others. */
const LIMIT_MS = 120_000;
/** A request that is answered later than this has hung. */
const HANG_MS = 30_000;

/** Nodes of several workers on one database. */
export interface WorkerNodes {
  readonly database: TestDatabase;
  readonly pool: Pool;
  start(environment?: Readonly<Record<string, string>>): Program;
  /** Kills all that were started. */
  end(): Promise<void>;
}

export async function openWorkerNodes(): Promise<WorkerNodes> {
  const programs: Program[] = [];
  const database = await createDatabase(process.env.TEST_TEMPLATE);
  const pool = createPool(database.url, 2, () => undefined, { name: 'test' });
  return {
    database,
    pool,
    start: (environment = {}) => {
      const program = startProgram({
        ...{ DATABASE_URL: database.url, LOG_LEVEL: 'warn', WORKERS: String(WORKERS) },
        ...BANK,
        ...environment,
      });
      programs.push(program);
      return program;
    },
    end: async () => {
      for (const { child } of programs) child.kill('SIGKILL');
      await pool.end();
      await database.drop();
      await stopDatabaseServer();
    },
  };
}

export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  await eventually(what, async () => holds(), LIMIT_MS);
}

/** The processes that this one has forked and that run its program: not the bank, nor PostgreSQL. */
export function workersOf({ child }: Program): number[] {
  const file = `/proc/${child.pid}/task/${child.pid}/children`;
  const children = existsSync(file) ? readFileSync(file, 'utf8').trim().split(' ') : [];
  return children.filter((pid) => pid !== '' && commandOf(Number(pid)).includes('main.ts')).map(Number);
}

export function commandOf(pid: number): string {
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    return command.includes('/bank/') ? '' : command;
  } catch {
    return '';
  }
}

export async function metric(url: string, line: RegExp): Promise<number> {
  const { text } = await request(url, 'GET', '/metrics', { apiKey: null });
  return Number(new RegExp(`^${line.source} (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
}

export interface Load {
  /** The answers, by their keys. */
  readonly answered: Map<string, string>;
  /** What was not answered, or not with 201. */
  readonly failed: string[];
  stop(): Promise<void>;
}

/** Authorizes over and over, half of it on connections that stay open and half on new ones. */
export function startLoad(url: string, clients = 16): Load {
  const answered = new Map<string, string>();
  const failed: string[] = [];
  let stopped = false;
  const loop = async (keepAlive: boolean): Promise<void> => {
    const agent = new http.Agent({ keepAlive, maxSockets: 1 });
    while (!stopped) {
      const key = randomUUID();
      const reply = await post(url, agent, key).catch((error: Error) => error);
      if (reply instanceof Error) failed.push(reply.message);
      else if (reply.status !== 201) failed.push(`${reply.status} ${reply.text}`);
      else answered.set(key, reply.text);
      await delay(5);
    }
    agent.destroy();
  };
  const loops = Array.from({ length: clients }, (_, i) => loop(i % 2 === 0));
  return {
    answered,
    failed,
    stop: async () => {
      stopped = true;
      await Promise.all(loops);
    },
  };
}

function post(url: string, agent: http.Agent, key: string): Promise<{ status: number; text: string }> {
  const body = JSON.stringify({ amount: 1, currency: 'KZT', orderReference: 'WORKERS', ...CUSTOMER });
  const headers = {
    authorization: DEMO_KEY,
    'idempotency-key': key,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  };
  return new Promise((resolve, reject) => {
    const sent = http.request(
      `${url}/v1/wallet/authorize`,
      { method: 'POST', agent, headers },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text })).on('error', reject);
      },
    );
    sent.setTimeout(HANG_MS, () => sent.destroy(new Error('it was not answered in time')));
    sent.on('error', reject);
    sent.end(body);
  });
}

/** What was answered is in the database, as it was answered, once each. */
export async function assertKept(pool: Pool, answered: ReadonlyMap<string, string>): Promise<void> {
  const { rows } = await pool.query<{ key: string; response: string }>(
    `SELECT k.key, k.response FROM idempotency_key k JOIN transaction t ON t.id = k.effect_id WHERE k.key = ANY($1)`,
    [[...answered.keys()]],
  );
  assert.deepEqual(new Map(rows.map(({ key, response }) => [key, response])), answered);
  assert.deepEqual(await audit(pool), []);
}
