/**
 * What this node has read of the feed and not written yet: lanes that are in memory only, each to be written once it
 * is known what becomes of it.
 *
 *   read ──► attempted ──► delivered ──────────────────────────► written as delivered
 *     │          └───────► failed, or its time is over ─┐
 *     └─ no room, or others pending before it ──────────┴──────► written as pending: a lane as any other
 */

import { comparePositions, type FeedPosition } from '../feed/position.ts';
import type { LaneKey, NewMessage } from './deliveriesSql.ts';
import type { Deadline, LaneOutcome } from './dispatch.ts';
import type { Delivered, NewDelivery, Receiver } from './fanOutSql.ts';
import type { Owner } from './slots.ts';

/** For how long attempts may begin after a write: nobody else reads on for 5 s. */
const CLAIM_MS = 3_000;

/** A page of the feed, and how many of its lanes are not written. */
interface Page {
  readonly end: FeedPosition;
  open: number;
}

/** A lane that is in memory only. */
export interface FreshLane extends LaneKey {
  readonly version: number;
  /** In their order. */
  readonly messages: NewMessage[];
  readonly page: Page;
  readonly deadline: Deadline;
  /** Whether it is not to be attempted before it is written. */
  isQueued: boolean;
  /** Whether something has been read that must come behind it. */
  isFollowed: boolean;
  outcome: LaneOutcome | null;
  /** With what it was claimed, once it is written as pending. */
  lease: string | null;
}

/** What was read of the feed, up to its end, and who gets it. */
export interface Read {
  readonly end: FeedPosition;
  readonly messages: readonly NewMessage[];
  /** In the messages' order. */
  readonly receivers: readonly Receiver[];
}

/** What is written together. */
export interface Batch {
  /** All of them. */
  readonly lanes: readonly FreshLane[];
  /** What is in those that are done. */
  readonly delivered: readonly Delivered[];
  /** To be written as pending, and as claimed by this node: it has attempted something of it, or is about to. */
  readonly claimed: readonly FreshLane[];
  /** To be written as pending, for whoever claims them. */
  readonly queued: readonly FreshLane[];
  /** Up to where everything is written then. */
  readonly position: FeedPosition;
}

/** Takes a slot for a lane that is to be attempted. @returns whether there is one */
export type TakeSlot = (owner: Owner) => boolean;

export class Unwritten {
  /** In the order in which they were read. */
  readonly #lanes = new Set<FreshLane>();
  /** The last ones of each family and endpoint. */
  readonly #last = new Map<string, FreshLane>();
  #pages: Page[] = [];
  #position: FeedPosition;

  /** @param position up to where everything is written */
  constructor(position: FeedPosition) {
    this.#position = position;
  }

  /** How many lanes. */
  get size(): number {
    return this.#lanes.size;
  }

  get isEmpty(): boolean {
    return this.#lanes.size === 0;
  }

  /** Up to where everything is written. */
  get position(): FeedPosition {
    return this.#position;
  }

  /** Up to where the feed has been read. */
  get end(): FeedPosition {
    return this.#pages.at(-1)?.end ?? this.#position;
  }

  /**
   * Adds what was read.
   * @param at when others were last kept from reading on: `performance.now()`
   * @returns the lanes to attempt, and whether there are others
   */
  add(
    { end, messages, receivers }: Read,
    takeSlot: TakeSlot,
    at: number,
  ): { readonly lanes: FreshLane[]; readonly isQueued: boolean } {
    const page: Page = { end, open: 0 };
    this.#pages.push(page);
    const added = new Map<string, FreshLane>();
    let attempted = 0;
    for (const { index, endpointId, version, blocked } of receivers) {
      const message = messages[index];
      if (message === undefined) continue;
      const { familyId } = message;
      const name = nameOf({ familyId, endpointId });
      const same = added.get(name);
      if (same !== undefined) {
        same.messages.push(message);
        continue;
      }
      const before = this.#last.get(name);
      if (before !== undefined) before.isFollowed = true;
      const { merchantId } = message;
      const isQueued = blocked || before !== undefined || !takeSlot({ merchantId, endpointId });
      if (!isQueued) attempted += 1;
      const lane: FreshLane = {
        ...{ familyId, endpointId, version, page, isQueued },
        ...{ messages: [message], deadline: { until: at + CLAIM_MS } },
        ...{ isFollowed: false, outcome: null, lease: null },
      };
      added.set(name, lane);
      this.#lanes.add(lane);
      this.#last.set(name, lane);
      page.open += 1;
    }
    return { lanes: [...added.values()].filter((lane) => !lane.isQueued), isQueued: attempted < added.size };
  }

  /** What there is to write. @param all also what is still being attempted */
  batch(all: boolean): Batch {
    const lanes = [...this.#lanes].filter(
      ({ isQueued, isFollowed, outcome }) => all || isQueued || isFollowed || outcome !== null,
    );
    const queued = lanes.filter(({ isQueued }) => isQueued);
    const attempted = lanes.filter(({ isQueued }) => !isQueued);
    const claimed = attempted.filter((lane) => !isDelivered(lane));
    const delivered = attempted.filter(isDelivered).flatMap(deliveredOf);
    const written = new Map<Page, number>();
    for (const { page } of lanes) written.set(page, (written.get(page) ?? 0) + 1);
    const open = this.#pages.findIndex((page) => page.open > (written.get(page) ?? 0));
    const done = open < 0 ? this.#pages : this.#pages.slice(0, open);
    return { lanes, delivered, claimed, queued, position: done.at(-1)?.end ?? this.#position };
  }

  /** Notes that a batch is written. */
  written({ lanes, position }: Batch): void {
    for (const lane of lanes) {
      this.#lanes.delete(lane);
      lane.page.open -= 1;
      const name = nameOf(lane);
      if (this.#last.get(name) === lane) this.#last.delete(name);
    }
    this.#pages = this.#pages.filter(({ end }) => comparePositions(end, position) > 0);
    this.#position = position;
  }
}

/** What is in a lane, as it is to be written. */
export function deliveriesOf({ familyId, endpointId, messages }: FreshLane): NewDelivery[] {
  return messages.map((message) => ({ familyId, endpointId, message }));
}

/** Whether all that is in a lane has been delivered. */
function isDelivered({ messages, outcome }: FreshLane): boolean {
  const attempts = outcome?.attempts ?? [];
  return attempts.length === messages.length && attempts.every(({ status }) => status === 'delivered');
}

function deliveredOf(lane: FreshLane): Delivered[] {
  return deliveriesOf(lane).flatMap((delivery, i) => {
    const attempt = lane.outcome?.attempts[i];
    return attempt === undefined ? [] : [{ ...delivery, attempt }];
  });
}

/** One name for each lane. */
export function nameOf({ familyId, endpointId }: LaneKey): string {
  return `${familyId} ${endpointId}`;
}
