import type { Queryable } from '../store/postgres.ts';
import { purgeKeys } from '../store/purge.ts';
import { purgeSessions } from '../store/sessions.ts';

/** Between two stretches of the table: 4 MB a second at most. */
const STEP_MS = 250;
/** Between two passes over the table. */
const PASS_MS = 10 * 60_000;

export interface Purge {
  stop(): Promise<void>;
}

/** Purges old idempotency keys and sessions in the background, on every node: each passes over rows that another has locked. */
export function startPurge(db: Queryable, onError: (error: unknown) => void): Purge {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let page: number | null = 0;
  let running: Promise<void> = Promise.resolve();
  const step = async (): Promise<void> => {
    if (page === null || page === 0) await purgeSessions(db);
    page = await purgeKeys(db, page ?? 0);
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
