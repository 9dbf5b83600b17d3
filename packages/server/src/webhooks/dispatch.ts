/**
 * Delivers what is in the lanes that this node has: each lane's deliveries one after the other, so many lanes of an
 * endpoint at a time. It knows how each endpoint has answered lately, by which `slots.ts` says who may have more.
 *
 *   read from the feed just now ─┐
 *                                ├─► waiting ──► attempt ──► attempt ──► … ──► ended
 *   claimed because it is due ───┘      └─ too long: left as it was
 */
import { messageIdOf } from '../core/values/ids.ts';
import { Underway } from '../engine/underway.ts';
import { type TraceLookup, traceAttempt } from './attemptSpans.ts';
import type { Attempt, LaneKey, LaneResult, PendingDelivery } from './deliveriesSql.ts';
import type { Poster, PostResult } from './post.ts';
import { retryDelay } from './schedule.ts';
import { type Held, PER_ENDPOINT, PER_FAILING, QUICK_MS, SLOTS, Slots } from './slots.ts';
import { keysOf, type Target } from './targets.ts';

/** What cannot be attempted, for a reason that is no answer of its endpoint, is left alone for so long. */
export const LEFT_ALONE_MS = 60_000;

/** For how long attempts of a lane may begin that is claimed now: its lease ends 20 s later. */
export const CLAIM_MS = 10_000;

/** What became of a lane that was submitted. */
export type LaneOutcome = Omit<LaneResult, 'lease'>;

export interface Lane extends LaneKey {
  readonly target: Target;
  readonly failures: number;
  readonly deliveries: readonly PendingDelivery[];
  /** The engine's clock when it was claimed, and this process's. */
  readonly now: number;
  readonly claimedAt: number;
  /** Called when nothing more of it is attempted. */
  readonly onEnded: (outcome: LaneOutcome) => void;
}

export interface DispatchObserver {
  /** The outcome of an attempt, and how long after its event the first one came. */
  webhookAttempt(outcome: 'delivered' | 'failed', lagSeconds: number | null): void;
}

export interface DispatchDeps {
  readonly poster: Poster;
  readonly observe: DispatchObserver;
  /** Null: attempts are not traced. */
  readonly traces: TraceLookup | null;
  readonly onError: (error: unknown) => void;
}

/** An endpoint's lanes here, and how it has answered lately. */
interface Work {
  readonly merchantId: string;
  readonly waiting: Lane[];
  running: number;
  /** Whether its last attempt failed. */
  failing: boolean;
  /** Whether its last attempt was answered at once, and well. */
  quick: boolean;
  /** When it was last heard of: it answered, or something was sent to it after a while. */
  heardAt: number;
}

/** How a lane is left, as far as it has come. */
interface LaneLeft {
  readonly attempts: Attempt[];
  failures: number;
  dueInMs: number | null;
}

/** Beyond so many endpoints, those that have nothing to do are forgotten, and are new the next time. */
const MAX_KNOWN = 2_000;

export class Dispatcher {
  readonly #deps: DispatchDeps;
  readonly #work = new Map<string, Work>();
  readonly #runs = new Underway();
  #stopped = false;

  constructor(deps: DispatchDeps) {
    this.#deps = deps;
  }

  /** The slots that are taken now, and those that are free of so many in all. */
  slots(all = SLOTS): Slots {
    return new Slots(this.#held(), all);
  }

  *#held(): Iterable<Held> {
    const silentSince = performance.now() - QUICK_MS;
    for (const [endpointId, { merchantId, waiting, running, failing, quick, heardAt }] of this.#work) {
      const isSilent = running > 0 && heardAt < silentSince;
      yield { merchantId, endpointId, count: running + waiting.length, failing, quick: quick && !isSilent };
    }
  }

  submit(lane: Lane): void {
    const { endpointId, target } = lane;
    const { merchantId } = target;
    const isNew = { merchantId, waiting: [], running: 0, failing: false, quick: false, heardAt: 0 };
    const work = this.#work.get(endpointId) ?? isNew;
    this.#work.set(endpointId, work);
    work.waiting.push(lane);
    this.#pump(endpointId, work);
  }

  /** Begins nothing more, and leaves what has not begun; what is under way may take so long. */
  async stop(limitMs: number): Promise<void> {
    this.#stopped = true;
    for (const [id, work] of this.#work) this.#pump(id, work);
    const limit = new Promise((resolve) => setTimeout(resolve, limitMs).unref());
    await Promise.race([this.#runs.idle(), limit]);
  }

  #pump(endpointId: string, work: Work): void {
    while (work.waiting.length > 0 && (work.running < limitOf(work) || this.#stopped)) {
      const lane = work.waiting.shift();
      if (lane === undefined) break;
      if (work.running === 0) work.heardAt = performance.now();
      work.running += 1;
      const run = this.#run(lane, work).finally(() => {
        work.running -= 1;
        this.#pump(endpointId, work);
      });
      this.#runs.track(run);
    }
    const isIdle = work.running === 0 && work.waiting.length === 0;
    if (isIdle && this.#work.size > MAX_KNOWN) this.#work.delete(endpointId);
  }

  /** However it ends, the lane is left at once: nobody else has it before that, or before its lease is over. */
  async #run(lane: Lane, work: Work): Promise<void> {
    const left: LaneLeft = { attempts: [], failures: lane.failures, dueInMs: null };
    try {
      await this.#deliver(lane, work, left);
    } catch (error) {
      this.#deps.onError(error);
      left.dueInMs = LEFT_ALONE_MS;
    }
    const { familyId, endpointId } = lane;
    const finished = left.attempts.filter(({ status }) => status !== 'pending').length;
    lane.onEnded({ familyId, endpointId, ...left, finished });
  }

  /** @param left notes what came of it until now */
  async #deliver(lane: Lane, work: Work, left: LaneLeft): Promise<void> {
    for (const delivery of lane.deliveries) {
      const traceparent = (await this.#deps.traces?.find(delivery)) ?? null;
      if (this.#stopped || performance.now() > lane.claimedAt + CLAIM_MS) break;
      const { attempt, retryAfterMs } = await this.#attempt(lane, delivery, traceparent);
      work.failing = attempt.status !== 'delivered';
      work.quick = !work.failing && attempt.latencyMs <= QUICK_MS;
      work.heardAt = performance.now();
      if (!work.failing) left.failures = 0;
      else {
        left.dueInMs = retryDelay(left.failures + 1, retryAfterMs, Math.random());
        left.failures = left.dueInMs === null ? 0 : left.failures + 1;
      }
      const isGivenUp = work.failing && left.dueInMs === null;
      left.attempts.push(isGivenUp ? { ...attempt, status: 'failed' } : attempt);
      if (work.failing) break;
    }
  }

  async #attempt(
    lane: Lane,
    delivery: PendingDelivery,
    traceparent: string | null,
  ): Promise<{ attempt: Attempt; retryAfterMs: number | null }> {
    const { familyId, endpointId, transactionId, seq, attempts, eventAt, replay } = delivery;
    const at = Math.round(lane.now + performance.now() - lane.claimedAt);
    const { statusCode, error, response, latencyMs, retryAfterMs } = await traceAttempt(
      traceparent,
      delivery,
      () => this.#post(lane.target, delivery),
    );
    const delivered = statusCode !== null && statusCode >= 200 && statusCode < 300;
    const isFirst = attempts === 0 && !replay;
    this.#deps.observe.webhookAttempt(
      delivered ? 'delivered' : 'failed',
      isFirst ? Math.max(0, at - eventAt) / 1_000 : null,
    );
    const status = delivered ? 'delivered' : 'pending';
    const key = { familyId, endpointId, transactionId, seq };
    const attempt = {
      ...key,
      number: attempts + 1,
      at,
      latencyMs,
      statusCode,
      error,
      response,
      status,
    } as const;
    return { attempt, retryAfterMs };
  }

  #post(target: Target, delivery: PendingDelivery): Promise<PostResult> {
    const { format } = target;
    const body = format.bodyOf(delivery.body);
    const messageId = messageIdOf(delivery);
    const headers: Record<string, string> = {
      'content-type': 'application/json',
      'user-agent': 'Plexy-Pay-Webhooks/1',
      ...format.headersOf({ keys: keysOf(target), messageId, timestamp: secondsNow(), body }),
    };
    if (target.authorization !== null) headers.authorization = target.authorization;
    if (delivery.replay) headers['webhook-replay'] = 'true';
    return this.#deps.poster.post(target.id, delivery.callbackUrl ?? target.url, headers, body);
  }
}

function limitOf({ failing }: Work): number {
  return failing ? PER_FAILING : PER_ENDPOINT;
}

function secondsNow(): number {
  return Math.floor(Date.now() / 1_000);
}
