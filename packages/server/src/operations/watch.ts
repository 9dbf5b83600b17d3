/** Looks at the database for the metrics now and then, on a connection that no payment waits for. */
import type { Pool } from '../postgres/pool.ts';
import { findOperatorIssues } from '../reports/issues.ts';
import { readGuessed } from '../walletHolders/wrongIinsSql.ts';
import { readWatched, type Watched } from './watchSql.ts';

const INTERVAL_MS = 10_000;

export interface WatchObserver {
  /** @param clockSkewSeconds how far the database's clock is ahead of this node's */
  watched(state: Watched, clockSkewSeconds: number): void;
  /** How many issues operators have now. */
  operatorIssues(severity: 'warning' | 'critical', count: number): void;
}

export interface Watch {
  /** Looks now. */
  look(): Promise<void>;
  stop(): Promise<void>;
}

export function startWatch(pool: Pool, observe: WatchObserver): Watch {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  const look = async (): Promise<void> => {
    const askedAt = Date.now();
    const state = await readWatched(pool);
    // The answer was made between the question and now: what cannot be told from that is no skew.
    const [early, late] = [state.clockMs - Date.now(), state.clockMs - askedAt];
    observe.watched(state, (early > 0 ? early : Math.min(0, late)) / 1_000);
    const issues = findOperatorIssues(await readGuessed(pool));
    for (const severity of ['warning', 'critical'] as const)
      observe.operatorIssues(severity, issues.filter((issue) => issue.severity === severity).length);
  };
  let running: Promise<void> = Promise.resolve();
  const tick = (): void => {
    running = look()
      // Whoever uses the database reports that it is away.
      .catch(() => undefined)
      .finally(() => {
        if (!stopped) timer = setTimeout(tick, INTERVAL_MS).unref();
      });
  };
  tick();
  return {
    look,
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
