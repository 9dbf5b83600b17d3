/** A reader of server-sent events, and writers of events that commit when a test wants. */
import assert from 'node:assert/strict';
import { get, type IncomingMessage } from 'node:http';
import type pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { BLANK } from '../../src/core/change.ts';
import type { Transaction } from '../../src/core/transaction.ts';
import type { TransactionId } from '../../src/core/values/ids.ts';
import { INSERT_TRANSACTIONS, insertEvents } from '../../src/engine/batchSql.ts';
import { openSession } from '../../src/postgres/databaseClient.ts';
import { sessionOptions } from '../../src/postgres/pool.ts';
import { DEMO_KEY } from './sandbox.ts';

export interface StreamedEvent {
  readonly id: string;
  readonly name: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of any shape
  readonly body: any;
  readonly receivedAt: number;
}

export interface StreamReader {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly events: readonly StreamedEvent[];
  /** The last id, of an event or of a heartbeat. */
  lastId(): string;
  /** Everything received, as it came. */
  text(): string;
  ended(): boolean;
  /** Waits until the condition holds; fails after a minute. */
  until(condition: (reader: StreamReader) => boolean, what: string): Promise<void>;
  pause(): void;
  resume(): void;
  close(): void;
}

export interface StreamOptions {
  readonly apiKey?: string;
  readonly lastEventId?: string;
}

/** Opens a stream and waits for its headers. */
export async function openStream(url: string, options: StreamOptions = {}): Promise<StreamReader> {
  const { apiKey = DEMO_KEY, lastEventId } = options;
  const headers: Record<string, string> = { authorization: apiKey };
  if (lastEventId !== undefined) headers['last-event-id'] = lastEventId;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(`${url}/v1/transactions/stream`, { headers, agent: false }, resolve).on('error', reject);
  });
  const events: StreamedEvent[] = [];
  let [text, rest, lastId, ended] = ['', '', '', false];
  const take = (block: string): void => {
    const field = (name: string): string | undefined => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
    const [id, name, data] = [field('id'), field('event'), field('data')];
    if (id !== undefined) lastId = id;
    if (data === undefined) return;
    assert.ok(id !== undefined && name !== undefined, block);
    events.push({ id, name, body: JSON.parse(data), receivedAt: Date.now() });
  };
  response.setEncoding('utf8');
  response.on('data', (chunk: string) => {
    text += chunk;
    const blocks = (rest + chunk).split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) take(block);
  });
  const end = (): void => {
    ended = true;
  };
  response.on('error', end).on('close', end);
  const reader: StreamReader = {
    status: response.statusCode ?? 0,
    headers: response.headers,
    events,
    lastId: () => lastId,
    text: () => text,
    ended: () => ended,
    until: async (condition, what) => {
      for (const limit = Date.now() + 60_000; !condition(reader); ) {
        if (Date.now() > limit) assert.fail(`waited in vain: ${what} (${events.length} events)`);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
    pause: () => response.pause(),
    resume: () => response.resume(),
    close: () => response.destroy(),
  };
  return reader;
}

/** A connection that writes events as the engine does, but commits when it is told. */
export interface EventWriter {
  readonly client: pg.Client;
  begin(): Promise<void>;
  /** A new payment of the merchant with its first event; a decided one with two, in one row. */
  create(merchantId: string, isDecided?: boolean): Promise<string>;
  /** One more event of a payment, whose row is locked until the commit. @returns its number */
  append(transactionId: string, name?: string): Promise<number>;
  commit(): Promise<void>;
  end(): Promise<void>;
}

export async function createWriter(databaseUrl: string): Promise<EventWriter> {
  const client = await openSession({
    ...sessionOptions(databaseUrl, 'test writer'),
    // It may stay in its transaction for as long as a test takes.
    settings: `SET timezone = 'UTC'`,
    query_timeout: 60_000,
  });
  client.on('error', () => undefined);
  return {
    client,
    begin: async () => {
      // As the engine's claim of keys does: the id is taken before any lock.
      await client.query('BEGIN');
      await client.query('SELECT pg_current_xact_id()');
    },
    create: async (merchantId, isDecided = false) => {
      const created = payment(merchantId);
      const transaction = isDecided ? { ...created, status: 'authorized' as const, eventCount: 2 } : created;
      await INSERT_TRANSACTIONS.wallet(client, [transaction]);
      const event = eventOf(transaction);
      const row = isDecided ? { ...event, name: 'transaction.authorized' } : event;
      await insertEvents(client, [{ event: row, withCreated: isDecided }]);
      return transaction.id;
    },
    append: async (transactionId, name = 'transaction.partially_cancelled') => {
      const { rows } = await client.query<{ merchantId: string; count: number }>(
        `SELECT merchant_id AS "merchantId", event_count AS count FROM transaction WHERE id = $1 FOR UPDATE`,
        [transactionId],
      );
      const [row] = rows;
      assert.ok(row !== undefined);
      const eventCount = row.count + 1;
      const transaction = { ...payment(row.merchantId), id: transactionId as TransactionId, eventCount };
      await insertEvents(client, [{ event: { ...eventOf(transaction), name }, withCreated: false }]);
      await client.query('UPDATE transaction SET event_count = $2 WHERE id = $1', [
        transactionId,
        eventCount,
      ]);
      return eventCount;
    },
    commit: async () => {
      await client.query('COMMIT');
    },
    end: () => client.end(),
  };
}

function payment(merchantId: string): Transaction {
  const now = Date.now();
  const base = { amount: 100n, currency: 'KZT', orderReference: 'written by a test', eventCount: 1 };
  return {
    ...BLANK,
    ...base,
    ...{ id: uuidv7() as TransactionId, merchantId, createdAt: now, updatedAt: now },
    ...{ type: 'payment', paymentMethod: 'wallet', captureMode: 'manual' },
  };
}

function eventOf(transaction: Transaction) {
  const {
    id: transactionId,
    merchantId,
    status,
    amount,
    captured,
    released,
    refunded,
    reserved,
  } = transaction;
  const amounts = { amount, captured, released, refunded, reserved, balance: null, balanceCurrency: null };
  const who = { actor: 'api', reason: null, at: Date.now() } as const;
  const name = 'transaction.created';
  return { transactionId, seq: transaction.eventCount, merchantId, name, status, ...amounts, ...who };
}
