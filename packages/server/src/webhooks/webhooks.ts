/** Webhooks as a whole: what runs in a node, and what it is given. */
import type { FeedEvent } from '../feed/eventsSql.ts';
import type { Secrets } from '../installation/secrets.ts';
import { GateClosedError } from '../postgres/databaseErrors.ts';
import { createPool, type Pool } from '../postgres/pool.ts';
import { TraceLookup } from './attemptSpans.ts';
import { type ClaimDeps, claimDue } from './claim.ts';
import type { LaneKey } from './deliveriesSql.ts';
import { Dispatcher, type DispatchObserver, type Lane, LEFT_ALONE_MS } from './dispatch.ts';
import { type Backlog, readBacklog } from './endpointsSql.ts';
import { FanOut, type Step } from './fanOut.ts';
import { Loop } from './loop.ts';
import { Poster } from './post.ts';
import { Recorder } from './recorder.ts';
import { stepReplay } from './replay.ts';
import { PER_ENDPOINT, SLOTS } from './slots.ts';
import { Targets } from './targets.ts';
import { transact } from './transact.ts';

/** While events are committed all the time, they are fanned out this often. */
const FAN_OUT_INTERVAL_MS = 10;
const CLAIM_INTERVAL_MS = 5;
/** Replays leave room for what happens now. */
const REPLAY_INTERVAL_MS = 50;
const REPLAY_POLL_MS = 1_000;
/** What nobody wakes us for: a retry that is due, a lease that is over, an event that another node committed. */
const POLL_MS = 250;
/** … where other nodes' commits do not wake this one, or another node has just been at it. */
const POLL_DEAF_MS = 50;
/** Events that wait for another transaction to end are asked for again this often, and less often in time. */
const POLL_WAITING_MS = 5;
/** Of a stop's 10 s. */
const STOP_LIMIT_MS = 5_000;
const RECORD_LIMIT_MS = 1_000;
const BACKLOG_INTERVAL_MS = 5_000;

export interface WebhookObserver extends DispatchObserver {
  webhookBacklog(backlog: Backlog): void;
}

export interface WebhookOptions {
  readonly databaseUrl: string;
  readonly secrets: Secrets;
  /** Whether commits of other nodes wake this one, to begin with. */
  readonly listening: boolean;
  /** The sandbox: webhooks may go to this machine and by http, and a reset keeps us out. */
  readonly sandbox: boolean;
  readonly render: (event: FeedEvent) => string;
  readonly observe: WebhookObserver;
  /** Whether attempts are spans of their events' traces. */
  readonly traced: boolean;
  /** Whether any endpoint is there, so that commits matter; called when that changes. */
  readonly onWanted: (wanted: boolean) => void;
  readonly onDisabled: (count: number) => void;
  readonly onError: (error: unknown) => void;
}

export class Webhooks {
  readonly #options: WebhookOptions;
  /**
   * One connection for all that deliveries take: what is fanned out, claimed and recorded at the same time would
   * compete with payments for PostgreSQL's processors, and be done no sooner.
   */
  readonly #pool: Pool;
  /** Replays, and how much is pending, which may take a while. */
  readonly #slowPool: Pool;
  /** Which traces events are of: attempts wait for it, a moment. Null: they are not traced. */
  readonly #tracePool: Pool | null;
  readonly #targets: Targets;
  readonly #poster: Poster;
  readonly #recorder: Recorder;
  readonly #dispatcher: Dispatcher;
  readonly #claims: ClaimDeps;
  readonly #fanOut: FanOut;
  readonly #fanOutLoop: Loop;
  readonly #claimLoop: Loop;
  readonly #replayLoop: Loop;
  #wanted = true;
  #listening: boolean;
  #hungry = false;
  #started = false;
  #backlogTimer: NodeJS.Timeout | undefined;
  #stopping: Promise<void> | null = null;

  constructor(options: WebhookOptions) {
    this.#options = options;
    this.#listening = options.listening;
    const { databaseUrl, secrets, sandbox: gated, render, observe } = options;
    const onError = (error: unknown): void => {
      if (!(error instanceof GateClosedError)) options.onError(error);
    };
    const pool = createPool(databaseUrl, 1, onError, { name: 'webhooks' });
    this.#pool = pool;
    this.#slowPool = createPool(databaseUrl, 1, onError, { name: 'webhooks replay' });
    this.#tracePool = options.traced
      ? createPool(databaseUrl, 1, onError, { name: 'webhooks traces' })
      : null;
    this.#targets = new Targets(secrets, onError);
    this.#poster = new Poster({
      allowLocal: gated,
      connections: PER_ENDPOINT,
    });
    this.#recorder = new Recorder({
      ...{ pool, gated, onError, onDisabled: options.onDisabled },
      onRecorded: (dueNow) => {
        if (dueNow || this.#hungry) this.#claimLoop.wake();
      },
    });
    this.#dispatcher = new Dispatcher({
      ...{ poster: this.#poster, observe },
      traces: this.#tracePool === null ? null : new TraceLookup(this.#tracePool),
      onError,
    });
    this.#claims = {
      ...{ pool, gated },
      // None while recording is behind.
      slots: () => this.#dispatcher.slots(this.#recorder.isBehind ? 0 : SLOTS),
      readTargets: (db, lanes) => this.#targets.read(db, lanes),
      giveBack: (lane, lease) => this.#giveBack(lane, lease, null),
    };
    this.#fanOut = new FanOut({ ...this.#claims, render });
    this.#fanOutLoop = new Loop(() => this.#doFanOut(), FAN_OUT_INTERVAL_MS, onError);
    this.#claimLoop = new Loop(() => this.#claim(), CLAIM_INTERVAL_MS, onError);
    this.#replayLoop = new Loop(() => this.#replay(), REPLAY_INTERVAL_MS, onError);
  }

  start(): void {
    this.#started = true;
    this.#fanOutLoop.start();
    this.#claimLoop.start();
    this.#replayLoop.start();
    this.#noteBacklog();
  }

  /** Events were committed, by this node or by another one. */
  committed(): void {
    if (this.#wanted) this.#fanOutLoop.wake();
  }

  /** Whether commits of other nodes wake this one: otherwise it looks for them more often. */
  feedListening(works: boolean): void {
    this.#listening = works;
  }

  /** There may be something to do that no commit of the engine says: an endpoint, a resend, another time. */
  wake(): void {
    for (const loop of this.#loops()) loop.wake();
  }

  #loops(): Loop[] {
    return [this.#fanOutLoop, this.#claimLoop, this.#replayLoop];
  }

  /** Lets attempts that are under way end, within 5 s, and records them. May be called again. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    clearTimeout(this.#backlogTimer);
    if (this.#started) {
      await Promise.all(this.#loops().map((loop) => loop.stop()));
      await this.#dispatcher.stop(STOP_LIMIT_MS);
      await this.#recorder.stop(RECORD_LIMIT_MS);
    }
    await this.#poster.close();
    await Promise.all([this.#pool.end(), this.#slowPool.end(), this.#tracePool?.end()]);
  }

  async #doFanOut(): Promise<number> {
    const step = await this.#fanOut.step();
    if (step.wanted !== this.#wanted) this.#options.onWanted(step.wanted);
    this.#wanted = step.wanted;
    this.#submitFresh(step);
    if (step.left) {
      this.#hungry = true;
      this.#claimLoop.wake();
    }
    if (step.more) return 0;
    const { waitedMs } = step;
    if (step.contended) return POLL_DEAF_MS;
    if (waitedMs !== null) return Math.min(POLL_DEAF_MS, POLL_WAITING_MS + waitedMs / 10);
    return this.#listening || !step.wanted ? POLL_MS : POLL_DEAF_MS;
  }

  #submitFresh({ lanes, lease, now, readAt }: Step): void {
    for (const { familyId, endpointId, callbackUrl, messages } of lanes) {
      const isNew = { endpointId, callbackUrl, attempts: 0, replay: false };
      const deliveries = messages.map((message) => ({ ...message, ...isNew }));
      this.#submit({ familyId, endpointId, failures: 0, deliveries, now, claimedAt: readAt }, lease);
    }
  }

  #submit(lane: Omit<Lane, 'target' | 'onEnded'>, lease: string): void {
    const target = this.#targets.get(lane.endpointId);
    // Its secret cannot be opened, which was reported, or what it has to send is not there.
    if (target === undefined || lane.deliveries.length === 0) this.#giveBack(lane, lease, LEFT_ALONE_MS);
    else
      this.#dispatcher.submit({
        ...{ ...lane, target },
        onEnded: (outcome) => this.#recorder.record({ ...outcome, lease }),
      });
  }

  /** Leaves a lane as it is, if it has this lease. @param dueInMs null: it is due as it was */
  #giveBack(
    { familyId, endpointId, failures }: LaneKey & { readonly failures: number },
    lease: string,
    dueInMs: number | null,
  ): void {
    this.#recorder.record({ familyId, endpointId, lease, attempts: [], finished: 0, failures, dueInMs });
  }

  async #claim(): Promise<number> {
    const { lanes, lease, claimedAt, isHungry } = await claimDue(this.#claims);
    this.#hungry = isHungry;
    for (const { familyId, endpointId, failures, deliveries, now } of lanes)
      this.#submit({ familyId, endpointId, failures, deliveries, now, claimedAt }, lease);
    return POLL_MS;
  }

  async #replay(): Promise<number> {
    const { sandbox, render } = this.#options;
    if (!(await transact(this.#slowPool, sandbox, (db) => stepReplay(db, render)))) return REPLAY_POLL_MS;
    this.#claimLoop.wake();
    return 0;
  }

  #noteBacklog(): void {
    readBacklog(this.#slowPool)
      .then((backlog) => this.#options.observe.webhookBacklog(backlog))
      // Whoever uses the database reports that it is away.
      .catch(() => undefined)
      .finally(() => {
        if (this.#stopping === null)
          this.#backlogTimer = setTimeout(() => this.#noteBacklog(), BACKLOG_INTERVAL_MS).unref();
      });
  }
}
