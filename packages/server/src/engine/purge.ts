import type { Queryable } from '../store/postgres.ts';
import { purgeKeys, purgeRequests } from '../store/purge.ts';
import { purgeSessions } from '../store/sessions.ts';

/** Between two stretches of a table: 4 MB a second at most. */
const STEP_MS = 250;
/** Between two passes over a table. */
const PASS_MS = 10 * 60_000;

export interface Purge {
  stop(): Promise<void>;
}

/**
 * Purges old idempotency keys, the old part of the request log, and sessions that are over, in the background, on
 * every node: each passes over rows that another has locked.
 */
export function startPurge(db: Queryable, onError: (error: unknown) => void): Purge {
  const passes = [
    startPasses((page) => purgeKeys(db, page), onError),
    startPasses((page) => purgeRequests(db, page), onError),
    startPasses(() => purgeSessions(db).then(() => null), onError),
  ];
  return {
    stop: async () => {
      await Promise.all(passes.map((pass) => pass.stop()));
    },
  };
}

/** @param purge does one stretch, and says where the next one begins; null: the pass is over */
function startPasses(
  purge: (page: number) => Promise<number | null>,
  onError: (error: unknown) => void,
): Purge {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let page: number | null = 0;
  let running: Promise<void> = Promise.resolve();
  const step = async (): Promise<void> => {
    page = await purge(page ?? 0);
  };
  const tick = (): void => {
    running = step()
      .catch(onError)
      .finally(() => {
        if (!stopped) timer = setTimeout(tick, page === null ? PASS_MS : STEP_MS);
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
