/**
 * LISTEN/NOTIFY between the nodes: it only wakes readers, so nothing depends on its arriving. It is taken to
 * work only while a notification that this node sends to itself comes back: behind a pooler in transaction
 * mode LISTEN succeeds and then says nothing, and a connection may be dead without either end knowing.
 */
import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { openSession } from './databaseClient.ts';
import { LISTENER_NAME } from './nodeLevel.ts';
import { type Pool, sessionOptions } from './pool.ts';

const CHANNEL = 'plexy_pay_events';
/** While events are committed all the time, other nodes are woken this often: about 60 µs of one core each. */
const NOTIFY_INTERVAL_MS = 20;
/** Also how soon a lost connection is made again. */
const PROBE_INTERVAL_MS = 1_000;
/** A probe that has not come back by then is lost. */
const PROBE_LIMIT_MS = 1_000;
/** Where LISTEN says nothing, it is tried again this often. */
const SILENT_RETRY_MS = 10_000;

export interface WakeupOptions {
  /** A direct connection to PostgreSQL, for LISTEN. */
  readonly directUrl: string;
  /** For NOTIFY. */
  readonly pool: Pool;
  /** Another node has committed events, or will no longer be heard. */
  readonly onWake: () => void;
  readonly onError: (error: unknown) => void;
}

export class Wakeups {
  readonly #options: WakeupOptions;
  readonly #node = randomUUID();
  #client: pg.Client | null = null;
  #answered = false;
  #onProbe: (answered: boolean) => void = () => undefined;
  #timer: NodeJS.Timeout | undefined;
  #notifyTimer: NodeJS.Timeout | undefined;
  #notifiedAt = Number.NEGATIVE_INFINITY;
  #stopped = false;
  #cycle: Promise<void> = Promise.resolve();

  constructor(options: WakeupOptions) {
    this.#options = options;
  }

  /** Whether a commit of another node wakes this one. */
  get works(): boolean {
    return this.#client !== null && this.#answered;
  }

  start(): void {
    this.#cycle = this.#check();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#notifyTimer);
    this.#onProbe(false);
    await this.#cycle;
    this.#drop(this.#client);
  }

  /** Wakes the other nodes: at once, but not more often than every 20 ms. */
  notify(): void {
    if (this.#notifyTimer !== undefined || this.#stopped) return;
    const dueIn = this.#notifiedAt + NOTIFY_INTERVAL_MS - performance.now();
    const send = (): void => {
      this.#notifyTimer = undefined;
      this.#notifiedAt = performance.now();
      // A lost one delays other nodes until they look by themselves.
      this.#send('').catch(this.#options.onError);
    };
    if (dueIn <= 0) send();
    else this.#notifyTimer = setTimeout(send, dueIn);
  }

  async #send(payload: string): Promise<void> {
    await this.#options.pool.query({
      name: 'notify',
      text: 'SELECT pg_notify($1, $2)',
      values: [CHANNEL, `${this.#node} ${payload}`],
    });
  }

  /** Connects if need be, sends a probe, and judges by whether it has come back. */
  async #check(): Promise<void> {
    let delay = PROBE_INTERVAL_MS;
    try {
      const client = this.#client ?? (await this.#connect());
      const answer = new Promise<boolean>((resolve) => {
        this.#onProbe = resolve;
        setTimeout(resolve, PROBE_LIMIT_MS, false).unref();
      });
      await this.#send('probe');
      this.#answered = await answer;
      if (!this.#answered) {
        delay = SILENT_RETRY_MS;
        this.#drop(client);
      }
    } catch (error) {
      this.#answered = false;
      if (!this.#stopped) this.#options.onError(error);
    }
    if (!this.#stopped) {
      this.#timer = setTimeout(() => {
        this.#cycle = this.#check();
      }, delay);
    }
  }

  async #connect(): Promise<pg.Client> {
    const client = await openSession(sessionOptions(this.#options.directUrl, LISTENER_NAME));
    client.on('error', () => this.#drop(client));
    client.on('end', () => this.#drop(client));
    client.on('notification', ({ payload = '' }) => {
      if (payload === `${this.#node} probe`) this.#onProbe(true);
      else if (!payload.startsWith(this.#node) && !payload.endsWith('probe')) this.#options.onWake();
    });
    try {
      await client.query(`LISTEN ${CHANNEL}`);
    } catch (error) {
      this.#drop(client);
      throw error;
    }
    this.#client = client;
    return client;
  }

  /** Forgets a connection; the next check makes another one. */
  #drop(client: pg.Client | null): void {
    if (client !== null && this.#client === client) {
      this.#client = null;
      // From now on the reader has to look more often.
      this.#options.onWake();
    }
    void client?.end().catch(() => undefined);
  }
}
