/**
 * Reads events, has them attempted, and writes what came of them: in turns, one node at a time. Each step is one
 * transaction, which writes what has ended since the last one, and reads on, up to the horizon:
 *
 *   step:  ┌ write what has ended ─ move the place on ─ read on ┐ ──► attempted, in memory ──► ended
 *          └──────────────────── commit ───────────────────────┘
 *
 * The place is moved only over what is written. So whoever reads on after a node has died begins with what that one
 * had not written: it is attempted again, never lost. A turn ends after a moment, with everything written, so that
 * other nodes have theirs, and nothing waits for an endpoint that takes its time. Nothing is read while no endpoint
 * wants anything.
 */

import { randomUUID } from 'node:crypto';
import { hasWebhook } from '../core/history.ts';
import type { Millis } from '../core/transaction.ts';
import { type FeedEvent, type FeedPage, readWebhookEvents } from '../feed/eventsSql.ts';
import { comparePositions, type FeedPosition } from '../feed/position.ts';
import { isPassing } from '../postgres/databaseErrors.ts';
import type { Pool, StatementRunner } from '../postgres/pool.ts';
import { insertMessages, type LaneKey, type LaneResult, type NewMessage } from './deliveriesSql.ts';
import { CLAIM_MS, type LaneOutcome } from './dispatch.ts';
import { noteSuccess } from './endpointsSql.ts';
import {
  beginFanOut,
  endFanOut,
  type FanOutPlace,
  findReceivers,
  insertDelivered,
  insertPending,
  type Receiver,
} from './fanOutSql.ts';
import { type RoundTrips, transactQuickly } from './transact.ts';
import {
  type Batch,
  deliveriesOf,
  type FreshLane,
  nameOf,
  type Read,
  type TakeSlot,
  Unwritten,
} from './unwritten.ts';

/** Some 20 ms from the first statement to the commit. */
const PAGE_LIMIT = 500;
/** When the horizon has not moved for so long, transactions of other databases are no longer waited for. */
const WAIT_FOR_CLUSTER_MS = 50;
/** Then everything is written, also what is still being attempted. */
const TURN_MS = 500;
/** Of a stop, while others are at it. */
const RETRY_MS = 20;

export interface FanOutDeps {
  readonly pool: Pool;
  readonly gated: boolean;
  /** The body of an event's webhook: JSON text. */
  readonly render: (event: FeedEvent) => string;
  /** Where what is read now takes its slots in this node: what gets none is left to whoever claims it. */
  readonly slots: () => TakeSlot;
  /** What came of a lane that was written as pending while it was attempted. */
  readonly record: (result: LaneResult) => void;
  /** Something is to be written. */
  readonly onEnded: () => void;
}

/** What a step of the fan-out did. */
export interface Step {
  /** Whether any endpoint is there to read for. */
  readonly wanted: boolean;
  /** Whether it is another node's turn, or something else was at it. */
  readonly contended: boolean;
  /** Whether this node's turn is over: others are to have the time to begin theirs. */
  readonly over: boolean;
  /** Whether there is more to do at once. */
  readonly more: boolean;
  /** How long the first event that is not complete has been waiting; null when none has. */
  readonly waitedMs: number | null;
  /** What is to be attempted. */
  readonly lanes: readonly FreshLane[];
  /** How many lanes were written for whoever claims them. */
  readonly left: number;
  /** The engine's clock when it was read, and this process's. */
  readonly now: Millis;
  readonly readAt: number;
}

/** A write that ends with its COMMIT. */
interface Write {
  readonly token: string;
  readonly batch: Batch;
  /** Whether something that was read is not written by it: nobody else may read on. */
  readonly holds: boolean;
  /** When it began. */
  readonly at: number;
}

/** A step whose transaction has ended. */
type Done = Omit<Step, 'lanes' | 'left'> & {
  readonly read: Read | null;
  readonly write: (Write & { readonly claimed: readonly LaneKey[] }) | null;
};

const NOTHING: Done = {
  wanted: true,
  contended: false,
  over: false,
  more: false,
  waitedMs: null,
  now: 0,
  readAt: 0,
  read: null,
  write: null,
};

export class FanOut {
  readonly #deps: FanOutDeps;
  #unwritten = new Unwritten({ round: 0, position: 0 });
  /** Of the last write, when nobody else has written since. */
  #token: string | null = null;
  /** A write of which it is not known whether it was committed. */
  #unsure: Write | null = null;
  /** When this turn began; null while it is not this node's. */
  #turnSince: number | null = null;
  #waiting: { readonly round: number; readonly since: number } | null = null;
  #stopping = false;

  constructor(deps: FanOutDeps) {
    this.#deps = deps;
  }

  /** Writes what has ended, and reads on. */
  async step(): Promise<Step> {
    const { pool, gated, slots } = this.#deps;
    const done = await transactQuickly(pool, gated, (transaction) => this.#step(transaction));
    const { read, write, ...step } = done;
    if (write !== null) this.#settle(write, write.claimed);
    const left = write?.batch.queued.length ?? 0;
    if (read === null || write === null) return { ...step, lanes: [], left };
    // Others may read on so long after the write, whenever its answer came.
    const { lanes, isQueued } = this.#unwritten.add(read, slots(), write.at);
    // What is to be attempted by others, or by nobody, is written at once: they cannot go on before.
    return { ...step, lanes, left, more: step.more || isQueued || this.#unwritten.isEmpty };
  }

  /** Nothing more is read; everything is written, so that others can go on with it at once. @throws as `step` */
  async stop(limitMs: number): Promise<void> {
    this.#stopping = true;
    const limit = performance.now() + limitMs;
    for (;;) {
      const isLate = performance.now() > limit;
      const contended = await this.step().then(
        (step) => step.contended,
        (error: unknown) => {
          if (isLate || !isPassing(error)) throw error;
          return true;
        },
      );
      if (!contended || this.#unwritten.isEmpty || isLate) return;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  /** Notes what became of a lane that was to be attempted. */
  ended(lane: FreshLane, outcome: LaneOutcome): void {
    lane.outcome = outcome;
    if (lane.lease !== null) this.#deps.record({ ...outcome, lease: lane.lease });
    else this.#deps.onEnded();
  }

  async #step(transaction: RoundTrips): Promise<Done> {
    const isOver = this.#isOver();
    const clusterWide = (this.#waitedMs() ?? 0) > WAIT_FOR_CLUSTER_MS;
    const readOn = (db: StatementRunner, after: FeedPosition): Promise<FeedPage> =>
      readWebhookEvents(db, { after, limit: PAGE_LIMIT, clusterWide });
    // Unless another node has written since, this is where to read on.
    const guess = this.#unwritten.end;
    const [place, guessed] = await transaction.send((db) =>
      Promise.all([beginFanOut(db), isOver ? null : readOn(db, guess)]),
    );
    if (place === null || !this.#isOurTurn(place)) return { ...NOTHING, contended: true };
    const readAt = performance.now();
    const { end } = this.#unwritten;
    let page = place.wanted ? guessed : null;
    if (page !== null && comparePositions(end, guess) !== 0)
      page = await transaction.send((db) => readOn(db, end));
    if (page !== null) this.#noteWaiting(page);
    const done: Done = {
      ...NOTHING,
      ...{ wanted: place.wanted, over: isOver, more: page?.more === true, waitedMs: this.#waitedMs() },
      ...{ now: place.now, readAt },
    };
    return { ...done, ...(await this.#write(transaction, place, page, isOver)) };
  }

  /** Writes what is to be written, and finds out who gets what was read. Without anything to say it writes nothing. */
  async #write(
    transaction: RoundTrips,
    place: FanOutPlace,
    page: FeedPage | null,
    isOver: boolean,
  ): Promise<Pick<Done, 'read' | 'write'>> {
    const unwritten = this.#unwritten;
    const messages = (page?.events ?? [])
      .filter(({ event }) => hasWebhook(event))
      .map((event) => messageOf(event, this.#deps.render));
    if (page !== null && page.scanned > 0 && messages.length === 0)
      unwritten.add({ end: page.end, messages, receivers: [] }, () => false, performance.now());
    const batch = unwritten.batch(isOver);
    const holds = messages.length > 0 || unwritten.size > batch.lanes.length;
    const isSame = comparePositions(batch.position, place.after) === 0 && place.held === holds;
    if (messages.length === 0 && batch.lanes.length === 0 && isSame) return { read: null, write: null };
    const write = { token: randomUUID(), batch, holds, at: performance.now() };
    this.#unsure = write;
    const { receivers, claimed } = await transaction.end((db) => writeBatch(db, write, messages));
    const read = page === null || messages.length === 0 ? null : { end: page.end, messages, receivers };
    return { read, write: { ...write, claimed } };
  }

  #isOver(): boolean {
    return this.#stopping || (this.#turnSince !== null && performance.now() - this.#turnSince > TURN_MS);
  }

  /** Whether this node may write now; it then knows what its last write has come to. */
  #isOurTurn({ token, after, held }: FanOutPlace): boolean {
    if (this.#unsure !== null) this.#settleUnsure(this.#unsure, token);
    const isSame = this.#token === token;
    // Else somebody else has gone on from our last place, or a crash has taken back what we wrote.
    if (!isSame || (this.#unwritten.isEmpty && comparePositions(this.#unwritten.position, after) !== 0))
      this.#unwritten = new Unwritten(after);
    if (!isSame) this.#turnSince = null;
    if (!isSame && held) return false;
    this.#token = token;
    return true;
  }

  /** Notes that a write was committed. @param claimed the lanes that it has claimed; null: it is not known */
  #settle({ token, batch, holds, at }: Write, claimed: readonly LaneKey[] | null): void {
    this.#unsure = null;
    this.#token = token;
    this.#turnSince = holds ? (this.#turnSince ?? at) : null;
    this.#unwritten.written(batch);
    this.#claimed({ token, batch, at }, claimed);
  }

  /** @param token of the last write of all nodes */
  #settleUnsure(unsure: Write, token: string | null): void {
    this.#unsure = null;
    if (unsure.token === token) this.#settle(unsure, null);
    // Somebody has written since: if it was committed, its lanes are this node's, and if not, nobody knows the lease.
    else if (this.#token !== token) this.#claimed(unsure, null);
  }

  #claimed(
    { token, batch, at }: Pick<Write, 'token' | 'batch' | 'at'>,
    claimed: readonly LaneKey[] | null,
  ): void {
    const names = claimed === null ? null : new Set(claimed.map(nameOf));
    for (const lane of batch.claimed) {
      // Of a lane that others have, because something was sent again meanwhile, nothing more is attempted here.
      const isClaimed = names === null || names.has(nameOf(lane));
      lane.deadline.until = isClaimed ? at + CLAIM_MS : 0;
      lane.lease = token;
      if (lane.outcome !== null) this.#deps.record({ ...lane.outcome, lease: token });
    }
  }

  #waitedMs(): number | null {
    return this.#waiting === null ? null : performance.now() - this.#waiting.since;
  }

  #noteWaiting({ waiting, horizon }: FeedPage): void {
    if (waiting === null) this.#waiting = null;
    else if (this.#waiting === null || this.#waiting.round <= horizon)
      this.#waiting = { round: waiting, since: performance.now() };
  }
}

/** Writes a batch, and moves the place on. @returns who gets these messages, and which lanes it has claimed */
async function writeBatch(
  db: StatementRunner,
  { token, batch, holds }: Write,
  messages: readonly NewMessage[],
): Promise<{ receivers: readonly Receiver[]; claimed: readonly LaneKey[] }> {
  const { lanes, delivered, queued, position } = batch;
  const before = [
    insertMessages(db, new Set(lanes.flatMap((lane) => lane.messages))),
    insertDelivered(db, delivered),
  ];
  const pending = insertPending(db, batch.claimed.flatMap(deliveriesOf), token);
  const behind = [
    insertPending(db, queued.flatMap(deliveriesOf), null),
    noteSuccess(db, [...new Set(delivered.map(({ endpointId }) => endpointId))]),
    endFanOut(db, position, token, holds),
  ];
  // Behind them, so that it sees what has become pending.
  const [receivers, claimed] = await Promise.all([
    findReceivers(db, messages),
    pending,
    ...before,
    ...behind,
  ]);
  return { receivers, claimed };
}

/** An event as a message. */
export function messageOf(feedEvent: FeedEvent, render: (event: FeedEvent) => string): NewMessage {
  const { event, transaction, at } = feedEvent;
  return {
    transactionId: event.transactionId,
    seq: event.seq,
    familyId: transaction.parentTransactionId ?? transaction.id,
    merchantId: event.merchantId,
    name: event.name,
    eventAt: event.at,
    round: at.round,
    body: render(feedEvent),
  };
}
