/** Two events in one row: every reader of events tells of both, once, in their order, wherever it begins and however much it reads. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, beforeEach, describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { eventNameOf, STATUSES, type Status } from '../../src/core/lifecycle.ts';
import type { TransactionEvent } from '../../src/core/transaction.ts';
import { type EventRow, eventsOf, rowsOf } from '../../src/engine/eventRows.ts';
import { readSharing } from '../../src/engine/eventRowsSql.ts';
import { listEventsOf } from '../../src/feed/eventListsSql.ts';
import {
  type FeedEvent,
  feedReads,
  listEvents,
  readEvents,
  untilComplete,
} from '../../src/feed/eventsSql.ts';
import { type FeedPosition, positionText } from '../../src/feed/position.ts';
import { openInstallation } from '../../src/installation/installationSql.ts';
import { startAfterUpgrade } from '../../src/operations/afterUpgrade.ts';
import { migrate } from '../../src/postgres/migrate.ts';
import { createPool, type Queryable } from '../../src/postgres/pool.ts';
import { eventually } from '../support/cards.ts';
import { createDatabase } from '../support/database.ts';
import { EVERY_EVENT } from '../support/ledger.ts';
import { besideNode } from '../support/olderNode.ts';
import { DEMO_STORE } from '../support/operator.ts';
import { CUSTOMER, OTHER_KEY, type Sandbox, startSandbox } from '../support/sandbox.ts';
import { openStream } from '../support/stream.ts';

const START: FeedPosition = { round: 0, position: 0 };
/** Beyond all events. */
const END: FeedPosition = { round: 2 ** 40, position: 0 };

/** Few values of each field, so that two events in a row are often the same but for one. */
const EVENT: fc.Arbitrary<TransactionEvent> = fc
  .record({
    transactionId: fc.constantFrom('a', 'a', 'b'),
    seq: fc.constantFrom(1, 2, 3),
    merchantId: fc.constantFrom('m', 'm', 'm', 'n'),
    status: fc.constantFrom(...STATUSES, 'created', 'authorized'),
    amount: fc.constantFrom(5n, 5n, 5n, 6n),
    captured: fc.constantFrom(0n, 0n, 0n, 5n),
    released: fc.constantFrom(0n, 0n, 0n, 5n),
    refunded: fc.constantFrom(0n, 0n, 0n, 5n),
    reserved: fc.constantFrom(0n, 0n, 0n, 5n),
    balance: fc.constantFrom(null, null, null, 5n),
    actor: fc.constantFrom('api', 'api', 'engine'),
    reason: fc.constantFrom(null, null, 'insufficient_funds'),
    at: fc.constantFrom(1, 1, 1, 2),
  })
  .map((event) => ({
    ...event,
    ...{ name: eventNameOf(event.status), balanceCurrency: event.balance === null ? null : 'KZT' },
  }));

const CREATED: TransactionEvent = {
  ...{ transactionId: 'a', seq: 1, merchantId: 'm', name: 'transaction.created', status: 'created' },
  ...{ amount: 5n, captured: 0n, released: 0n, refunded: 0n, reserved: 0n, balance: null },
  ...{ balanceCurrency: null, actor: 'api', reason: null, at: 1 },
};
const AUTHORIZED: TransactionEvent = {
  ...CREATED,
  ...{ seq: 2, name: 'transaction.authorized', status: 'authorized' },
};

describe('events as rows', () => {
  test('are the same events again, whichever share a row', () => {
    let shared = 0;
    fc.assert(
      fc.property(fc.array(EVENT, { maxLength: 6 }), fc.boolean(), (events, pair) => {
        const all = pair ? [...events, CREATED, { ...AUTHORIZED, ...events[0], seq: 2 }] : events;
        const rows = rowsOf(all, true);
        shared += all.length - rows.length;
        assert.deepEqual(rows.flatMap(eventsOf), all);
        assert.deepEqual(
          rowsOf(all, false),
          all.map((event): EventRow => ({ event, withCreated: false })),
        );
      }),
      { numRuns: 2_000 },
    );
    assert.ok(shared > 50, `only ${shared} shared a row`);
  });

  test('are one where a payment is decided at once, whatever comes before and after', () => {
    const declined = { ...AUTHORIZED, name: 'transaction.failed', status: 'transaction.failed' } as const;
    for (const decision of [AUTHORIZED, { ...declined, reason: 'insufficient_funds' }])
      assert.deepEqual(rowsOf([AUTHORIZED, CREATED, decision, CREATED], true), [
        { event: AUTHORIZED, withCreated: false },
        { event: decision, withCreated: true },
        { event: CREATED, withCreated: false },
      ]);
  });
});

type Amounts = Pick<
  TransactionEvent,
  'status' | 'amount' | 'captured' | 'released' | 'refunded' | 'reserved' | 'actor' | 'reason'
>;

/** Every event of the database in the feed's order, as SQL tells it. */
interface Told extends Amounts {
  readonly id: string;
  readonly seq: number;
  readonly name: string;
  readonly merchantId: string;
  readonly at: FeedPosition;
}

let sandbox: Sandbox;
let events: readonly Told[];

async function everyEvent(): Promise<readonly Told[]> {
  const { rows } = await sandbox.pool.query(
    `SELECT transaction_id AS id, seq, name, merchant_id AS "merchantId", status, amount, captured, released, refunded,
       reserved, actor, reason, round, position FROM ${EVERY_EVENT} e ORDER BY round, position`,
  );
  return rows.map(({ round, position, ...told }) => ({
    ...told,
    at: { round: Number(round), position: Number(position) },
  }));
}

const OF_LINK = { captured: 0n, released: 0n, refunded: 0n, reserved: 0n, reason: null };

/** With what its transaction was right after it, which the event says itself. */
function told(feedEvent: FeedEvent): Told {
  const { at } = feedEvent;
  if ('link' in feedEvent) {
    const { linkId: id, seq, name, merchantId, amount, actor, status } = feedEvent.event;
    return { ...OF_LINK, id, seq, name, merchantId, amount, actor, status: status as string as Status, at };
  }
  const { event, transaction } = feedEvent;
  const { seq, name, merchantId, amount, actor, reason } = event;
  const { id, status, captured, released, refunded, reserved } = transaction;
  return {
    ...{ id, seq, name, merchantId, amount, actor, reason, at },
    status,
    captured,
    released,
    refunded,
    reserved,
  };
}

const post = async (path: string, body: unknown, apiKey?: string): Promise<void> => {
  const reply = await sandbox.call('POST', path, {
    ...{ idempotencyKey: randomUUID(), body },
    ...(apiKey === undefined ? {} : { apiKey }),
  });
  assert.ok(reply.status < 300 || reply.status === 402, reply.text);
};

/** Payments of each kind of two merchants: held, refused, captured, given back, cancelled; and a link. */
async function pay(): Promise<void> {
  const order = { amount: 1_000, currency: 'KZT', orderReference: 'rows', ...CUSTOMER };
  const hold = async (): Promise<string> => {
    const { status, body, text } = await sandbox.authorize({ amount: 1_000 });
    assert.equal(status, 201, text);
    return body.walletTransactionId;
  };
  await Promise.all([hold(), hold(), post('/v1/wallet/authorize', order, OTHER_KEY)]);
  await sandbox.authorize({ amount: 99_999_999 });
  const captured = await hold();
  await post(`/v1/wallet/${captured}/capture`, { amount: 400 });
  await post(`/v1/wallet/${captured}/refund`, { amount: 150 });
  await post(`/v1/wallet/${await hold()}/cancel`, { amount: 1_000 });
  await post('/v1/payment-links', { amount: 700, currency: 'KZT', orderReference: 'link' });
}

before(async () => {
  sandbox = await startSandbox();
  await pay();
  // So do those of nodes that may not share rows.
  await sandbox.pool.query('UPDATE installation SET shares_event_rows = false');
  await pay();
  await sandbox.pool.query('UPDATE installation SET shares_event_rows = true');
  await pay();
  await untilComplete(sandbox.pool, 30_000);
  events = await everyEvent();
});
after(() => sandbox.stop());

describe('readers of rows', () => {
  test('have rows of both kinds to read', async () => {
    const { rows } = await sandbox.pool.query(
      `SELECT count(*)::int AS rows, count(*) FILTER (WHERE with_created)::int AS shared,
         count(*) FILTER (WHERE name = 'transaction.created')::int AS alone FROM event`,
    );
    const [{ rows: count, shared, alone }] = rows;
    assert.ok(shared >= 12 && alone >= 9, JSON.stringify(rows));
    assert.equal(events.length, count + shared);
    assert.equal(
      new Set(events.map(({ at }) => `${at.round} ${at.position}`)).size,
      events.length,
      'each has a place of its own',
    );
  });

  test('of the feed read on from any event, in pages of any size', async () => {
    const db = feedReads(sandbox.pool);
    const merchantIds = [...new Set(events.map(({ merchantId }) => merchantId))];
    for (const limit of [1, 2, 3, 1_000])
      for (let first = -1; first < events.length; first += limit > 3 ? 1 : 7) {
        const read: Told[] = [];
        let after = events[first]?.at ?? START;
        for (let more = true; more; ) {
          const page = await readEvents(db, { after, merchantIds, limit, clusterWide: true });
          read.push(...page.events.map(told));
          ({ end: after, more } = page);
        }
        assert.deepEqual(read, events.slice(first + 1), `from ${first} on, ${limit} at once`);
      }
  });

  test('of lists go back from any event, in pages of any size, by any filter', async () => {
    const [some] = events.filter(({ name }) => name === 'transaction.charged');
    for (const name of [
      null,
      'transaction.created',
      'transaction.authorized',
      'transaction.failed',
      'payment_link.created',
    ])
      for (const transactionId of [null, some?.id ?? ''])
        for (const limit of [1, 2, 3, 100]) {
          const filter = {
            merchantId: DEMO_STORE,
            name,
            transactionId,
            from: null,
            to: null,
            withLinks: true,
          };
          const expected = events
            .filter((event) => event.merchantId === DEMO_STORE && (name === null || event.name === name))
            .filter(({ id }) => transactionId === null || id === transactionId)
            .toReversed();
          const places = limit === 100 ? [END, ...events.map(({ at }) => at)] : [END];
          for (const place of places) {
            const read: Told[] = [];
            let before: FeedPosition | null = place;
            while (before !== null) {
              const page = await listEventsOf(sandbox.pool, filter, { epoch: null, ...before }, limit);
              assert.ok(page.events.length <= limit);
              read.push(...page.events.map(told));
              before = page.next;
            }
            const isBefore = ({ at }: Told): boolean =>
              at.round < place.round || (at.round === place.round && at.position < place.position);
            assert.deepEqual(read, expected.filter(isBefore), `${name} ${transactionId} ${limit}`);
          }
        }
  });

  test('of a history read on after any event', async () => {
    for (const id of new Set(events.map((event) => event.id))) {
      const history = events.filter((event) => event.id === id);
      for (let after = 0; after <= history.length; after += 1)
        for (const limit of [1, 2, 10]) {
          const read = await listEvents(sandbox.pool, id, after, limit);
          assert.deepEqual(
            read.map(({ seq, name }) => [seq, name]),
            history.slice(after, after + limit).map(({ seq, name }) => [seq, name]),
          );
        }
    }
  });

  test('of the stream resume behind the first event of a row', async () => {
    const own = events.filter(
      (event) => event.merchantId === DEMO_STORE && event.name.startsWith('transaction'),
    );
    const first = own.findIndex(({ name }) => name === 'transaction.created');
    const place = own[first]?.at ?? START;
    const reader = await openStream(sandbox.url, { lastEventId: positionText(null, place) });
    const rest = own.slice(first + 1);
    await reader.until(({ events: { length } }) => length >= rest.length, 'the rest');
    reader.close();
    assert.deepEqual(
      reader.events.map(({ id, name }) => [name, id.replace(/^[0-9a-f]{8}-/, '')]),
      rest.map(({ name, at }) => [name, positionText(null, at)]),
    );
  });
});

describe('rows are shared', () => {
  const share = (shares: boolean) =>
    sandbox.pool.query('UPDATE installation SET shares_event_rows = $1', [shares]);
  const migratedAgo = (interval: string) =>
    sandbox.pool.query(`UPDATE migration SET applied_at = now() - $1::interval WHERE name LIKE '0090%'`, [
      interval,
    ]);
  const shares = async (): Promise<boolean> =>
    (await sandbox.pool.query('SELECT shares_event_rows AS shares FROM installation')).rows[0].shares;
  const sharedNow = async (): Promise<boolean> => {
    const orderReference = randomUUID();
    assert.equal((await sandbox.authorize({ amount: 100, orderReference })).status, 201);
    const { rows } = await sandbox.pool.query(
      'SELECT FROM event JOIN transaction t ON t.id = transaction_id WHERE order_reference = $1',
      [orderReference],
    );
    assert.ok(rows.length > 0, 'the payment was made');
    return rows.length === 1;
  };
  const LOOKS = 5;
  /** Starts what a node does after an upgrade; ends it with the test. */
  function afterUpgrade(t: TestContext, looks = LOOKS): { looked: () => number; errors: readonly unknown[] } {
    const errors: unknown[] = [];
    let looked = 0;
    const db: Queryable = {
      query: (...args: Parameters<Queryable['query']>) => {
        looked += 1;
        return sandbox.pool.query(...args);
      },
    } as Queryable;
    const upgrade = startAfterUpgrade(db, (error) => errors.push(error), { intervalMs: 20, looks });
    t.after(() => upgrade.stop());
    return { looked: () => looked, errors };
  }
  beforeEach(async () => {
    await migratedAgo('61 minutes');
    await share(false);
  });
  after(() => share(true));

  test('by a database that is new', async () => {
    const database = await createDatabase();
    const pool = createPool(database.url, 1, () => undefined);
    try {
      await migrate(database.url, () => undefined);
      await openInstallation(pool, 'sandbox', null);
      assert.equal((await readSharing(pool)).shares, true);
    } finally {
      await pool.end();
      await database.drop();
    }
  });

  test('by nobody beside an older node, and by all once none was seen for a while', async (t) => {
    assert.equal(await sharedNow(), false);
    const upgrade = await besideNode(sandbox.databaseUrl, 'listen 2', async () => {
      const started = afterUpgrade(t);
      await eventually('many looks', async () => started.looked() > 3 * LOOKS);
      assert.deepEqual([await shares(), await sharedNow()], [false, false]);
      return started;
    });
    const seenLast = upgrade.looked();
    await eventually('the node has looked often enough', shares);
    assert.ok(upgrade.looked() - seenLast >= LOOKS - 1, `${upgrade.looked() - seenLast} looks`);
    assert.equal(await sharedNow(), true);
    const done = upgrade.looked();
    await sleep(100);
    assert.deepEqual([upgrade.looked(), upgrade.errors], [done, []], 'it looks no more');
  });

  test('by nobody beside an older node that is there for a moment now and then', async (t) => {
    const looks = 75;
    const { looked } = afterUpgrade(t, looks);
    while (looked() < 2 * looks) {
      await besideNode(sandbox.databaseUrl, 'listen 2', () => sleep(45));
      assert.equal(await shares(), false);
    }
  });

  test('beside a later node', async (t) => {
    await besideNode(sandbox.databaseUrl, 'listen 9', async () => {
      afterUpgrade(t);
      await eventually('the node has looked often enough', shares);
    });
  });

  test('an hour after the migration at the earliest: a pooler may hide an older node', async (t) => {
    await migratedAgo('59 minutes');
    const { looked } = afterUpgrade(t);
    await eventually('many looks', async () => looked() > 3 * LOOKS);
    assert.equal(await shares(), false);
    await migratedAgo('61 minutes');
    await eventually('the node has looked often enough', shares);
  });

  test('although the database was away when it was asked', async (t) => {
    await sandbox.pool.query('ALTER TABLE installation RENAME TO away');
    const { errors } = afterUpgrade(t);
    await eventually('an error', async () => errors.length > 0).finally(() =>
      sandbox.pool.query('ALTER TABLE away RENAME TO installation'),
    );
    await eventually('the node has looked often enough', shares);
  });
});
