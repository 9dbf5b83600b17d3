/** The overview: what happened in a stretch of time, hour by hour or day by day, and in the one before. */
import Type, { type Static } from 'typebox';
import { parseCurrency } from '../core/values/currency.ts';
import { parsed } from '../core/values/parse.ts';
import {
  beginningOf,
  boundariesOf,
  currenciesOf,
  type Interval,
  previousOf,
  type Range,
  type Totals,
  totalsOf,
} from './statistics.ts';
import { iso, isTime, parseTime } from '../core/values/time.ts';
import { parseTimeZone, type TimeZone, UTC } from '../core/values/timeZone.ts';
import type { Millis } from '../core/transaction.ts';
import { readClock } from '../installation/installationSql.ts';
import { findMerchant } from '../merchants/merchantsSql.ts';
import { readStatistics } from './statisticsSql.ts';
import { ERRORS } from '../http/adminCommon.ts';
import { merchantOf, SUMS } from '../identity/auth.ts';
import type { App } from '../http/baseApp.ts';
import type { Deps } from '../app/deps.ts';
import { fieldError } from '../http/errors.ts';
import { exactJson } from '../http/exactJson.ts';
import { sendJson } from '../http/send.ts';
import { valuesOf } from '../http/parseFields.ts';
import { Recent } from '../http/memo.ts';
import { Balance, closed } from '../http/schemas.ts';
import { readAsOf, tellAsOf, wantsCurrent } from '../http/recentRead.ts';
import type { Pool } from '../postgres/pool.ts';
import type { RecentRead } from '../postgres/replica.ts';
import { throwTooBroad } from '../http/searchLimit.ts';

/** Eight days by the hour. */
const MAX_BUCKETS = 200;
const DEFAULT_INTERVALS = 24;
const RECENT_MS = 2_000;
/** What "expiring soon" means. */
export const EXPIRING_WITHIN_MS = 86_400_000;

const Count = Type.Integer({ minimum: 0 });
const Time = Type.String({ format: 'date-time' });
const volume = (description: string) =>
  Type.Integer({ format: 'bigint', description: `Minor units. ${description}` });
const totals = {
  count: Type.Integer({ description: 'Payments that began in this time, by how they stand now.' }),
  succeeded: Type.Integer({ description: 'Authorized, charged or refunded.' }),
  declined: Type.Integer({ description: 'Refused by bank, wallet or customer.' }),
  failed: Type.Integer({ description: 'Not decided because of an error.' }),
  cancelled: Type.Integer({ description: 'Released before anything was captured, or expired.' }),
  pending: Type.Integer({ description: 'Not decided yet.' }),
  authorizedVolume: volume('The authorized amounts of those that succeeded, captured or not.'),
  captured: Type.Integer({ description: 'Payments of which something was captured: charged or refunded, or authorized with more captures to follow.' }),
  capturedVolume: volume('What was captured of them, before refunds; what is still held or was released does not count.'),
  averageAmount: Type.Integer({ description: 'Minor units. `capturedVolume / captured`, rounded down.' }),
  refunds: Type.Integer({
    description: 'Refunds that began in this time and are done, of whatever payments.',
  }),
  refundedVolume: volume('The amounts of those refunds.'),
  netVolume: volume('`capturedVolume - refundedVolume`; below 0 where more was refunded than captured.'),
};
const Held = Type.Object({ count: Count, heldVolume: Balance });

export const StatisticsBucket = Type.Object({ start: Time, ...totals }, { $id: 'StatisticsBucket' });
export const StatisticsTotals = Type.Object({ from: Time, to: Time, ...totals }, { $id: 'StatisticsTotals' });
export const StatisticsHeld = Type.Object(Held.properties, { $id: 'StatisticsHeld' });
export const StatisticsView = Type.Object(
  {
    interval: Type.Enum(['hour', 'day']),
    timeZone: Type.String({ description: 'In which days begin and end.', examples: ['Asia/Almaty'] }),
    currency: Type.Union([Type.String(), Type.Null()], {
      description: 'Of all numbers here; null when there is no transaction in this time or before.',
    }),
    currencies: Type.Array(Type.String(), { description: 'That there were, the most frequent first.' }),
    buckets: Type.Array(Type.Ref('StatisticsBucket'), { description: 'Without gaps, oldest first.' }),
    totals: Type.Ref('StatisticsTotals'),
    previous: Type.Ref('StatisticsTotals'),
    declines: Type.Array(Type.Object({ reason: Type.Union([Type.String(), Type.Null()]), count: Count }), {
      description: 'Why payments of this time were declined or failed, the most frequent first.',
    }),
    waitingForCapture: Type.Ref('StatisticsHeld'),
    expiringSoon: Type.Ref('StatisticsHeld'),
  },
  { $id: 'Statistics' },
);
export const STATISTICS_OBJECTS = [StatisticsBucket, StatisticsTotals, StatisticsHeld, StatisticsView];

const Query = Type.Object(
  {
    from: Type.Optional(
      Type.String({
        description: 'Begins the first bucket: RFC 3339, in any time zone. Default: as `intervals` says.',
      }),
    ),
    to: Type.Optional(Type.String({ description: 'RFC 3339, in any time zone. Default: now.' })),
    interval: Type.Optional(Type.Enum(['hour', 'day'], { description: 'Default: hour.' })),
    intervals: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: MAX_BUCKETS,
        description: `In place of \`from\`: how many whole hours or days, the last of which may have just begun. Default: ${DEFAULT_INTERVALS}.`,
      }),
    ),
    timeZone: Type.Optional(
      Type.String({
        description:
          'In which days begin and end, by its name in IANA’s database. Default: the merchant’s, else UTC.',
        examples: ['Asia/Almaty'],
      }),
    ),
    currency: Type.Optional(Type.String({ description: 'Default: the most frequent one.' })),
  },
  closed,
);
type Query = Static<typeof Query>;

const DESCRIPTION = `Payments and refunds counted by when they began. The first bucket begins at \`from\`; hours follow from there on, and
days at every midnight of \`timeZone\`, also those of 23 or 25 hours. \`previous\` is the same stretch as many hours or
calendar days earlier. \`waitingForCapture\` and \`expiringSoon\` (within 24 hours) are as of now, whatever the time
asked for. Answers may be ${RECENT_MS / 1_000} seconds old, or ten times as old as they take. One that takes more than 2 seconds is refused with \`search_too_broad\`.`;

export function statisticsRoutes(app: App, deps: Deps): void {
  const recent = new Recent<RecentRead<string>>(RECENT_MS);
  app.get(
    '/v1/statistics',
    {
      config: SUMS,
      schema: {
        operationId: 'getStatistics',
        summary: 'Volume, success and declines over time',
        description: DESCRIPTION,
        tags: ['Transactions'],
        security: [{ merchantApiKey: [] }],
        querystring: Query,
        response: { 200: Type.Ref('Statistics'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const { merchantId } = merchantOf(request);
      const asked = parseQuery(request.query);
      const name = JSON.stringify([merchantId, request.query, wantsCurrent(request)]);
      const compute = async (): Promise<RecentRead<string>> => {
        const here = await hereOf(deps, merchantId, asked);
        return readAsOf(deps, request, { kind: 'figures' }, (pool) => answer(pool, merchantId, asked, here));
      };
      const { value, asOf } = await recent.get(name, compute).catch(throwTooBroad);
      tellAsOf(reply, asOf);
      return sendJson(reply, 200, value);
    },
  );
}

interface Asked {
  readonly from: Millis | null;
  readonly to: Millis | null;
  readonly interval: Interval;
  readonly intervals: number;
  readonly timeZone: TimeZone | null;
  readonly currency: string | null;
}

/** @throws ApiError 400 naming every parameter that is wrong */
function parseQuery({ from, to, interval = 'hour', intervals, timeZone, currency }: Query): Asked {
  const fields = valuesOf({
    from: from === undefined ? parsed(null) : parseTime(from),
    to: to === undefined ? parsed(null) : parseTime(to),
    timeZone: timeZone === undefined ? parsed(null) : parseTimeZone(timeZone),
    currency: currency === undefined ? parsed(null) : parseCurrency(currency),
  });
  if (from !== undefined && intervals !== undefined)
    throw fieldError('invalid_request', 'intervals', 'must not be combined with from');
  return { ...fields, interval, intervals: intervals ?? DEFAULT_INTERVALS };
}

/** What of the question the primary answers, whoever does the rest: by its clock, in the merchant's own time. */
interface Here {
  readonly now: Millis;
  readonly zone: TimeZone;
}

async function hereOf({ pool }: Deps, merchantId: string, { timeZone }: Asked): Promise<Here> {
  const now = await readClock(pool);
  return { now, zone: timeZone ?? (await findMerchant(pool, merchantId))?.timeZone ?? UTC };
}

async function answer(pool: Pool, merchantId: string, asked: Asked, { now, zone }: Here): Promise<string> {
  const { interval } = asked;
  const range = rangeOf(asked, now, zone);
  const previous = previousOf(range, interval, zone);
  const boundaries = boundariesOf(range, interval, zone, MAX_BUCKETS);
  checkRange(asked, range, previous, boundaries.length - 1);
  // What is between the range before and this one is counted with it, and left out below.
  const before = previous.to < range.from ? [previous.from, previous.to] : [previous.from];
  const found = await readStatistics(
    pool,
    merchantId,
    [...before, ...boundaries],
    before.length,
    now,
    EXPIRING_WITHIN_MS,
  );
  const currencies = currenciesOf(found.kinds);
  const currency = asked.currency ?? currencies[0] ?? found.holds[0]?.currency ?? null;
  const own = found.kinds.filter((kind) => kind.currency === currency);
  const held = found.holds.find((hold) => hold.currency === currency);
  const none = { count: 0, heldVolume: 0n };
  return exactJson({
    ...{ interval, timeZone: zone, currency, currencies },
    buckets: boundaries.slice(0, -1).map((start, i) => ({
      start: iso(start),
      ...totalsOf(own.filter(({ bucket }) => bucket === before.length + i)),
    })),
    totals: spanOf(range, totalsOf(own.filter(({ bucket }) => bucket >= before.length))),
    previous: spanOf(previous, totalsOf(own.filter(({ bucket }) => bucket === 0))),
    declines: declinesOf(found.declines.filter((decline) => decline.currency === currency)),
    waitingForCapture: held?.all ?? none,
    expiringSoon: held?.expiring ?? none,
  });
}

function rangeOf({ from, to: until, interval, intervals }: Asked, now: Millis, zone: TimeZone): Range {
  const to = until ?? now;
  return { from: from ?? beginningOf(to, intervals, interval, zone), to };
}

/** @throws ApiError 400 */
function checkRange(asked: Asked, { from, to }: Range, previous: Range, buckets: number): void {
  if (from >= to) throw fieldError('invalid_request', 'to', 'must be later than from');
  if (buckets > MAX_BUCKETS)
    throw fieldError('invalid_request', 'from', `must be at most ${MAX_BUCKETS} intervals before to`);
  if (!isTime(previous.from))
    throw fieldError(
      'invalid_request',
      asked.from === null ? 'to' : 'from',
      'must leave room for the range before it, within the years 1 to 9999',
    );
}

function spanOf({ from, to }: Range, numbers: Totals) {
  return { from: iso(from), to: iso(to), ...numbers };
}

/** All buckets together. */
function declinesOf(rows: readonly { readonly reason: string | null; readonly count: number }[]) {
  const counts = new Map<string | null, number>();
  for (const { reason, count } of rows) counts.set(reason, (counts.get(reason) ?? 0) + count);
  return [...counts].map(([reason, count]) => ({ reason, count })).sort((a, b) => b.count - a.count);
}
