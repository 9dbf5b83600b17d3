import type { Engine } from './engine.ts';

/** Time moves on by itself: holds expire, delayed decisions are made, automatic captures happen. */
const SWEEP_INTERVAL_MS = 250;
/** Small, so that a sweep never holds its locks for long. */
const SWEEP_LIMIT = 100;

export interface Scheduler {
  /** Does everything that is due now. */
  sweep(): Promise<void>;
  stop(): Promise<void>;
}

/** Sweeps every quarter of a second. Any number of nodes may: each takes rows that no other has locked. */
export function startScheduler(engine: Engine, onError: (error: unknown) => void): Scheduler {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  const sweep = async (): Promise<void> => {
    while (!stopped && (await engine.doDue(SWEEP_LIMIT)) === SWEEP_LIMIT);
  };
  let running: Promise<void> = Promise.resolve();
  const tick = (): void => {
    running = sweep()
      .catch(onError)
      .finally(() => {
        if (!stopped) timer = setTimeout(tick, SWEEP_INTERVAL_MS);
      });
  };
  tick();
  return {
    sweep,
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
