/**
 * Claims what is due, whoever wrote it: retries, what got no slot when it was written, what a node that died has left. In
 * one transaction it is found out what is due, claimed as far as there are slots, and read, so that no lane is claimed
 * without what is to be sent:
 *
 *   what is due ─► slots ─► claimed (SKIP LOCKED) ─► deliveries, where they go ─► commit
 *                                                                                  └─► attempts
 */
import { randomUUID } from 'node:crypto';
import type { Pool, StatementRunner } from '../postgres/pool.ts';
import {
  type ClaimedLane,
  claimLanes,
  type LaneKey,
  laneName,
  type PendingDelivery,
  readDue,
  readPending,
} from './deliveriesSql.ts';
import type { Slots } from './slots.ts';
import { type RoundTrips, transactQuickly } from './transact.ts';

/** Deliveries of a lane that are read at a time. */
const PER_LANE = 10;

/** What claims lanes, old ones or new ones, is given. */
export interface ClaimDeps {
  readonly pool: Pool;
  readonly gated: boolean;
  /** Those that are free now. */
  readonly slots: () => Slots;
  /** Reads, in the same transaction, where lanes go. */
  readonly readTargets: (
    db: StatementRunner,
    lanes: readonly Pick<ClaimedLane, 'endpointId' | 'version'>[],
  ) => Promise<void>;
  /** Gives back what may have been claimed, when it is not known whether it was. */
  readonly giveBack: (lane: LaneKey & { readonly failures: number }, lease: string) => void;
}

export interface Claim {
  readonly lanes: readonly (ClaimedLane & { readonly deliveries: readonly PendingDelivery[] })[];
  readonly lease: string;
  /** This process's clock before it was claimed. */
  readonly claimedAt: number;
  /** Whether more may be claimed as soon as something that is under way has ended. */
  readonly isHungry: boolean;
}

/** Claims what is due, as far as there are slots: merchants in turn, and the endpoints of each. */
export async function claimDue({ pool, gated, slots, readTargets, giveBack }: ClaimDeps): Promise<Claim> {
  const lease = randomUUID();
  const claimedAt = performance.now();
  let lanes: readonly ClaimedLane[] = [];
  const claim = async (transaction: RoundTrips): Promise<Claim> => {
    const due = await transaction.send(readDue);
    // Not before: while it waited for the connection, others have taken some.
    const free = slots();
    const shares = free.share(due);
    if (shares.size > 0) lanes = await transaction.send((db) => claimLanes(db, lease, shares));
    const isHungry = lanes.length > 0 || free.areShort;
    if (lanes.length === 0) return { lanes: [], lease, claimedAt, isHungry };
    const [pending] = await transaction.end((db) =>
      Promise.all([readPending(db, lanes, PER_LANE), readTargets(db, lanes)]),
    );
    const byLane = Map.groupBy(pending, laneName);
    const claimed = lanes.map((lane) => ({ ...lane, deliveries: byLane.get(laneName(lane)) ?? [] }));
    return { lanes: claimed, lease, claimedAt, isHungry };
  };
  try {
    return await transactQuickly(pool, gated, claim);
  } catch (error) {
    for (const lane of lanes) giveBack(lane, lease);
    throw error;
  }
}
