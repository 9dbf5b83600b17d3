/** The event feed itself: order, completeness and resumption, with writers that commit as badly as they can. */

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startEmbeddedPostgres } from '@plexy-pay/embedded-postgres';
import pg from 'pg';
import { continueHistory, ForeignPositionError } from '../../src/feed/epochsSql.ts';
import { listEventsOf } from '../../src/feed/eventListsSql.ts';
import {
  type FeedEvent,
  HorizonFellError,
  keyOf,
  readEvents,
  readFeedEnd,
} from '../../src/feed/eventsSql.ts';
import { EventFeed, type Sink } from '../../src/feed/feed.ts';
import {
  comparePositions,
  type FeedPosition,
  type GivenPosition,
  parsePosition,
  positionText,
} from '../../src/feed/position.ts';
import { createMetrics } from '../../src/http/metrics.ts';
import { openInstallation } from '../../src/installation/installationSql.ts';
import { migrate } from '../../src/postgres/migrate.ts';
import { createPool, inTransaction, type Pool, withClient } from '../../src/postgres/pool.ts';
import { leaveLanes, lockLanes } from '../../src/webhooks/deliveriesSql.ts';
import { insertEndpoint } from '../../src/webhooks/endpointsSql.ts';
import { FanOut } from '../../src/webhooks/fanOut.ts';
import { createDatabase } from '../support/database.ts';
import { makeDataDir } from '../support/dataDir.ts';
import { rewriteHistory } from '../support/history.ts';
import { createMerchants, type TestMerchant } from '../support/ledger.ts';
import { type Sandbox, startSandbox } from '../support/sandbox.ts';
import { createWriter, type EventWriter } from '../support/stream.ts';
import { deliveredOutcome, NO_NODE } from '../support/webhooks.ts';

const START: GivenPosition = { epoch: null, round: 0, position: 0 };

let sandbox: Sandbox;
let merchants: TestMerchant[];
let feed: EventFeed;
const writers: EventWriter[] = [];

before(async () => {
  sandbox = await startSandbox();
  merchants = await createMerchants(sandbox.pool, 12);
  feed = startFeed();
  for (let i = 0; i < 4; i += 1) writers.push(await createWriter(sandbox.databaseUrl));
});
after(async () => {
  await Promise.all(writers.map((writer) => writer.end()));
  await feed.stop();
  // What the writers wrote has no money behind it.
  for (const table of ['event', 'transaction'])
    await rewriteHistory(sandbox.pool, `DELETE FROM ${table} WHERE merchant_id = ANY($1)`, [
      merchants.map((m) => m.id),
    ]);
  await sandbox.stop();
});

function startFeed(
  databaseUrl = sandbox.databaseUrl,
  directUrl = databaseUrl,
  onError: (error: unknown) => void = () => undefined,
): EventFeed {
  const options = { databaseUrl, directUrl, observe: createMetrics() };
  const started = new EventFeed({ ...options, onError });
  started.start();
  return started;
}

interface Collector extends Sink {
  readonly events: FeedEvent[];
  /** When each of them came. */
  readonly times: number[];
}

/** Takes everything, and notes when. */
function collector(): Collector {
  const [events, times]: [FeedEvent[], number[]] = [[], []];
  return {
    events,
    times,
    offer: (offered) => {
      events.push(...offered);
      for (const _event of offered) times.push(performance.now());
      return offered.length;
    },
    room: () => Promise.resolve(true),
  };
}

/** Commits as the engine does: then the readers are woken. @returns when */
async function commit(writer: EventWriter): Promise<number> {
  await writer.commit();
  feed.committed();
  return performance.now();
}

async function until(condition: () => boolean, what: string, limitMs = 60_000): Promise<void> {
  for (const limit = Date.now() + limitMs; !condition(); await sleep(5))
    if (Date.now() > limit) assert.fail(`waited in vain: ${what}`);
}

function subjectOf(event: FeedEvent | undefined): string | undefined {
  return event === undefined ? undefined : keyOf(event).transactionId;
}

/** Once each, in the feed's order, and per transaction 1, 2, 3 … */
function assertOrdered(events: readonly FeedEvent[]): void {
  const seen = new Map<string, number>();
  let last: FeedPosition = START;
  for (const event of events) {
    assert.ok(comparePositions(event.at, last) > 0, 'positions rise');
    last = event.at;
    const { transactionId, seq } = keyOf(event);
    assert.equal(seq, (seen.get(transactionId) ?? 0) + 1, `of ${transactionId}`);
    seen.set(transactionId, seq);
  }
}

function writerOf(number: number): EventWriter {
  const writer = writers[number];
  assert.ok(writer !== undefined);
  return writer;
}

function merchantOf(number: number): string {
  const merchant = merchants[number];
  assert.ok(merchant !== undefined);
  return merchant.id;
}

/** All that is committed now, however long it takes to become readable. */
async function eventsAfter(merchantId: string, position: FeedPosition): Promise<FeedEvent[]> {
  const { rows } = await sandbox.pool.query(
    'SELECT round, position FROM event ORDER BY round DESC, position DESC LIMIT 1',
  );
  const end = { round: Number(rows[0].round), position: Number(rows[0].position) };
  const found = collector();
  const subscription = await feed.subscribe(merchantId, { epoch: null, ...position }, found);
  await until(() => comparePositions(subscription.position, end) >= 0, 'the end of the feed');
  subscription.end();
  return found.events;
}

describe('the order of events', () => {
  test('a writer that commits first though it began last is read once, neither skips nor repeats', async () => {
    const merchantId = merchantOf(0);
    const found = collector();
    const subscription = await feed.subscribe(merchantId, null, found);
    const [slow, fast] = [writerOf(0), writerOf(1)];
    await slow.begin();
    const first = await slow.create(merchantId);
    await fast.begin();
    const second = await fast.create(merchantId);
    await fast.commit();
    await sleep(300);
    assert.equal(found.events.length, 0, 'what is after an open transaction waits for it');
    await slow.commit();
    await until(() => found.events.length >= 2, 'both events');
    await sleep(100);
    assert.deepEqual(found.events.map((event) => keyOf(event).transactionId).sort(), [first, second].sort());
    subscription.end();
  });

  test('of one payment, the event that was written last comes last, whichever writer began first', async () => {
    const merchantId = merchantOf(1);
    const [early, late] = [writerOf(0), writerOf(1)];
    await early.begin();
    const id = await early.create(merchantId);
    await early.commit();
    await early.begin();
    await late.begin();
    await late.append(id);
    await late.commit();
    await early.append(id);
    await early.commit();
    const events = await eventsAfter(merchantId, START);
    assert.deepEqual(
      events.map(({ event }) => event.seq),
      [1, 2, 3],
    );
    // Also where a page ends between them.
    const page = { after: START, merchantIds: [merchantId], limit: 1, clusterWide: false };
    const seqs: number[] = [];
    for (let after: FeedPosition = START, more = true; more; ) {
      const read = await readEvents(sandbox.pool, { ...page, after });
      seqs.push(...read.events.map(({ event }) => event.seq));
      after = read.end;
      // Something else of this server, such as autovacuum, may hold the horizon back for a moment.
      more = read.more || read.waiting !== null;
      if (!read.more && more) await sleep(5);
    }
    assert.deepEqual(seqs, [1, 2, 3]);
  });

  test('10,000 events of four writers are all seen once, in order per transaction', async (t) => {
    const merchantId = merchantOf(2);
    const live = collector();
    const subscription = await feed.subscribe(merchantId, null, live);
    const shared: string[] = [];
    const commits = new Map<string, number>();
    await Promise.all(writers.map((writer) => writeMany(writer, merchantId, shared, commits)));
    await until(() => live.events.length >= 10_000, `10,000 events, not ${live.events.length}`);
    await sleep(200);
    subscription.end();
    assert.equal(live.events.length, 10_000);
    assertOrdered(live.events);
    assert.equal(new Set(live.events.map(({ at }) => positionText(null, at))).size, 10_000);
    const later = await eventsAfter(merchantId, START);
    assert.deepEqual(
      later.map(({ at }) => at),
      live.events.map(({ at }) => at),
    );
    const latencies = live.events.map(
      (event, i) =>
        (live.times[i] ?? 0) - (commits.get(`${keyOf(event).transactionId} ${event.event.seq}`) ?? 0),
    );
    const sorted = latencies.sort((x, y) => x - y);
    const [p50 = 0, p99 = 0] = [sorted[5_000], sorted[9_900]];
    t.diagnostic(`from the commit to the reader: p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms`);
    assert.ok(p99 < 2_000, `p99 is ${p99} ms`);
  });

  test('a reader that resumes at any event gets exactly the rest', async () => {
    const resume = async (all: readonly FeedEvent[], merchantId: string, i: number): Promise<void> => {
      const text = parsePosition(positionText(i % 2 === 0 ? feed.epoch : null, all[i]?.at ?? START));
      assert.ok(text.ok);
      const rest = await eventsAfter(merchantId, text.value);
      assert.deepEqual(rest.map(placeOf), all.slice(i + 1).map(placeOf));
    };
    const many = await eventsAfter(merchantOf(2), START);
    for (const i of [0, 1, 4_999, 9_990, 9_998, 9_999]) await resume(many, merchantOf(2), i);
    const ids: string[] = [];
    for (let round = 0; round < 5; round += 1) {
      await writerOf(0).begin();
      for (const id of ids) await writerOf(0).append(id);
      ids.push(await writerOf(0).create(merchantOf(6)));
      await commit(writerOf(0));
    }
    const few = await eventsAfter(merchantOf(6), START);
    assert.equal(few.length, 15);
    for (const i of few.keys()) await resume(few, merchantOf(6), i);
  });
});

function placeOf({ at }: FeedEvent): string {
  return positionText(null, at);
}

const EVENTS_PER_WRITER = 2_500;

/** Each commit: a few events, of new payments and of some that the other writers change, too. */
async function writeMany(
  writer: EventWriter,
  merchantId: string,
  shared: string[],
  commits: Map<string, number>,
): Promise<void> {
  for (let written = 0; written < EVENTS_PER_WRITER; ) {
    await writer.begin();
    const size = Math.min(EVENTS_PER_WRITER - written, 1 + Math.floor(Math.random() * 8));
    const others = Array.from({ length: size - 1 }, () => shared[Math.floor(Math.random() * shared.length)]);
    // In one order everywhere, as the engine locks.
    const ids = [...new Set(others)].filter((id) => id !== undefined).sort();
    const names: string[] = [];
    for (const id of ids) names.push(`${id} ${await writer.append(id)}`);
    const created: string[] = [];
    while (created.length < size - ids.length) created.push(await writer.create(merchantId));
    if (Math.random() < 0.3) await sleep(Math.random() * 8);
    const time = await commit(writer);
    for (const name of [...names, ...created.map((id) => `${id} 1`)]) commits.set(name, time);
    written += size;
    for (const id of created) if (shared.length < 50) shared.push(id);
  }
}

/** Ends sessions that read the feed of this database and wait for a lock, until so many have been ended. */
async function endWaitingReaders(client: pg.Client, enough: number): Promise<void> {
  const limit = Date.now() + 60_000;
  for (let ended = 0; ended < enough; await sleep(20)) {
    const { rowCount } = await client.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()
         AND application_name = 'plexy-pay feed' AND wait_event_type = 'Lock'`,
    );
    ended += rowCount ?? 0;
    if (Date.now() > limit) assert.fail(`waited in vain: ${ended} readers of ${enough}`);
  }
}

describe('what is beside the feed', () => {
  test('a long transaction of another database delays nothing for long', async (t) => {
    const other = await createDatabase();
    const client = new pg.Client({ connectionString: other.url });
    await client.connect();
    await client.query('BEGIN; CREATE TABLE long_lasting (id int)');
    const found = collector();
    const subscription = await feed.subscribe(merchantOf(3), null, found);
    try {
      for (let i = 1; i <= 3; i += 1) {
        await writerOf(0).begin();
        await writerOf(0).create(merchantOf(3));
        const committedAt = await commit(writerOf(0));
        await until(() => found.events.length === i, 'an event beside a long transaction');
        t.diagnostic(`after ${((found.times[i - 1] ?? 0) - committedAt).toFixed(0)} ms`);
      }
    } finally {
      subscription.end();
      await client.query('ROLLBACK');
      await client.end();
      await other.drop();
    }
  });

  test('a reader that takes few at a time is served at its own pace, and misses nothing', async () => {
    const all = await eventsAfter(merchantOf(2), START);
    const taken: FeedEvent[] = [];
    const sink: Sink = {
      offer: (events) => {
        taken.push(...events.slice(0, 37));
        return Math.min(37, events.length);
      },
      room: () => Promise.resolve(true),
    };
    const subscription = await feed.subscribe(merchantOf(2), START, sink);
    await until(() => taken.length >= all.length, 'the last event');
    await writerOf(0).begin();
    for (let i = 0; i < 100; i += 1) await writerOf(0).create(merchantOf(2));
    await writerOf(0).commit();
    await until(() => taken.length >= all.length + 100, 'events while it follows');
    await sleep(100);
    subscription.end();
    assertOrdered(taken);
    assert.equal(taken.length, all.length + 100);
  });

  test('a reader that has caught up misses nothing when the read that it joins fails', async () => {
    const write = async (): Promise<void> => {
      await writerOf(0).begin();
      await writerOf(0).create(merchantOf(7));
      await commit(writerOf(0));
    };
    await write();
    const [followed, taken] = [collector(), collector()];
    const follower = await feed.subscribe(merchantOf(7), null, followed);
    // It is offered the first event and has no room for it, while the other one gets the second.
    let offers = 0;
    const room = Promise.withResolvers<boolean>();
    const slow: Sink = {
      offer: (events) => (offers++ === 0 ? 0 : taken.offer(events)),
      room: () => (offers === 0 ? Promise.resolve(true) : room.promise),
    };
    const subscription = await feed.subscribe(merchantOf(7), START, slow);
    await until(() => offers === 1, 'the first offer');
    await write();
    await until(() => followed.events.length === 1, 'the second event at the reader that follows');
    const { client: locker } = writerOf(1);
    await locker.query('BEGIN; LOCK TABLE event IN ACCESS EXCLUSIVE MODE');
    room.resolve(true);
    // The first may have been begun before it joined.
    await endWaitingReaders(locker, 3).finally(() => locker.query('COMMIT'));
    await until(() => taken.events.length >= 1, 'the first event');
    await write();
    await until(() => followed.events.length === 2, 'the third event');
    await until(() => subjectOf(taken.events.at(-1)) === subjectOf(followed.events[1]), 'it');
    for (const { end } of [follower, subscription]) end();
    assert.equal(taken.events.length, 3);
  });

  test('without a working LISTEN the feed is polled; when LISTEN is cut off, it is made again', async (t) => {
    const polling = startFeed(sandbox.databaseUrl, 'postgres://nobody@127.0.0.1:1/nowhere');
    const listening = startFeed();
    const [polled, heard] = [collector(), collector()];
    await polling.subscribe(merchantOf(4), null, polled);
    await listening.subscribe(merchantOf(4), null, heard);
    const write = async (): Promise<number> => {
      await writerOf(0).begin();
      await writerOf(0).create(merchantOf(4));
      return commit(writerOf(0));
    };
    const isListening = async (): Promise<number> => {
      const { rows } = await sandbox.pool.query(
        `SELECT count(*)::int AS count FROM pg_stat_activity WHERE application_name LIKE 'plexy-pay listen%' AND datname = current_database()`,
      );
      return rows[0].count;
    };
    try {
      for (let i = 1; i <= 10; i += 1) {
        const committedAt = await write();
        if (i === 5) {
          await sandbox.pool.query(
            `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'plexy-pay listen%' AND datname = current_database()`,
          );
        }
        await until(() => polled.events.length === i && heard.events.length === i, 'an event');
        const [byPolling = 0, byListening = 0] = [polled.times[i - 1], heard.times[i - 1]].map(
          (time) => (time ?? 0) - committedAt,
        );
        t.diagnostic(`by polling ${byPolling.toFixed(0)} ms, by LISTEN ${byListening.toFixed(0)} ms`);
      }
      const limit = Date.now() + 60_000;
      while ((await isListening()) < 3) {
        assert.ok(Date.now() < limit, 'LISTEN is made again');
        await sleep(50);
      }
    } finally {
      await Promise.all([polling.stop(), listening.stop()]);
    }
  });
});

describe('positions', () => {
  test('text that is no position is refused, and one beyond the end of the feed', async () => {
    for (const text of [
      '',
      '1',
      '-',
      '1-',
      '-1',
      '1-2-3',
      'A-1',
      '1.5-2',
      '01-2',
      '1-02',
      ' 1-2',
      'zzzzzzzzzzz-1',
    ])
      assert.equal(parsePosition(text).ok, false, text);
    const beyond = { epoch: null, round: Number.MAX_SAFE_INTEGER, position: 1 };
    await assert.rejects(feed.subscribe(merchantOf(0), beyond, collector()), ForeignPositionError);
  });

  test('after a restore into a cluster whose transaction ids are behind, old and new events keep their order', async () => {
    const merchantId = merchantOf(5);
    await writerOf(0).begin();
    const id = await writerOf(0).create(merchantId);
    await writerOf(0).commit();
    const [before] = await eventsAfter(merchantId, START);
    // What the rows of a cluster look like that was a billion transactions ahead.
    await rewriteHistory(sandbox.pool, 'UPDATE event SET round = round + 1000000000');
    await sandbox.pool.query('UPDATE installation SET system_identifier = 1');
    await withClient(sandbox.pool, continueHistory);
    await writerOf(0).begin();
    await writerOf(0).append(id);
    await writerOf(0).commit();
    const events = await eventsAfter(merchantId, START);
    assert.deepEqual(
      events.map(({ event }) => event.seq),
      [1, 2],
    );
    const place = { round: (before?.at.round ?? 0) + 1_000_000_000, position: before?.at.position ?? 0 };
    const rest = await eventsAfter(merchantId, place);
    assert.deepEqual(
      rest.map(({ event }) => event.seq),
      [2],
    );
    const pool = createPool(sandbox.databaseUrl, 1, () => undefined);
    const history = async () =>
      (await pool.query('SELECT event_round_offset, epochs FROM installation')).rows;
    const [first] = await history();
    assert.ok(first.event_round_offset > 5_200_000_000n, 'far beyond the greatest round');
    assert.equal(first.epochs.length, 2);
    await withClient(pool, continueHistory);
    assert.deepEqual(await history(), [first], 'a second start changes nothing');
    await pool.end();
  });

  test('a horizon below what has been read is refused, and said; nothing is skipped once it is right again', async (t) => {
    const merchantId = merchantOf(9);
    const errors: unknown[] = [];
    const reader = startFeed(sandbox.databaseUrl, sandbox.databaseUrl, (error) => errors.push(error));
    t.after(() => reader.stop());
    const received = collector();
    await reader.subscribe(merchantId, null, received);
    const [writer] = writers;
    assert.ok(writer !== undefined);
    const write = async (): Promise<string> => {
      await writer.begin();
      const id = await writer.create(merchantId);
      await writer.commit();
      return id;
    };
    const first = await write();
    await until(() => received.events.length === 1, 'the first event');
    // What another database in its place would say, whose transactions are fewer.
    await sandbox.pool.query('UPDATE installation SET event_round_offset = event_round_offset - 100000');
    await until(() => errors.some((error) => error instanceof HorizonFellError), 'the refusal');
    await sandbox.pool.query('UPDATE installation SET event_round_offset = event_round_offset + 100000');
    const second = await write();
    await until(() => received.events.length === 2, 'the second event');
    assert.deepEqual(
      received.events.map((event) => keyOf(event).transactionId),
      [first, second],
    );
  });

  test('a place beyond the end is the end: what is committed below it later is not skipped', async (t) => {
    const merchantId = merchantOf(8);
    const [writer] = writers;
    assert.ok(writer !== undefined);
    await writer.begin();
    const id = await writer.create(merchantId);
    // From now on the writer holds the end back, below the greatest round that can have been given out.
    for (let i = 0; i < 5; i += 1) await sandbox.pool.query('SELECT pg_current_xact_id()');
    const { limit, epochs } = await readFeedEnd(sandbox.pool);
    const received = collector();
    const place = { epoch: epochs.at(-1) ?? null, round: limit.round - 1, position: 1 };
    const subscription = await feed.subscribe(merchantId, place, received);
    t.after(() => subscription.end());
    await writer.commit();
    await until(() => received.events.length === 1, 'the event');
    assert.equal(subjectOf(received.events[0]), id);
  });

  test('of an epoch that this database does not have are refused, those of earlier ones are not', async () => {
    const { rows } = await sandbox.pool.query('SELECT epochs FROM installation');
    const [earlier, current] = rows[0].epochs;
    for (const epoch of [earlier, current, null]) {
      const subscription = await feed.subscribe(merchantOf(0), { ...START, epoch }, collector());
      assert.equal(feed.epoch, current);
      subscription.end();
    }
    const foreign = { ...START, epoch: 'deadbeef' };
    await assert.rejects(feed.subscribe(merchantOf(0), foreign, collector()), ForeignPositionError);
    const filter = {
      ...{ merchantId: merchantOf(0), name: null, transactionId: null },
      ...{ from: null, to: null, withLinks: false },
    };
    await assert.rejects(listEventsOf(sandbox.pool, filter, foreign, 10), ForeignPositionError);
  });

  test('no writer is overtaken by a new epoch: its events are not below what readers have passed', async () => {
    const merchantId = merchantOf(10);
    const [writer] = writers;
    assert.ok(writer !== undefined);
    await writer.begin();
    const first = await writer.create(merchantId);
    await sandbox.pool.query('UPDATE installation SET timeline = NULL');
    const begun = withClient(sandbox.pool, continueHistory);
    await sleep(300);
    assert.equal(
      (await sandbox.pool.query('SELECT timeline FROM installation')).rows[0].timeline,
      null,
      'it waits',
    );
    await writer.commit();
    await begun;
    await writer.begin();
    const second = await writer.create(merchantId);
    await writer.commit();
    const events = await eventsAfter(merchantId, START);
    assert.deepEqual(
      events.map((event) => keyOf(event).transactionId),
      [first, second],
    );
    assert.ok((events[1]?.at.round ?? 0) - (events[0]?.at.round ?? 0) >= 2 ** 32);
  });
});

describe('a crash of PostgreSQL', () => {
  test('takes back ids that readers have seen the end of, and what was fanned out: nothing is missed', async (t) => {
    const dataDir = await makeDataDir('crash');
    const open: (() => Promise<unknown>)[] = [];
    t.after(async () => {
      for (const stop of open.reverse()) await stop();
      await rm(dataDir, { recursive: true, force: true });
    });
    // Nothing reaches the disk before somebody waits for it.
    const settings = { wal_writer_delay: '10s', wal_level: 'minimal', max_wal_senders: '0' };
    const start = () => startEmbeddedPostgres({ dataDir, settings, log: () => undefined });
    const first = await start();
    open.push(() => first.stop());
    let pool = createPool(first.url, 2, () => undefined);
    await migrate(first.url, () => undefined);
    await openInstallation(pool, 'sandbox', null);
    const [merchant] = await createMerchants(pool, 1);
    assert.ok(merchant !== undefined);
    const endpoint = { url: 'https://shop.example', description: null, events: [], bearerToken: null };
    await insertEndpoint(pool, { id: randomUUID(), merchantId: merchant.id, secret: 'sealed', ...endpoint });
    await writeOne(first.url, merchant.id);
    assert.equal((await fanOut(pool)).length, 1);
    const unsure = await writeOne(first.url, merchant.id);

    const before = startFeed(first.url);
    const seen = collector();
    const reader = await before.subscribe(merchant.id, START, seen);
    await until(() => seen.events.length === 2, 'what happened before the crash');
    for (let i = 0; i < 100; i += 1) await pool.query('SELECT pg_current_xact_id()');
    const newcomer = await before.subscribe(merchant.id, null, collector());
    const reached = await nextId(pool);
    before.wake();
    await sleep(200);
    // As the webhooks of a node do: their commits do not wait for the disk.
    const hasty = createPool(first.url, 1, () => undefined);
    await hasty.query('SET synchronous_commit = off');
    assert.deepEqual(await fanOut(hasty), [unsure]);
    const places = [reader.position, newcomer.position];
    await before.stop();
    const { rows } = await pool.query('SHOW data_directory');
    const pid = await readFile(path.join(rows[0].data_directory, 'postmaster.pid'), 'utf8');
    process.kill(Number(pid.split('\n')[0]), 'SIGKILL');
    await Promise.all([pool.end(), hasty.end(), first.stop()]);

    const second = await start();
    open.push(() => second.stop());
    pool = createPool(second.url, 2, () => undefined);
    open.push(() => pool.end());
    assert.ok((await nextId(pool)) < reached, 'ids are given out again');
    const id = await writeOne(second.url, merchant.id);
    const after = startFeed(second.url);
    open.push(() => after.stop());
    for (const place of places) {
      const found = collector();
      await after.subscribe(merchant.id, { epoch: null, ...place }, found);
      await until(() => found.events.length > 0, 'the event after the crash');
      assert.deepEqual(
        found.events.map((event) => keyOf(event).transactionId),
        [id],
      );
    }
    assert.deepEqual(await fanOut(pool), [unsure, id]);
    const { rows: deliveries } = await pool.query('SELECT FROM webhook_delivery');
    assert.equal(deliveries.length, 3);
  });
});

async function writeOne(databaseUrl: string, merchantId: string): Promise<string> {
  const writer = await createWriter(databaseUrl);
  await writer.begin();
  const id = await writer.create(merchantId);
  await writer.commit();
  await writer.end();
  return id;
}

/** As a node that delivers everything at once. @returns the transactions whose events it has delivered */
async function fanOut(pool: Pool): Promise<string[]> {
  const node = new FanOut({ ...NO_NODE, pool, gated: false });
  const { lanes, lease } = await node.step();
  const results = lanes.map((lane) => ({ ...deliveredOutcome(lane), lease }));
  await inTransaction(pool, async (db) => leaveLanes(db, await lockLanes(db, results)));
  return lanes.flatMap(({ messages }) => messages.map(({ transactionId }) => transactionId));
}

async function nextId(pool: Pool): Promise<number> {
  const { rows } = await pool.query('SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS id');
  return Number(rows[0].id);
}
