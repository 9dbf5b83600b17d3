/** The real server as processes of its own, and a PostgreSQL server, for tests that kill them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '@plexy-pay/embedded-postgres';
import pg from 'pg';
import { makeDataDir } from './dataDir.ts';
import { startTcpProxy, type TcpProxy } from './proxy.ts';
import { RUN_ENVIRONMENT } from './run.ts';

const MAIN = path.join(import.meta.dirname, '../../src/main.ts');
/** A start takes about a second, and minutes on a busy machine: as long as the process lives, it is waited for. */
const SAY_EVERY_MS = 60_000;

/** Whatever a test leaves running, also when it is cut off, ends with the test process. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export interface ServerProcess {
  /** Where it listens now: another port after every restart. */
  readonly url: string;
  readonly pid: number;
  /** What it wrote to its output and error output since the last start. */
  log(): string;
  /** Sends a signal; SIGKILL and SIGTERM are waited for. */
  signal(signal: NodeJS.Signals): Promise<void>;
  /** Kills it, if it still runs, and starts it again. */
  restart(): Promise<void>;
  /** Kills it. May be called again. */
  end(): Promise<void>;
}

interface Started {
  readonly child: ChildProcess;
  readonly url: string;
  readonly exited: Promise<unknown>;
  log(): string;
}

/** No bank: these tests pay by wallet, and a bank of its own would double the time of every start. */
const NO_BANK = {
  ACQUIRER_URL: 'http://127.0.0.1:1',
  ACQUIRER_SECRET: 'no bank listens there, so any secret does',
};

/** Variables of a process; undefined takes back what these tests set by default. */
export type ProcessEnvironment = Readonly<Record<string, string | undefined>>;

/** The simulated bank, as `npm start` has it. */
export const OWN_BANK: ProcessEnvironment = { ACQUIRER_URL: undefined, ACQUIRER_SECRET: undefined };

/** Starts `main.ts` with this environment (PORT=0, little logging and no bank unless it says otherwise). */
export async function startServerProcess(environment: ProcessEnvironment): Promise<ServerProcess> {
  let current = await launch(environment);
  const end = async (): Promise<void> => {
    current.child.kill('SIGKILL');
    await current.exited;
  };
  return {
    get url() {
      return current.url;
    },
    get pid() {
      return current.child.pid ?? 0;
    },
    log: () => current.log(),
    signal: async (signal) => {
      current.child.kill(signal);
      if (signal === 'SIGKILL' || signal === 'SIGTERM') await current.exited;
    },
    restart: async () => {
      await end();
      current = await launch(environment);
    },
    end,
  };
}

async function launch(environment: ProcessEnvironment): Promise<Started> {
  const { PATH = '' } = process.env;
  const child = spawn(process.execPath, [MAIN], {
    env: {
      ...{ PATH, PORT: '0', LOG_LEVEL: 'warn' },
      ...NO_BANK,
      ...environment,
      ...RUN_ENVIRONMENT,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  const exited = once(child, 'exit').finally(() => running.delete(child));
  let log = '';
  const url = new Promise<string>((resolve, reject) => {
    const saying = setInterval(() => console.error(`waiting for a server to start: ${log}`), SAY_EVERY_MS);
    const hear = (chunk: Buffer): void => {
      log += chunk.toString();
      const found = /^\s+API\s+(http:\S+)\/v1/m.exec(log)?.[1];
      if (found === undefined) return;
      clearInterval(saying);
      resolve(found);
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    void exited.then(() => {
      clearInterval(saying);
      reject(new Error(`the server ended: ${log}`));
    });
  });
  try {
    return { child, url: await url, exited, log: () => log };
  } catch (error) {
    child.kill('SIGKILL');
    await exited;
    throw error;
  }
}

export interface KillablePostgres {
  /** The same after every restart: a proxy stands before the server, whose port changes. */
  readonly url: string;
  /** Between the engine and the server: it can cut and stall connections. */
  readonly proxy: TcpProxy;
  /** kill -9 of the postmaster; its backends follow by themselves. */
  killPostmaster(): Promise<void>;
  /** kill -9 of one backend that serves the application of this name: PostgreSQL restarts all of them. */
  killBackend(applicationName: string): Promise<void>;
  /** Starts the server again on the same files. */
  restart(): Promise<void>;
  end(): Promise<void>;
}

/** An embedded PostgreSQL server on files of its own. */
export async function startKillablePostgres(): Promise<KillablePostgres> {
  const dataDir = await makeDataDir('crash');
  const start = (): Promise<EmbeddedPostgres> => startEmbeddedPostgres({ dataDir, log: () => undefined });
  let server = await start();
  const proxy = await startTcpProxy(Number(new URL(server.url).port));
  const url = new URL(server.url);
  url.port = String(proxy.port);
  return {
    url: url.href,
    proxy,
    killPostmaster: async () => {
      const [row] = await ask(
        server.url,
        `SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1) AS pid`,
      );
      process.kill(Number(row?.pid), 'SIGKILL');
    },
    killBackend: async (applicationName) => {
      const sql = 'SELECT pid FROM pg_stat_activity WHERE application_name = $1 LIMIT 1';
      const [row] = await ask(server.url, sql, [applicationName]);
      if (row === undefined) throw new Error(`no backend serves ${applicationName}`);
      process.kill(Number(row.pid), 'SIGKILL');
    },
    restart: async () => {
      await server.stop();
      server = await start();
      proxy.target(Number(new URL(server.url).port));
    },
    end: async () => {
      await proxy.stop();
      await server.stop();
      await rm(dataDir, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
    },
  };
}

async function ask(url: string, sql: string, values: string[] = []): Promise<{ pid: string | number }[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query(sql, values)).rows;
  } finally {
    await client.end().catch(() => undefined);
  }
}
