import { shareEventRows } from '../engine/eventRowsSql.ts';
import type { Queryable } from '../postgres/pool.ts';

/** The last node of the version before may end at any time. */
const INTERVAL_MS = 10_000;

export interface AfterUpgrade {
  stop(): Promise<void>;
}

/** Does what an upgrade leaves for when the last node of the version before has ended; on every node, until it is done. */
export function startAfterUpgrade(db: Queryable, onError: (error: unknown) => void): AfterUpgrade {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  const tick = (): void => {
    running = shareEventRows(db)
      .catch((error: unknown) => {
        onError(error);
        return false;
      })
      .then((isDone) => {
        if (!isDone && !stopped) timer = setTimeout(tick, INTERVAL_MS).unref();
      });
  };
  tick();
  return {
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
