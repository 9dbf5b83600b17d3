import type pg from 'pg';
import { openSession, spoiltOf } from './databaseClient.ts';
import { isMigrated } from './migrate.ts';
import { sessionOptions } from './pool.ts';

/** Load balancers ask every second or so, and give up after a few. */
const READY_WITHIN_MS = 1_500;

/**
 * Whether the database can be used, asked on a connection of its own: behind the requests of an overload it would
 * seem not to, and a load balancer would take out every node. However many ask here, the database is asked once at a time.
 */
export class Readiness {
  readonly #url: string;
  #session: pg.Client | null = null;
  #asking: Promise<boolean> | null = null;
  #stopped = false;

  constructor(url: string) {
    this.#url = url;
  }

  /** Whether it is reachable, up to date, and takes writes. */
  async isReady(): Promise<boolean> {
    this.#asking ??= this.#ask()
      .catch(() => false)
      .finally(() => {
        this.#asking = null;
      });
    let tooLate: NodeJS.Timeout | undefined;
    const limit = new Promise<boolean>((resolve) => {
      tooLate = setTimeout(resolve, READY_WITHIN_MS, false).unref();
    });
    return Promise.race([this.#asking, limit]).finally(() => clearTimeout(tooLate));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#session?.end().catch(() => undefined);
  }

  async #ask(): Promise<boolean> {
    if (this.#stopped) return false;
    this.#session ??= await openSession({
      ...sessionOptions(this.#url, 'ready'),
      query_timeout: READY_WITHIN_MS,
    });
    const session = this.#session;
    if (this.#stopped) this.#drop(session);
    try {
      const { rows } = await session.query('SHOW transaction_read_only');
      return rows[0]?.transaction_read_only === 'off' && (await isMigrated(session));
    } catch (error) {
      this.#drop(session);
      throw error;
    } finally {
      if (spoiltOf(session) !== null) this.#drop(session);
    }
  }

  #drop(session: pg.Client): void {
    if (this.#session === session) this.#session = null;
    void session.end().catch(() => undefined);
  }
}
