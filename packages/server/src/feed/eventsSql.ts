/**
 * The event feed: every event of every merchant, in one order that never changes, without a gap.
 *
 * Events commit in another order than they are written in, so a reader that remembers the last one it saw
 * would skip some. Here it stops at the horizon, below which everything is complete for good (migration
 * 0003 says why), and what it has read up to there will never be added to.
 *
 * What holds the horizon back: any transaction that has taken an id and has not ended. PostgreSQL's
 * snapshots span the whole cluster, so that means other databases' transactions and prepared ones, too
 * (measured on 18). Those of other databases cannot write our events: `CLUSTER_WIDE` reads do not wait for
 * them, at the price of a look at every session, so they are for a horizon that does not move. A long
 * transaction in this database delays the feed; nothing is lost. The lag is a metric.
 *
 * Transaction ids begin anew when a dump is restored into another cluster, and are given out again after a restore to
 * an earlier time: `epochs.ts` says how rounds go on above all that were ever given out.
 *
 * A place is always that of an event, never the horizon: a crash of PostgreSQL takes back the ids whose end had
 * not reached the disk (of transactions that wrote nothing, or did not wait for it) and gives them out again. Whoever
 * remembered the horizon would be beyond the next events. An event that can be read is on the disk, and so
 * is the end of every id before its round.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { transactionAsOf } from '../core/history.ts';
import { type LinkEvent, type LinkStatus, linkAsOf, type PaymentLink } from '../core/link.ts';
import type { Minor, Transaction, TransactionEvent } from '../core/transaction.ts';
import type { MessageKey } from '../core/values/ids.ts';
import { TRANSACTION_COLUMNS } from '../engine/batchSql.ts';
import { type EventRow, eventsOf } from '../engine/eventRows.ts';
import { type LinkJson, linkJson, linkOf } from '../engine/linksSql.ts';
import { plainArray } from '../postgres/arrays.ts';
import { readsWith } from '../postgres/localSettings.ts';
import type { Pool, Queryable, Statement, StatementRunner } from '../postgres/pool.ts';
import { comparePositions, endOfRound, type FeedPosition } from './position.ts';

const COMPLETE_POLL_MS = 5;

/** An event with what it is of, as that was right after it. */
export type FeedEvent = TransactionFeedEvent | LinkFeedEvent;

export interface TransactionFeedEvent {
  readonly event: TransactionEvent;
  readonly transaction: Transaction;
  /** The merchant's balance in the transaction's currency right after the event. */
  readonly balance: Minor;
  readonly at: FeedPosition;
}

/** Of a payment link or session. */
export interface LinkFeedEvent {
  readonly event: LinkEvent;
  readonly link: PaymentLink;
  readonly at: FeedPosition;
}

/** Which event it is: of a link, the link's id stands for the transaction's. */
export function keyOf(feedEvent: FeedEvent): MessageKey {
  const transactionId = 'link' in feedEvent ? feedEvent.event.linkId : feedEvent.event.transactionId;
  return { transactionId, seq: feedEvent.event.seq };
}

export interface FeedPage {
  readonly events: readonly FeedEvent[];
  /** The last event that has been read, or looked at. */
  readonly end: FeedPosition;
  /** The current one: what positions are named by. */
  readonly epoch: string | null;
  /** Rounds up to this one are complete. */
  readonly horizon: number;
  /** How many rows of events, of any merchant, were looked at. */
  readonly scanned: number;
  /** Whether more is ready to be read. */
  readonly more: boolean;
  /** The first committed round that has to wait for the horizon; null when nothing has. */
  readonly waiting: number | null;
}

export interface FeedQuery {
  readonly after: FeedPosition;
  readonly merchantIds: readonly string[];
  /** How many rows of the feed, of any merchant, are looked at: each is one event or two (`engine/eventRows.ts`). */
  readonly limit: number;
  /** Do not wait for transactions of other databases. */
  readonly clusterWide: boolean;
}

/** The database is not the one that was read before, or not as far: what it says is complete need not be. */
export class HorizonFellError extends Error {
  constructor(horizon: number, place: FeedPosition) {
    super(
      `the database says that events are complete up to round ${horizon}, and one of round ${place.round} has been read: is there a proxy that asks several databases, or one that lags?`,
    );
  }
}

/** Of whoever reads the feed: a plan that was made while the table was small would read all of it for good. */
const SETTINGS: Statement = {
  name: 'feed_settings',
  text: `SELECT set_config('enable_seqscan', 'off', true)`,
};

/** Reads the feed on connections of this pool. */
export function feedReads(pool: Pool): StatementRunner {
  return readsWith(pool, SETTINGS);
}

const SNAPSHOT_HORIZON = 'pg_snapshot_xmin(pg_current_snapshot())::text::bigint';
/**
 * The least transaction id in progress that is not seen in another database. A session that the snapshot
 * names and that is still there cannot have become another one, and one that is gone is waited for.
 */
const DATABASE_HORIZON = `(SELECT coalesce(min(x::text::bigint), pg_snapshot_xmax(pg_current_snapshot())::text::bigint)
    FROM pg_snapshot_xip(pg_current_snapshot()) x
    WHERE NOT EXISTS (SELECT FROM pg_stat_activity a JOIN pg_database d ON d.oid = a.datid
        WHERE a.backend_xid = x::xid AND d.datname <> current_database())
      AND NOT EXISTS (SELECT FROM pg_prepared_xacts p WHERE p.transaction = x::xid AND p.database <> current_database()))`;

/** The columns of `feedEventsOf`, from `event p`. */
export const EVENT_FIELDS = `p.transaction_id AS "transactionId", p.seq, p.merchant_id AS "eventMerchantId", p.name,
  p.status AS "eventStatus", p.amount AS "eventAmount", p.captured AS "eventCaptured", p.released AS "eventReleased",
  p.refunded AS "eventRefunded", p.reserved AS "eventReserved", p.balance AS "eventBalance", p.actor, p.reason,
  p.at, p.round, p.position, p.with_created AS "withCreated", p.link_expires_at AS "linkExpiresAt"`;

/** The link of `event p`; not looked for where that is a transaction's. */
export const LINK_OF_EVENT = linkJson(
  'WHERE id = p.transaction_id AND p.link_expires_at IS NOT NULL LIMIT 1',
);

/**
 * The balance that the merchant of `event p`, of `transaction t`, had right after this place of the feed: that of the last
 * event up to there that changed it. Once the feed is complete up to there it never changes, so that whoever tells of an
 * event again tells the same. A balance is changed by one transaction after another, in the feed's order.
 *
 * Events from before migration 0029 are not found. Then it is what the first one that is found began with, or, as long
 * as none has changed it since, the balance as it is.
 * @param place SQL of its round and position
 */
export function balanceAt(place: string): string {
  const changes = 'FROM event e WHERE e.merchant_id = p.merchant_id AND e.balance_currency = t.currency';
  return `coalesce(
    (SELECT e.balance ${changes} AND (e.round, e.position) <= (${place}) ORDER BY e.round DESC, e.position DESC LIMIT 1),
    (SELECT e.balance + CASE WHEN e.name IN
        ('transaction.charged', 'transaction.partially_captured', 'transaction.rejected', 'transaction.failed')
        THEN -e.amount ELSE e.amount END
      ${changes} AND (e.round, e.position) > (${place}) ORDER BY e.round, e.position LIMIT 1),
    (SELECT a.balance FROM account a WHERE a.owner_id = p.merchant_id AND a.currency = t.currency AND a.kind = 'merchant' LIMIT 1), 0)`;
}

/** What a page is made of: SQL. */
export interface PageSource {
  /** CTEs that the others name, each followed by a comma. */
  readonly ctes?: string;
  /** The place after which it begins, two expressions; without a place it is empty. */
  readonly after: string;
  readonly limit: string;
  /** A query of the merchants whose events it has, within the page's snapshot. */
  readonly merchants: string;
}

/** The same page, up to either horizon. */
export interface PageSql {
  readonly snapshot: string;
  readonly database: string;
}

/**
 * Balances are those before the page, which `pageOf` takes on from event to event: one look-up for all events of a
 * merchant, as one for each would take as long as the rest of the page.
 *
 * A row for each of `event`, at least one: the page's last place is on each. `IS TRUE` keeps the list of merchants a hash
 * table that is built once; a join would be planned as a loop over it.
 */
export function pageSql({ ctes = '', after, limit, merchants }: PageSource): PageSql {
  const upTo = (horizon: string): string => `WITH ${ctes}
    horizon AS MATERIALIZED (SELECT ${horizon} + event_round_offset AS round, epochs[cardinality(epochs)] AS epoch FROM installation),
    page AS MATERIALIZED (SELECT * FROM event WHERE (round, position) > (${after})
      AND round <= (SELECT round FROM horizon) ORDER BY round, position LIMIT ${limit}),
    found AS (SELECT ${EVENT_FIELDS}, l.link, t.*, b.balance AS "balanceBefore" FROM page p
      LEFT JOIN LATERAL (${LINK_OF_EVENT}) l ON true
      LEFT JOIN LATERAL (SELECT ${TRANSACTION_COLUMNS} FROM transaction WHERE id = p.transaction_id LIMIT 1) t ON true
      CROSS JOIN LATERAL (SELECT ${balanceAt(after)} AS balance LIMIT 1) b
      WHERE (p.merchant_id IN (${merchants})) IS TRUE)
    SELECT h.round AS horizon, h.epoch, l.round AS "lastRound", l.position AS "lastPosition",
      (SELECT count(*)::int FROM page) AS scanned,
      (SELECT round FROM event WHERE round > h.round ORDER BY round LIMIT 1) AS waiting, f.*
    FROM horizon h
    LEFT JOIN LATERAL (SELECT round, position FROM page ORDER BY round DESC, position DESC LIMIT 1) l ON true
    LEFT JOIN found f ON true ORDER BY f.round, f.position`;
  return { snapshot: upTo(SNAPSHOT_HORIZON), database: upTo(DATABASE_HORIZON) };
}

const GIVEN_PAGE = pageSql({
  after: '$1::bigint, $2::bigint',
  limit: '$3::int',
  merchants: 'SELECT unnest($4::uuid[])',
});

/** A row of what `pageSql` makes. */
export interface PageRow extends FeedEventRow {
  /** The merchant's, in the transaction's currency, before the page's first event. */
  readonly balanceBefore: Minor;
  readonly epoch: string | null;
  readonly horizon: bigint;
  readonly lastRound: bigint | null;
  readonly lastPosition: bigint | null;
  readonly scanned: number;
  readonly waiting: bigint | null;
  /** Null when no event of the page is of these merchants. */
  readonly transactionId: string | null;
  /** What the event is of, where that is no transaction. */
  readonly link: LinkJson | null;
}

/** The fields of a row of `event`, and its transaction's. */
export interface FeedEventRow extends Transaction {
  readonly seq: number;
  readonly eventMerchantId: string;
  readonly name: string;
  readonly eventStatus: TransactionEvent['status'];
  readonly eventAmount: Minor;
  readonly eventCaptured: Minor;
  readonly eventReleased: Minor;
  readonly eventRefunded: Minor;
  readonly eventReserved: Minor;
  readonly eventBalance: Minor | null;
  readonly actor: TransactionEvent['actor'];
  readonly reason: string | null;
  readonly at: number;
  readonly round: bigint;
  readonly position: bigint;
  readonly withCreated: boolean;
  /** When the event's link was to end then; null: it is a transaction's event. */
  readonly linkExpiresAt: number | null;
}

/**
 * The next events of these merchants.
 * @throws HorizonFellError
 * @param db `feedReads`, or within a transaction that has `enable_seqscan` off
 */
export async function readEvents(db: StatementRunner, query: FeedQuery): Promise<FeedPage> {
  const { after, merchantIds, limit, clusterWide } = query;
  const { rows } = await db.query<PageRow>({
    name: clusterWide ? 'events_database' : 'events_snapshot',
    text: clusterWide ? GIVEN_PAGE.database : GIVEN_PAGE.snapshot,
    values: [String(after.round), String(after.position), String(limit), plainArray(merchantIds)],
  });
  return pageOf(rows, query);
}

/**
 * Whoever goes on from a place that the horizon is below would skip what is written between the two, as on a proxy that
 * asks several databases in turn. Only `clusterWide` horizons never fall: others' transactions hold the usual one back.
 * @param rows of what `pageSql` makes
 * @throws HorizonFellError
 */
export function pageOf(
  rows: readonly PageRow[],
  query: Pick<FeedQuery, 'after' | 'limit' | 'clusterWide'>,
): FeedPage {
  const { after, limit, clusterWide } = query;
  const [first] = rows;
  if (first === undefined) throw new Error('the installation row is missing');
  if (clusterWide && first.horizon < BigInt(after.round))
    throw new HorizonFellError(Number(first.horizon), after);
  const balances = new Map<string, Minor>();
  const eventsIn = (row: PageRow): readonly FeedEvent[] => {
    if (row.transactionId === null) return [];
    if (row.linkExpiresAt !== null && row.link !== null)
      return [linkFeedEventOf(row, row.linkExpiresAt, linkOf(row.link))];
    const account = `${row.eventMerchantId} ${row.currency}`;
    const balance = row.eventBalance ?? balances.get(account) ?? row.balanceBefore;
    balances.set(account, balance);
    // The place may be that of the row's first event.
    return feedEventsOf(row, row.transactionId, balance).filter(({ at }) => comparePositions(at, after) > 0);
  };
  return {
    events: rows.flatMap(eventsIn),
    end: placeOf(first.lastRound, first.lastPosition) ?? after,
    epoch: first.epoch,
    horizon: Number(first.horizon),
    scanned: first.scanned,
    more: first.scanned === limit,
    waiting: first.waiting === null ? null : Number(first.waiting),
  };
}

function placeOf(round: bigint | null, position: bigint | null): FeedPosition | null {
  return round === null || position === null ? null : { round: Number(round), position: Number(position) };
}

/** The events of a row, in their order, as their transaction and its merchant's balance were right after each. */
export function feedEventsOf(
  row: FeedEventRow,
  transactionId: string,
  balance: Minor,
): readonly TransactionFeedEvent[] {
  const last: TransactionEvent = {
    transactionId,
    seq: row.seq,
    merchantId: row.eventMerchantId,
    name: row.name,
    status: row.eventStatus,
    amount: row.eventAmount,
    captured: row.eventCaptured,
    released: row.eventReleased,
    refunded: row.eventRefunded,
    reserved: row.eventReserved,
    balance: row.eventBalance,
    balanceCurrency: row.eventBalance === null ? null : row.currency,
    actor: row.actor,
    reason: row.reason,
    at: row.at,
  };
  const [round, position] = [Number(row.round), Number(row.position)];
  return eventsOf({ event: last, withCreated: row.withCreated }).map((event) => ({
    event,
    transaction: transactionAsOf(row, event),
    balance,
    at: { round, position: position - (last.seq - event.seq) },
  }));
}

export function linkFeedEventOf(row: FeedEventRow, expiresAt: number, link: PaymentLink): LinkFeedEvent {
  const { seq, name, actor, at, eventAmount: amount, eventMerchantId: merchantId } = row;
  const status = row.eventStatus as string as LinkStatus;
  const event: LinkEvent = { linkId: link.id, seq, merchantId, name, status, amount, actor, expiresAt, at };
  const place = { round: Number(row.round), position: Number(row.position) };
  return { event, link: linkAsOf(link, event), at: place };
}

export interface FeedEnd {
  /** The last event that can be read; before all when there is none. */
  readonly end: FeedPosition;
  /** Rounds up to this one are complete. */
  readonly horizon: number;
  /** No position that was ever given out is beyond this. */
  readonly limit: FeedPosition;
  readonly waiting: number | null;
  /** In their order, the current one last. */
  readonly epochs: readonly string[];
}

interface FeedEndRow {
  readonly horizon: bigint;
  readonly limit: bigint;
  readonly epochs: readonly string[];
  readonly waiting: bigint | null;
  readonly lastRound: bigint | null;
  readonly lastPosition: bigint | null;
}

/** Where the feed ends now: as far as any reader may have come. */
export async function readFeedEnd(db: StatementRunner): Promise<FeedEnd> {
  const { rows } = await db.query<FeedEndRow>({
    name: 'events_end',
    text: `SELECT h.*, (SELECT round FROM event WHERE round > h.horizon ORDER BY round LIMIT 1) AS waiting,
        l.round AS "lastRound", l.position AS "lastPosition"
      FROM (SELECT epochs, ${DATABASE_HORIZON} + event_round_offset AS horizon,
        pg_snapshot_xmax(pg_current_snapshot())::text::bigint + event_round_offset AS "limit" FROM installation) h
      LEFT JOIN LATERAL (SELECT round, position FROM event WHERE round <= h.horizon
        ORDER BY round DESC, position DESC LIMIT 1) l ON true`,
  });
  const [row] = rows;
  if (row === undefined) throw new Error('the installation row is missing');
  const { horizon, limit, waiting, lastRound, lastPosition, epochs } = row;
  return {
    end: placeOf(lastRound, lastPosition) ?? { round: 0, position: 0 },
    horizon: Number(horizon),
    limit: endOfRound(Number(limit)),
    waiting: waiting === null ? null : Number(waiting),
    epochs,
  };
}

/** Of this statement's snapshot: every event that commits later is of a later round. */
export const LAST_ROUND = `(SELECT ${DATABASE_HORIZON} + event_round_offset FROM installation)`;

/**
 * Waits until every event that has been committed by now is of a round up to `LAST_ROUND`: transactions that have
 * begun before must end for that. After the limit it waits no longer for one that takes its time.
 */
export async function untilComplete(db: Queryable, limitMs: number): Promise<void> {
  const limit = performance.now() + limitMs;
  const begun = await readFeedEnd(db);
  for (let { horizon } = begun; endOfRound(horizon).round < begun.limit.round; ) {
    if (performance.now() > limit) return;
    await pause(COMPLETE_POLL_MS);
    ({ horizon } = await readFeedEnd(db));
  }
}

/** The events of a transaction after number `after`, oldest first. */
export async function listEvents(
  db: Queryable,
  transactionId: string,
  after: number,
  limit: number,
): Promise<TransactionEvent[]> {
  const { rows } = await db.query<TransactionEvent & Pick<EventRow, 'withCreated'>>({
    name: 'events_of',
    text: `SELECT transaction_id AS "transactionId", seq, merchant_id AS "merchantId", name, status, amount, captured,
        released, refunded, reserved, balance, balance_currency AS "balanceCurrency", actor, reason, at,
        with_created AS "withCreated"
      FROM event WHERE transaction_id = $1 AND seq > $2 ORDER BY seq LIMIT $3`,
    values: [transactionId, after, limit],
  });
  return rows
    .flatMap(({ withCreated, ...event }) => eventsOf({ event, withCreated }))
    .filter(({ seq }) => seq > after)
    .slice(0, limit);
}
