/** PostgreSQL as it is installed on this machine, with the tools that the embedded one lacks: standbys, backups, poolers. */
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { appendFile, chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { RUN_FOLDER } from './run.ts';

/** The folder of the newest one's programs; null when there is none. */
const BIN =
  globSync('/usr/lib/postgresql/*/bin')
    .filter((bin) => existsSync(path.join(bin, 'pg_basebackup')))
    .sort((a, b) => Number(a.split('/')[4]) - Number(b.split('/')[4]))
    .at(-1) ?? null;

/** Why tests that need it are skipped: false where it is installed. In CI they fail. */
export const POSTGRES_MISSING =
  BIN === null && process.env.CI === undefined ? 'PostgreSQL is not installed' : false;

/** PostgreSQL refuses to run as root. */
export const OWNER =
  process.getuid?.() === 0
    ? {
        uid: Number(execFileSync('id', ['-u', 'postgres'])),
        gid: Number(execFileSync('id', ['-g', 'postgres'])),
      }
    : {};

const running = new Set<Cluster>();
process.once('exit', () => {
  for (const cluster of running) cluster.kill();
});

const run = promisify(execFile);

/** Runs a program of PostgreSQL, or any other that must not run as root. */
export async function runAsPostgres(program: string, args: readonly string[]): Promise<string> {
  const file = program.includes('/') ? program : path.join(BIN ?? '', program);
  const { stdout } = await run(file, args, { ...OWNER, cwd: '/', maxBuffer: 1e9 });
  return stdout;
}

/** A new folder that PostgreSQL owns. */
export async function makeFolder(purpose: string): Promise<string> {
  const folder = await mkdtemp(path.join(RUN_FOLDER, `${purpose}-`));
  if (OWNER.uid !== undefined) await chown(folder, OWNER.uid, OWNER.gid ?? 0);
  return folder;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('there is no port');
  return address.port;
}

/** One server on files of its own. */
export class Cluster {
  readonly folder: string;
  readonly port: number;

  private constructor(folder: string, port: number) {
    this.folder = folder;
    this.port = port;
  }

  /** A new one that runs. */
  static async create(): Promise<Cluster> {
    const cluster = new Cluster(await makeFolder('cluster'), await freePort());
    await runAsPostgres('initdb', ['-D', cluster.data, '-A', 'trust', '-U', 'postgres', '--no-sync']);
    await cluster.configure({
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      fsync: 'off',
      max_connections: '100',
    });
    await cluster.start();
    return cluster;
  }

  get data(): string {
    return path.join(this.folder, 'data');
  }

  get url(): string {
    return `postgres://postgres@127.0.0.1:${this.port}/postgres`;
  }

  /** Settings for its next start. */
  async configure(settings: Readonly<Record<string, string>>): Promise<void> {
    const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value}'\n`);
    await appendFile(path.join(this.data, 'postgresql.conf'), lines.join(''));
  }

  /** @param program what stands in for `postgres` */
  async start(program?: string): Promise<void> {
    running.add(this);
    const log = path.join(this.folder, 'log');
    await runAsPostgres('pg_ctl', [
      '-w',
      '-t',
      '300',
      '-D',
      this.data,
      '-l',
      log,
      '-o',
      `-p ${this.port}`,
      ...(program === undefined ? [] : ['-p', program]),
      'start',
    ]);
  }

  async stop(mode: 'fast' | 'immediate' = 'immediate'): Promise<void> {
    running.delete(this);
    await runAsPostgres('pg_ctl', ['-w', '-m', mode, '-D', this.data, 'stop']).catch(() => undefined);
  }

  kill(): void {
    try {
      execFileSync(path.join(BIN ?? '', 'pg_ctl'), ['-m', 'immediate', '-D', this.data, 'stop'], {
        ...OWNER,
        cwd: '/',
      });
    } catch {
      // It has ended before.
    }
  }

  async remove(): Promise<void> {
    await this.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** A physical copy that does not run yet. @param standby whether it will follow this one */
  async copy(standby: boolean): Promise<Cluster> {
    const copy = new Cluster(await makeFolder('cluster'), await freePort());
    const follow = standby ? ['-R'] : [];
    await runAsPostgres('pg_basebackup', [
      '-D',
      copy.data,
      '-d',
      this.url,
      '-c',
      'fast',
      '--no-sync',
      ...follow,
    ]);
    return copy;
  }

  /** Starts a copy as a recovery to the moment of its making, which is another history from there on. */
  async recover(): Promise<void> {
    await this.configure({ restore_command: 'false' });
    await writeFile(path.join(this.data, 'recovery.signal'), '');
    await this.start();
    for (let over = false; !over; ) [{ over }] = await this.query('SELECT NOT pg_is_in_recovery() AS over');
  }

  /** Makes a standby a server that takes writes. */
  async promote(): Promise<void> {
    await runAsPostgres('pg_ctl', ['-w', '-t', '300', '-D', this.data, 'promote']);
  }

  // biome-ignore lint/suspicious/noExplicitAny: rows of any shape
  async query(sql: string, values: readonly unknown[] = []): Promise<any[]> {
    const client = new pg.Client({ connectionString: this.url });
    client.on('error', () => undefined);
    await client.connect();
    return client
      .query(sql, [...values])
      .then(({ rows }) => rows)
      .finally(() => client.end());
  }
}
