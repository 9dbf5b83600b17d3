/** Moves the sandbox's clock, and does what falls due on the way before anybody is told. */
import { setTimeout as pause } from 'node:timers/promises';
import { retryOperationsNow } from '../acquiring/bankOperationsSql.ts';
import type { Engine } from '../engine/engine.ts';
import { isPassing } from '../postgres/databaseErrors.ts';
import type { Pool } from '../postgres/pool.ts';
import {
  areWebhooksDue,
  type Clock,
  isUnsettled,
  MAX_OFFSET_MS,
  readClockState,
  stepClock,
} from './clockSql.ts';

/** The bank's answers are waited for this long, all in all. */
export const SETTLE_LIMIT_MS = 20_000;
const LOOK_MS = 20;
const SWEEP_LIMIT = 100;
/** So many moments are taken one by one; after that those that are close together become one. */
const EXACT_STEPS = 1_000;

export interface Advanced extends Clock {
  /** Whether everything that fell due is done. False: the bank, or a webhook's receiver, takes too long. */
  readonly settled: boolean;
}

/**
 * Moves the clock forward, from one moment at which something is due to the next, so that what would have
 * come first does: a capture that is due on Monday comes before the expiry on Friday. The caller holds the
 * clock's lock.
 * @param onMoved wakes what is due outside of the engine
 * @returns null when that would be too far
 */
export async function advanceClock(
  pool: Pool,
  engine: Engine,
  advanceMs: number,
  onMoved: () => void,
): Promise<Advanced | null> {
  const { offsetMs } = await readClockState(pool);
  const targetMs = offsetMs + advanceMs;
  if (targetMs > MAX_OFFSET_MS) return null;
  const deadline = performance.now() + SETTLE_LIMIT_MS;
  await retryOperationsNow(pool);
  let settled = await settle(pool, engine, deadline);
  for (let step = 0; ; step += 1) {
    const slackMs = step < EXACT_STEPS ? 0 : Math.ceil(advanceMs / EXACT_STEPS);
    // What is not settled by now does not keep the clock from its target, however long it has been due.
    const reached = await stepClock(pool, targetMs, settled ? slackMs : MAX_OFFSET_MS);
    onMoved();
    settled = await settle(pool, engine, deadline);
    if (reached >= targetMs) return { ...(await readClockState(pool)), settled };
  }
}

/** Does everything that is due, and what follows from that. @returns false when the time was up before */
async function settle(pool: Pool, engine: Engine, deadline: number): Promise<boolean> {
  // What happens after that, on a busy sandbox all the time, is not waited for.
  let doneAt: number | null = null;
  for (;;) {
    let done = SWEEP_LIMIT;
    while (done === SWEEP_LIMIT) done = await sweep(engine);
    if (done > 0 || (await isUnsettled(pool))) doneAt = null;
    else {
      doneAt ??= (await readClockState(pool)).now;
      if (!(await areWebhooksDue(pool, doneAt))) return true;
    }
    if (performance.now() >= deadline) return false;
    await pause(LOOK_MS);
  }
}

async function sweep(engine: Engine): Promise<number> {
  try {
    return await engine.doDue(SWEEP_LIMIT);
  } catch (error) {
    if (!isPassing(error)) throw error;
    return 0;
  }
}
