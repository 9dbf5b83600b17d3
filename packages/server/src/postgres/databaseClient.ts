/**
 * Sessions as `pg` makes them, but: one of several hosts, only where writes are taken, with our settings from the
 * beginning, and with errors of our own in place of `pg`'s words.
 */
import type { Span } from '@opentelemetry/api';
import pg from 'pg';
import {
  ConnectionFailed,
  ConnectionLost,
  ConnectionTimedOut,
  endsSession,
  ReadOnlyServer,
  TimedOut,
} from './databaseErrors.ts';
import { urlsOfHosts } from './databaseUrl.ts';
import { beginStatementSpan, endWith, recordedSpan, statementName } from './spans.ts';

/** The hosts of a URL. All that connect by it begin with the one that was right last. */
class Hosts {
  readonly #urls: readonly string[];
  #current = 0;

  constructor(url: string) {
    this.#urls = urlsOfHosts(url);
  }

  get count(): number {
    return this.#urls.length;
  }

  get url(): string {
    return this.#urls[this.#current] ?? '';
  }

  /** The next one is tried from now on, unless another session has moved on already. */
  failed(url: string): void {
    if (url === this.url) this.#current = (this.#current + 1) % this.#urls.length;
  }
}

const hostsByUrl = new Map<string, Hosts>();

function hostsOf(url: string): Hosts {
  const hosts = hostsByUrl.get(url) ?? new Hosts(url);
  hostsByUrl.set(url, hosts);
  return hosts;
}

/** The URL of the one host that is used now, for a program that takes no other. */
export function urlInUse(url: string): string {
  return hostsOf(url).url;
}

export interface SessionOptions extends pg.ClientConfig {
  readonly connectionString: string;
  /** Statements that a new session begins with. */
  readonly settings: string;
  /** For what only reads. */
  readonly mayBeReadOnly?: boolean;
}

/** What `pg` says, in exactly these words, when an answer takes longer than `query_timeout`. */
const READ_TIMEOUT = 'Query read timeout';

export class DatabaseClient extends pg.Client {
  readonly #hosts: Hosts;
  readonly #url: string;
  readonly #options: SessionOptions;
  #spoilt: Error | null = null;
  #lost = false;

  constructor(options: SessionOptions) {
    const hosts = hostsOf(options.connectionString);
    super({ ...options, connectionString: hosts.url });
    this.#hosts = hosts;
    this.#url = hosts.url;
    this.#options = options;
    const lost = (): void => {
      this.#lost = true;
    };
    this.on('error', lost).on('end', lost);
  }

  /** Why this session must not be used any more; null while it may. */
  get spoilt(): Error | null {
    return this.#spoilt;
  }

  /** @throws ConnectionFailed, ReadOnlyServer, or what PostgreSQL reports */
  override connect(): Promise<this>;
  override connect(callback: (error: Error | null) => void): void;
  override connect(callback?: (error: Error | null) => void): Promise<this> | undefined {
    const opened = this.#open();
    if (callback === undefined) return opened.then(() => this);
    opened.then(
      () => callback(null),
      (error: Error) => callback(error),
    );
    return undefined;
  }

  async #open(): Promise<void> {
    const { settings, mayBeReadOnly = false, connectionTimeoutMillis = 0 } = this.#options;
    const startedAt = performance.now();
    try {
      await super.connect();
      // In one round trip: what is needed of every session, and whether it is one.
      const results: unknown = await super.query(`${settings}; SHOW transaction_read_only`);
      const readOnly = Array.isArray(results) && results.at(-1)?.rows[0]?.transaction_read_only === 'on';
      if (readOnly && !mayBeReadOnly) throw new ReadOnlyServer('the server takes no writes: it is a standby');
    } catch (error) {
      this.#hosts.failed(this.#url);
      void super.end().catch(() => undefined);
      if (error instanceof pg.DatabaseError || error instanceof ReadOnlyServer) throw error;
      const isLate = connectionTimeoutMillis > 0 && performance.now() - startedAt >= connectionTimeoutMillis;
      throw isLate
        ? new ConnectionTimedOut('no session was opened in time', { cause: error })
        : new ConnectionFailed(wordsOf(error), { cause: error });
    }
  }

  // The overloads of `pg` are many, and what is passed on is what came.
  override query(...given: unknown[]): never {
    const span = beginSpanOf(given);
    const callback = given.at(-1);
    if (typeof callback === 'function')
      given[given.length - 1] = (error: Error | null | undefined, result: unknown) =>
        callback(error == null ? error : this.understand(error), result);
    const send = super.query as (...given: unknown[]) => unknown;
    const answer = send.apply(this, given);
    if (span !== null && answer instanceof Promise) endWith(span, answer);
    return (
      answer instanceof Promise
        ? answer.catch((error: unknown) => {
            throw this.understand(error);
          })
        : answer
    ) as never;
  }

  /** An error of this session in our terms; remembers when it was the session's last. */
  understand(error: unknown): Error {
    const known = this.#named(error);
    if (endsSession(known)) this.#spoilt ??= known;
    return known;
  }

  #named(error: unknown): Error {
    if (!(error instanceof Error)) return new Error(String(error));
    if (error instanceof pg.DatabaseError) return error;
    if (error.message === READ_TIMEOUT)
      return new TimedOut('the database did not answer in time', { cause: error });
    return this.#lost ? new ConnectionLost(wordsOf(error), { cause: error }) : error;
  }
}

/** The span of a statement that is awaited in a trace; null elsewhere. Round trips have their own. */
function beginSpanOf(given: readonly unknown[]): Span | null {
  if (recordedSpan() === null || typeof given.at(-1) === 'function') return null;
  const name = statementName(given[0]);
  return name === null ? null : beginStatementSpan([name]);
}

/** A connection error in words; one to a name with several addresses has its words inside. */
function wordsOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(wordsOf).join(', ');
  return error instanceof Error && error.message !== '' ? error.message : String(error);
}

/** An error of a session in our terms. */
export function understand(client: pg.ClientBase, error: Error): Error {
  return client instanceof DatabaseClient ? client.understand(error) : error;
}

/** Why a session must not be used any more; null while it may. */
export function spoiltOf(client: pg.ClientBase): Error | null {
  return client instanceof DatabaseClient ? client.spoilt : null;
}

/** One session of its own. Each host is tried once. @throws as `DatabaseClient.connect` */
export async function openSession(options: SessionOptions): Promise<pg.Client> {
  for (let left = hostsOf(options.connectionString).count; ; left -= 1) {
    const client = new DatabaseClient(options);
    try {
      return await client.connect();
    } catch (error) {
      if (left <= 1) throw error;
    }
  }
}

/** A pool of such sessions. */
export class DatabasePool extends pg.Pool {
  readonly #hosts: Hosts;

  constructor(session: SessionOptions, options: pg.PoolConfig) {
    class Session extends DatabaseClient {
      constructor() {
        super(session);
      }
    }
    super({ ...options, Client: Session });
    this.#hosts = hostsOf(session.connectionString);
  }

  override connect(): Promise<pg.PoolClient>;
  override connect(
    callback: (error: Error | undefined, client: pg.PoolClient | undefined, done: () => void) => void,
  ): void;
  override connect(
    callback?: (error: Error | undefined, client: pg.PoolClient | undefined, done: () => void) => void,
  ): Promise<pg.PoolClient> | undefined {
    const borrowed = this.#borrow();
    if (callback === undefined) return borrowed;
    borrowed.then(
      (client) => callback(undefined, client, () => client.release()),
      (error: Error) => callback(error, undefined, () => undefined),
    );
    return undefined;
  }

  /**
   * One statement on a connection of the pool. `pg`'s own passes on what a lost connection says, in the words of its
   * socket, and closes the session after every error.
   */
  override query(...given: unknown[]): never {
    return this.#run(given) as never;
  }

  async #run(given: readonly unknown[]): Promise<unknown> {
    const client = await this.#borrow();
    const send = client.query as (...given: unknown[]) => Promise<unknown>;
    return whileLent(client, () => send.call(client, ...given));
  }

  /** Tries each host once, as long as those before it are why there is no session. */
  async #borrow(): Promise<pg.PoolClient> {
    for (let left = this.#hosts.count; ; left -= 1) {
      const tried = this.#hosts.url;
      try {
        return await super.connect();
      } catch (error) {
        if (left <= 1 || this.#hosts.url === tried) throw poolError(error);
      }
    }
  }
}

/**
 * Gives a connection back to its pool once `work` is done, or closes it where it must not be used any more.
 * @throws what `work` threw, or why the connection was lost, which its next statement would not say
 */
export async function whileLent<T>(
  client: pg.PoolClient,
  work: () => Promise<T>,
  /** What is done after an error. */
  undo: () => Promise<unknown> = async () => undefined,
): Promise<T> {
  let lost: Error | undefined;
  // A connection that is lost says so besides failing its statements; unheard, that would end the process.
  const hear = (error: Error): void => {
    lost ??= understand(client, error);
  };
  client.on('error', hear);
  try {
    return await work();
  } catch (error) {
    const reason = lost ?? error;
    await undo().catch(hear);
    throw reason;
  } finally {
    client.off('error', hear);
    client.release(lost ?? spoiltOf(client) ?? undefined);
  }
}

/** Beside what a session reports, a pool says that none was free in time, or that it has ended. */
function poolError(error: unknown): unknown {
  if (
    error instanceof pg.DatabaseError ||
    error instanceof ConnectionFailed ||
    error instanceof ReadOnlyServer
  )
    return error;
  // The pool's own time-out says so, with what the session said as its cause.
  const isLate = error instanceof Error && error.cause instanceof ConnectionTimedOut;
  return isLate ? error.cause : new ConnectionFailed(wordsOf(error), { cause: error });
}
