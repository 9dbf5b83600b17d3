/** pgbench's TPC-B on the same server: five statements of a simple bank in one transaction, well known. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { createDatabase } from './database.ts';

const run = promisify(execFile);

/** Branches; with fewer than clients they wait for each other's branch row. */
const SCALE = 100;
const CLIENT_COUNTS = [4, 8, 16, 32];

export interface Pgbench {
  readonly rate: number;
  readonly clients: number;
  readonly latencyMs: number;
}

export class PgbenchColumn {
  readonly #url: string;
  readonly #drop: () => Promise<void>;
  #clients: number | null = null;

  private constructor(url: string, drop: () => Promise<void>) {
    this.#url = url;
    this.#drop = drop;
  }

  /** @returns null where pgbench is not installed */
  static async prepare(serverUrl: string): Promise<PgbenchColumn | null> {
    try {
      await run('pgbench', ['--version']);
    } catch {
      return null;
    }
    const { url, drop } = await createDatabase(serverUrl, 'pgbench');
    await run('pgbench', ['--initialize', '--quiet', `--scale=${SCALE}`, url]);
    return new PgbenchColumn(url, drop);
  }

  /** The first time with each client count, then with the one that was best. */
  async measure(seconds: number): Promise<Pgbench> {
    if (this.#clients !== null) return this.#measure(this.#clients, seconds);
    const results: Pgbench[] = [];
    for (const clients of CLIENT_COUNTS) results.push(await this.#measure(clients, seconds));
    const best = results.reduce((a, b) => (b.rate > a.rate ? b : a));
    this.#clients = best.clients;
    return best;
  }

  drop(): Promise<void> {
    return this.#drop();
  }

  async #measure(clients: number, seconds: number): Promise<Pgbench> {
    // Prepared statements: its fastest mode.
    const { stdout } = await run('pgbench', [
      '--no-vacuum',
      '--protocol=prepared',
      `--client=${clients}`,
      '--jobs=2',
      `--time=${Math.max(1, Math.round(seconds))}`,
      this.#url,
    ]);
    return {
      clients,
      rate: Number(/^tps = ([\d.]+)/m.exec(stdout)?.[1]),
      latencyMs: Number(/^latency average = ([\d.]+)/m.exec(stdout)?.[1]),
    };
  }
}
