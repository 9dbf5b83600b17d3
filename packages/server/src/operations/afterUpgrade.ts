import { readSharing, shareEventRows } from '../engine/eventRowsSql.ts';
import type { Queryable } from '../postgres/pool.ts';

const INTERVAL_MS = 1_000;
/**
 * So often in a row no older node must be seen. One whose connection fails, or whose database is slow, listens on none for up to
 * ten seconds, and one behind a pooler that lets it not listen is there for a second of each ten.
 */
const LOOKS = 180;

export interface AfterUpgrade {
  stop(): Promise<void>;
}

/**
 * Does what an upgrade leaves for when the last node of the version before has ended: two events become one row. On every
 * node, until it is done; in a database that is new it is.
 */
export function startAfterUpgrade(
  db: Queryable,
  onError: (error: unknown) => void,
  { intervalMs = INTERVAL_MS, looks = LOOKS } = {},
): AfterUpgrade {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  let unseen = 0;
  /** @returns whether it is done */
  const look = async (): Promise<boolean> => {
    const { shares, isEarly } = await readSharing(db);
    unseen = isEarly ? 0 : unseen + 1;
    if (shares || unseen < looks) return shares;
    await shareEventRows(db);
    return true;
  };
  const tick = (): void => {
    running = look()
      .catch((error: unknown) => {
        unseen = 0;
        onError(error);
        return false;
      })
      .then((isDone) => {
        if (!isDone && !stopped) timer = setTimeout(tick, intervalMs).unref();
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
