import { purgeAttempts } from '../checkout/attemptsSql.ts';
import { purgeSessions } from '../identity/sessionsSql.ts';
import type { Queryable } from '../postgres/pool.ts';
import { purgeWrongIins } from '../walletHolders/wrongIinsSql.ts';
import { purgeKeys, purgeRequests, purgeTraces, purgeWebhooks, WEBHOOK_TABLES } from './purgeSql.ts';

/** Does one stretch of a table from this page on. @returns where the next one begins; null: it was the last */
type Step = (db: Queryable, fromPage: number) => Promise<number | null>;

/** What is purged, table by table. */
const TABLES: readonly Step[] = [
  purgeKeys,
  purgeRequests,
  purgeTraces,
  (db) => purgeSessions(db).then((hasMore) => (hasMore ? 0 : null)),
  (db) => purgeWrongIins(db).then(() => null),
  (db) => purgeAttempts(db).then((hasMore) => (hasMore ? 0 : null)),
  ...WEBHOOK_TABLES.map(
    (table): Step =>
      (db, page) =>
        purgeWebhooks(db, table, page),
  ),
];

/** Between two stretches of a table: 4 MB a second at most. */
const STEP_MS = 250;
/** Between two passes over all of them. */
const PASS_MS = 10 * 60_000;

export interface Purge {
  stop(): Promise<void>;
}

/**
 * Purges old idempotency keys, the old part of the request log, old traces of events, sessions that are over, wrong IINs and
 * attempts at the checkout of another day, and old webhooks in the background, on every node: each passes over rows that another has locked.
 */
export function startPurge(db: Queryable, onError: (error: unknown) => void): Purge {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let table = 0;
  let page: number | null = 0;
  let running: Promise<void> = Promise.resolve();
  const step = async (): Promise<void> => {
    page = (await TABLES[table]?.(db, page ?? 0)) ?? null;
    if (page === null) table = (table + 1) % TABLES.length;
  };
  const tick = (): void => {
    running = step()
      .catch(onError)
      .finally(() => {
        if (!stopped) timer = setTimeout(tick, page === null && table === 0 ? PASS_MS : STEP_MS);
      });
  };
  // Not at once: a start has enough to do.
  timer = setTimeout(tick, STEP_MS);
  return {
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
