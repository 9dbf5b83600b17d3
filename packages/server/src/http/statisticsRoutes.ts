/** The overview: what happened in a stretch of time, hour by hour or day by day, and in the one before. */
import Type, { type Static } from 'typebox';
import { parseCurrency } from '../domain/currency.ts';
import { parsed } from '../domain/parse.ts';
import { boundariesOf, currenciesOf, type Totals, totalsOf } from '../domain/statistics.ts';
import { iso, parseTime } from '../domain/time.ts';
import type { Millis } from '../domain/transaction.ts';
import { readClock } from '../store/installation.ts';
import { sqlStateOf } from '../store/postgres.ts';
import { readStatistics } from '../store/statistics.ts';
import { ERRORS } from './adminCommon.ts';
import { merchantOf, VIEWER } from './auth.ts';
import type { App } from './bareApp.ts';
import type { Deps } from './deps.ts';
import { ApiError } from './errors.ts';
import { exactJson } from './exactJson.ts';
import { sendJson } from './execute.ts';
import { invalidFields, valuesOf } from './fields.ts';
import { Recent } from './recent.ts';
import { Balance, closed } from './schemas.ts';

const INTERVAL_MS = { hour: 3_600_000, day: 86_400_000 } as const;
/** Eight days by the hour. */
const MAX_BUCKETS = 200;
const RECENT_MS = 2_000;
/** What "expiring soon" means. */
export const EXPIRING_WITHIN_MS = 86_400_000;

const Count = Type.Integer({ minimum: 0 });
const Time = Type.String({ format: 'date-time' });
const totals = {
  count: Type.Integer({ description: 'Payments that began in this time, by how they stand now.' }),
  volume: Balance,
  succeeded: Type.Integer({ description: 'Authorized, charged or refunded; `volume` is their amount.' }),
  declined: Type.Integer({ description: 'Refused by bank, wallet or customer.' }),
  failed: Type.Integer({ description: 'Not decided because of an error.' }),
  cancelled: Count,
  pending: Type.Integer({ description: 'Not decided yet.' }),
  averageAmount: Type.Integer({ description: 'Minor units, rounded down.' }),
  refunds: Type.Integer({ description: 'Refunds that began in this time and are done.' }),
  refundedVolume: Balance,
};
const Held = Type.Object({ count: Count, heldVolume: Balance });

export const StatisticsBucket = Type.Object({ start: Time, ...totals }, { $id: 'StatisticsBucket' });
export const StatisticsTotals = Type.Object({ from: Time, to: Time, ...totals }, { $id: 'StatisticsTotals' });
export const StatisticsHeld = Type.Object(Held.properties, { $id: 'StatisticsHeld' });
export const StatisticsView = Type.Object(
  {
    interval: Type.Enum(['hour', 'day']),
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
        description:
          'Begins the first bucket: RFC 3339, in any time zone. Default: 24 intervals before `to`.',
      }),
    ),
    to: Type.Optional(Type.String({ description: 'RFC 3339, in any time zone. Default: now.' })),
    interval: Type.Optional(Type.Enum(['hour', 'day'], { description: 'Default: hour.' })),
    currency: Type.Optional(Type.String({ description: 'Default: the most frequent one.' })),
  },
  closed,
);
type Query = Static<typeof Query>;

const DESCRIPTION = `Payments and refunds counted by when they began. Buckets follow each other from \`from\` on, so that days
are those of whatever time zone \`from\` is midnight in. \`previous\` is the same length of time before.
\`waitingForCapture\` and \`expiringSoon\` (within 24 hours) are as of now, whatever the time asked for. Answers may
be ${RECENT_MS / 1_000} seconds old, or ten times as old as they take. One that takes more than 2 seconds is refused with \`search_too_broad\`.`;

export function statisticsRoutes(app: App, deps: Deps): void {
  const recent = new Recent<string>(RECENT_MS);
  app.get(
    '/v1/statistics',
    {
      config: VIEWER,
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
      const name = JSON.stringify([merchantId, request.query]);
      const body = await recent
        .get(name, () => answer(deps, merchantId, asked))
        .catch((error: unknown) => {
          throw sqlStateOf(error) === QUERY_CANCELED ? new ApiError('search_too_broad') : error;
        });
      return sendJson(reply, 200, body);
    },
  );
}

const QUERY_CANCELED = '57014';

interface Asked {
  readonly from: Millis | null;
  readonly to: Millis | null;
  readonly interval: 'hour' | 'day';
  readonly currency: string | null;
}

/** @throws ApiError 400 naming every parameter that is wrong */
function parseQuery({ from, to, interval = 'hour', currency }: Query): Asked {
  const fields = valuesOf({
    from: from === undefined ? parsed(null) : parseTime(from),
    to: to === undefined ? parsed(null) : parseTime(to),
    currency: currency === undefined ? parsed(null) : parseCurrency(currency),
  });
  return { ...fields, interval };
}

async function answer(deps: Deps, merchantId: string, asked: Asked): Promise<string> {
  const now = await readClock(deps.pool);
  const { interval } = asked;
  const length = INTERVAL_MS[interval];
  const to = asked.to ?? now;
  const from = asked.from ?? to - 24 * length;
  checkRange(from, to, length);
  const before = from - (to - from);
  const boundaries = boundariesOf(from, to, length);
  const found = await readStatistics(
    deps.pool,
    merchantId,
    [before, ...boundaries],
    1,
    now + EXPIRING_WITHIN_MS,
  );
  const currencies = currenciesOf(found.kinds);
  const currency = asked.currency ?? currencies[0] ?? found.holds[0]?.currency ?? null;
  const own = found.kinds.filter((kind) => kind.currency === currency);
  const held = found.holds.find((hold) => hold.currency === currency);
  const none = { count: 0, heldVolume: 0n };
  return exactJson({
    interval,
    currency,
    currencies,
    buckets: boundaries.slice(0, -1).map((start, i) => ({
      start: iso(start),
      ...totalsOf(own.filter(({ bucket }) => bucket === i + 1)),
    })),
    totals: spanOf(from, to, totalsOf(own.filter(({ bucket }) => bucket > 0))),
    previous: spanOf(before, from, totalsOf(own.filter(({ bucket }) => bucket === 0))),
    declines: declinesOf(found.declines.filter((decline) => decline.currency === currency)),
    waitingForCapture: held?.all ?? none,
    expiringSoon: held?.expiring ?? none,
  });
}

/** @throws ApiError 400 */
function checkRange(from: Millis, to: Millis, length: Millis): void {
  if (from >= to)
    throw invalidFields([{ path: 'to', message: 'must be later than from' }], 'invalid_request');
  if ((to - from) / length > MAX_BUCKETS) {
    const message = `must be at most ${MAX_BUCKETS} intervals before to`;
    throw invalidFields([{ path: 'from', message }], 'invalid_request');
  }
}

function spanOf(from: Millis, to: Millis, numbers: Totals) {
  return { from: iso(from), to: iso(to), ...numbers };
}

/** All buckets together. */
function declinesOf(rows: readonly { readonly reason: string | null; readonly count: number }[]) {
  const counts = new Map<string | null, number>();
  for (const { reason, count } of rows) counts.set(reason, (counts.get(reason) ?? 0) + count);
  return [...counts].map(([reason, count]) => ({ reason, count })).sort((a, b) => b.count - a.count);
}
