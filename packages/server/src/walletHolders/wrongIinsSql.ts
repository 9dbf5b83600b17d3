/** Wrong pairs of phone numbers and IINs, as merchants and addresses make them, and what operators hear of all. */
import { ALARMING, callerLockMs, FORGET_GUESSES_MS } from '../core/guesses.ts';
import type { Queryable } from '../postgres/pool.ts';
import type { GuessedSubject } from '../reports/issues.ts';

/** What a merchant, or an address, has asked since it was last counted. */
export interface Asked {
  readonly kind: 'merchant' | 'address';
  readonly subject: string;
  readonly wrong: number;
  readonly asked: number;
}

/** What is locked, and for how long from now. */
export interface CallerLock extends Pick<Asked, 'kind' | 'subject'> {
  readonly ms: number;
}

const FORGET = `${FORGET_GUESSES_MS} * interval '1 millisecond'`;
const RECENT = `w.since > clock_timestamp() - ${FORGET}`;

/** Counts them, in real time, within a transaction. @returns all of these callers that are locked now */
export async function countAsked(db: Queryable, callers: readonly Asked[]): Promise<CallerLock[]> {
  const { rows } = await db.query<Asked & { readonly lockedMs: number }>(
    `INSERT INTO wrong_iin AS w (kind, subject, wrong, asked, since, last_at)
       SELECT kind, subject, wrong, asked, clock_timestamp(), clock_timestamp()
       FROM unnest($1::text[], $2::text[], $3::int[], $4::bigint[]) u(kind, subject, wrong, asked) ORDER BY 1, 2
     ON CONFLICT (kind, subject) DO UPDATE SET last_at = excluded.last_at,
       wrong = CASE WHEN ${RECENT} THEN w.wrong ELSE 0 END + excluded.wrong,
       asked = CASE WHEN ${RECENT} THEN w.asked ELSE 0 END + excluded.asked,
       since = CASE WHEN ${RECENT} THEN w.since ELSE excluded.since END
     RETURNING kind, subject, wrong, asked::float8 AS asked,
       coalesce(ceil(extract(epoch FROM locked_until - clock_timestamp()) * 1000), 0)::int AS "lockedMs"`,
    [
      callers.map(({ kind }) => kind),
      callers.map(({ subject }) => subject),
      callers.map(({ wrong }) => wrong),
      callers.map(({ asked }) => asked),
    ],
  );
  const locks = rows.map(({ kind, subject, wrong, asked, lockedMs }) => ({
    ...{ kind, subject },
    ms: lockedMs > 0 ? lockedMs : callerLockMs(wrong, asked),
  }));
  await db.query(
    `UPDATE wrong_iin w SET locked_until = clock_timestamp() + u.ms * interval '1 millisecond'
     FROM unnest($1::text[], $2::text[], $3::bigint[]) u(kind, subject, ms)
     WHERE w.kind = u.kind AND w.subject = u.subject AND u.ms > 0
       AND (w.locked_until IS NULL OR w.locked_until <= clock_timestamp())`,
    [locks.map(({ kind }) => kind), locks.map(({ subject }) => subject), locks.map(({ ms }) => ms)],
  );
  return locks.filter(({ ms }) => ms > 0);
}

/** As many as anybody reads. */
const MOST_SHOWN = 100;

/** Who has had alarmingly many wrong pairs within a day, the most first. */
export async function readGuessed(db: Queryable): Promise<GuessedSubject[]> {
  const { rows } = await db.query<GuessedSubject>(
    `SELECT w.kind, w.subject, m.name AS "merchantName", w.wrong, w.since, w.last_at AS "lastAt",
       w.locked_until AS "lockedUntil"
     FROM wrong_iin w LEFT JOIN merchant m ON w.kind = 'merchant' AND m.id::text = w.subject
     WHERE w.last_at > clock_timestamp() - ${FORGET}
       AND w.wrong >= CASE w.kind WHEN 'phone' THEN ${ALARMING.phone} WHEN 'merchant' THEN ${ALARMING.merchant}
         ELSE ${ALARMING.address} END
     ORDER BY w.wrong DESC, w.kind, w.subject LIMIT ${MOST_SHOWN}`,
  );
  return rows;
}

/** Takes away what is forgotten, in steps. */
export async function purgeWrongIins(db: Queryable): Promise<void> {
  await db.query(
    `DELETE FROM wrong_iin WHERE (kind, subject) IN (SELECT kind, subject FROM wrong_iin
       WHERE last_at < clock_timestamp() - 2 * ${FORGET} LIMIT 500 FOR UPDATE SKIP LOCKED)`,
  );
}
