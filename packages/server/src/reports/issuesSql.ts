/** What the rules of issues look at, and which issues a merchant does not want to see. */
import {
  EXPIRING_MS,
  type FailingEndpoint,
  type Observations,
  OUTSTANDING_MS,
  RECENT_MS,
  UNKNOWN_MS,
  USUAL_HOURS,
} from './issues.ts';
import { totalsOf } from './statistics.ts';
import { readTriedCards } from '../checkout/attemptsSql.ts';
import type { Millis } from '../core/transaction.ts';
import { KINDS, SAME_KIND } from '../payments/lookupsSql.ts';
import type { Pool, Queryable } from '../postgres/pool.ts';
import { readStatistics } from './statisticsSql.ts';

/** Statements as bounded as those of statistics. @param now on the engine's clock */
export async function observe(pool: Pool, merchantId: string, now: Millis): Promise<Observations> {
  const [before, since] = [now - RECENT_MS - USUAL_HOURS * 3_600_000, now - RECENT_MS];
  const boundaries = [before, since, now];
  const { kinds, declines, holds } = await readStatistics(pool, merchantId, boundaries, 0, now, EXPIRING_MS);
  const decided = (bucket: number) => totalsOf(kinds.filter((kind) => kind.bucket === bucket));
  const reasons = new Map<string | null, { recent: number; usual: number; since: Millis }>();
  for (const { reason, bucket, count, first } of declines) {
    const counts = reasons.get(reason) ?? { recent: 0, usual: 0, since: now };
    counts[bucket === 0 ? 'usual' : 'recent'] += count;
    if (bucket > 0) counts.since = Math.min(counts.since, first);
    reasons.set(reason, counts);
  }
  const soonest = holds.flatMap(({ expiresFirst }) => expiresFirst ?? []);
  const expiringSince = holds.flatMap((hold) => hold.expiringSince ?? []);
  return {
    now,
    recent: decided(1),
    usual: decided(0),
    declines: [...reasons].map(([reason, counts]) => ({ reason, ...counts })),
    outstanding: await readOutstanding(pool, merchantId, now - OUTSTANDING_MS),
    bankOperations: await readUnknown(pool, merchantId, now - UNKNOWN_MS),
    expiring: {
      count: holds.reduce((sum, { expiring }) => sum + expiring.count, 0),
      soonest: soonest.length === 0 ? null : Math.min(...soonest),
      since: expiringSince.length === 0 ? null : Math.min(...expiringSince),
    },
    triedCards: await readTriedCards(pool, merchantId),
    failingEndpoints: await readFailingEndpoints(pool, merchantId),
  };
}

async function readOutstanding(
  db: Queryable,
  merchantId: string,
  before: Millis,
): Promise<Observations['outstanding']> {
  const { rows } = await db.query<Observations['outstanding']>(
    `${KINDS} SELECT coalesce(sum(t.count), 0)::int AS count, min(t.oldest) AS oldest
     FROM kind k CROSS JOIN LATERAL (SELECT count(*) AS count, min(created_at) AS oldest FROM transaction
       WHERE merchant_id = $1 AND ${SAME_KIND} AND created_at < $2) t
     WHERE k.status IN ('created', '3d') AND k.type = 'payment'`,
    [merchantId, new Date(before)],
  );
  return rows[0] ?? { count: 0, oldest: null };
}

/** As many as are counted one by one. */
const MOST_UNKNOWN = 1_000;

async function readUnknown(
  db: Queryable,
  merchantId: string,
  before: Millis,
): Promise<Observations['bankOperations']> {
  const { rows } = await db.query<Observations['bankOperations'][number]>(
    `SELECT transaction_id AS "transactionId", requested_at AS "requestedAt" FROM bank_operation
     WHERE next_attempt_at IS NOT NULL AND merchant_id = $1 AND requested_at < $2
     ORDER BY requested_at LIMIT ${MOST_UNKNOWN}`,
    [merchantId, new Date(before)],
  );
  return rows;
}

/** @returns oldest first */
async function readFailingEndpoints(db: Queryable, merchantId: string): Promise<FailingEndpoint[]> {
  const { rows } = await db.query<FailingEndpoint>(
    `SELECT e.id, e.url, e.failing_since AS "failingSince", e.disabled_reason AS "disabledReason", l.pending
     FROM webhook_endpoint e CROSS JOIN LATERAL
       (SELECT coalesce(sum(pending), 0)::int AS pending FROM webhook_lane WHERE endpoint_id = e.id) l
     WHERE e.merchant_id = $1 AND e.deleted_at IS NULL AND e.failing_since IS NOT NULL
       AND e.disabled_reason IS DISTINCT FROM 'requested'
     ORDER BY e.failing_since, e.id`,
    [merchantId],
  );
  return rows;
}

/** In real time, as people are. @param seconds 0: shown again. @returns until when; null: shown */
export async function muteIssue(
  db: Queryable,
  merchantId: string,
  issueId: string,
  seconds: number,
): Promise<Millis | null> {
  if (seconds === 0) {
    await db.query('DELETE FROM issue_mute WHERE merchant_id = $1 AND issue_id = $2', [merchantId, issueId]);
    return null;
  }
  const { rows } = await db.query<{ until: Millis }>(
    `INSERT INTO issue_mute (merchant_id, issue_id, until) VALUES ($1, $2, clock_timestamp() + $3 * interval '1 second')
     ON CONFLICT (merchant_id, issue_id) DO UPDATE SET until = excluded.until RETURNING until`,
    [merchantId, issueId, seconds],
  );
  return rows[0]?.until ?? null;
}

/** Until when which issues are muted. */
export async function readMutes(db: Queryable, merchantId: string): Promise<ReadonlyMap<string, Millis>> {
  const { rows } = await db.query<{ id: string; until: Millis }>(
    'SELECT issue_id AS id, until FROM issue_mute WHERE merchant_id = $1 AND until > clock_timestamp()',
    [merchantId],
  );
  return new Map(rows.map(({ id, until }) => [id, until]));
}
