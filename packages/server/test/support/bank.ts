/** Banks for tests: the real simulated bank as a process that can be killed, and one that says anything. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { createDatabase } from './database.ts';
import { RUN_ENVIRONMENT } from './run.ts';

const MAIN = path.join(import.meta.dirname, '../../../bank/src/main.ts');
const SECRET = 'the secret of the tests';

export interface Authorization {
  readonly id: string;
  readonly merchantId: string;
  readonly status: string;
  readonly currency: string;
  readonly amount: number;
  readonly held: number;
  readonly captured: number;
  readonly released: number;
  readonly refunded: number;
}

export type Operation = 'authorize' | 'capture' | 'reverse' | 'refund' | 'complete' | 'inquire';

export interface Fault {
  readonly mode: string;
  readonly merchantId?: string | null;
  readonly operations?: readonly Operation[];
  readonly delayMs?: number;
  readonly probability?: number;
  readonly seed?: number;
}

export interface TestBank {
  /** What a server needs to use this bank, impatiently: a tenth of the usual times. */
  readonly environment: Record<string, string>;
  readonly url: string;
  /** Switches one fault on, in place of the one before. */
  fault(fault: Fault): Promise<void>;
  healthy(): Promise<void>;
  books(): Promise<Authorization[]>;
  find(id: string): Promise<Authorization | undefined>;
  /** kill -9. */
  kill(): Promise<void>;
  /** Kills it, if it still runs, and starts it again on its port. */
  restart(): Promise<void>;
  end(): Promise<void>;
}

/** Starts the simulated bank on a database of its own. */
export async function startTestBank(): Promise<TestBank> {
  const database = await createDatabase();
  let port = 0;
  let child: ChildProcess;
  const launch = async (): Promise<void> => {
    const bank = { BANK_PORT: String(port), BANK_DATABASE_URL: database.url, BANK_SECRET: SECRET };
    const env = { ...bank, ...RUN_ENVIRONMENT };
    child = spawn(process.execPath, [MAIN], { env, stdio: ['pipe', 'pipe', 'inherit'] });
    if (child.stdout === null) throw new Error('the bank has no output');
    const ended = once(child, 'exit').then(([code]): never => {
      throw new Error(`the bank ended with ${code} before it listened`);
    });
    ended.catch(() => undefined);
    const listening = once(createInterface({ input: child.stdout }), 'line') as Promise<[string]>;
    const [line] = await Promise.race([listening, ended]);
    port = Number(JSON.parse(line).port);
  };
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  await launch();
  const url = `http://127.0.0.1:${port}`;
  const call = async (method: string, path: string, body?: object) => {
    const headers = { authorization: `Bearer ${SECRET}`, 'content-type': 'application/json' };
    const payload = body === undefined ? {} : { body: JSON.stringify(body) };
    const response = await fetch(`${url}/v1${path}`, { method, headers, ...payload });
    assert.equal(response.status, 200);
    return (await response.json()) as { items: Authorization[]; nextCursor: string | null };
  };
  const fault = async (options: Fault): Promise<void> => {
    await call('PUT', '/faults', { merchantId: null, ...options });
  };
  return {
    environment: {
      ACQUIRER_URL: url,
      ACQUIRER_SECRET: SECRET,
      ACQUIRER_TIMEOUT_MS: '700',
      ACQUIRER_PATIENCE_MS: '6000',
    },
    url,
    fault,
    healthy: () => fault({ mode: 'none' }),
    books: async () => {
      const items: Authorization[] = [];
      for (let cursor: string | null = ''; cursor !== null; ) {
        const page = await call('GET', `/books${cursor === '' ? '' : `?cursor=${cursor}`}`);
        items.push(...page.items);
        cursor = page.nextCursor;
      }
      return items;
    },
    find: async (id) => {
      const found = (await call('GET', `/authorizations/${id}`)) as unknown as Authorization;
      return found.status === 'not_found' ? undefined : found;
    },
    kill,
    restart: async () => {
      await kill();
      await launch();
    },
    end: async () => {
      await kill();
      await database.drop();
    },
  };
}

export interface Asked {
  readonly method: string;
  readonly path: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into what was sent
  readonly body: any;
}

export interface StubBank {
  readonly environment: Record<string, string>;
  readonly asked: Asked[];
  /** What it answers from now on, to the question if it does not name another one; text is sent as it is. */
  answer: (asked: Asked) => { readonly status?: number; readonly body: unknown };
  end(): Promise<void>;
}

/** A bank that answers whatever a test wants. */
export async function startStubBank(): Promise<StubBank> {
  const asked: Asked[] = [];
  const amounts = new Map<string, number>();
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    const question: Asked = {
      method: request.method ?? '',
      path: request.url ?? '',
      body: text === '' ? null : JSON.parse(text),
    };
    asked.push(question);
    const { id, amount } = question.body ?? {};
    if (id !== undefined) amounts.set(id, amount);
    const { status = 200, body } = stub.answer(question);
    response.writeHead(status, { 'content-type': 'application/json' });
    const about = id ?? /authorizations\/([^/]+)/.exec(question.path)?.[1];
    const named = Array.isArray(body) ? body : { id: about, amount: amounts.get(about), ...(body as object) };
    response.end(typeof body === 'string' ? body : JSON.stringify(named));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const stub: StubBank = {
    environment: {
      ACQUIRER_URL: `http://127.0.0.1:${port}`,
      ACQUIRER_SECRET: SECRET,
      ACQUIRER_TIMEOUT_MS: '700',
      ACQUIRER_PATIENCE_MS: '2000',
    },
    asked,
    answer: () => ({ body: { status: 'approved', rrn: '123456789012' } }),
    end: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return stub;
}
