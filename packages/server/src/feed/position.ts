/** Places in the event feed, and their texts. */
import { type Parsed, parsed, refused } from '../core/values/parse.ts';

/** A place in the feed: after every event up to this round, and up to this position of the round itself. */
export interface FeedPosition {
  readonly round: number;
  readonly position: number;
}

/** A position as a reader gives it back. */
export interface GivenPosition extends FeedPosition {
  /** Null: from before epochs had names. */
  readonly epoch: string | null;
}

/** The opaque text of a position; it stays valid for good. @param epoch the current one */
export function positionText(epoch: string | null, { round, position }: FeedPosition): string {
  const text = `${round.toString(36)}-${position.toString(36)}`;
  return epoch === null ? text : `${epoch}-${text}`;
}

/** The position that `positionText` made this text of. */
export function parsePosition(text: string): Parsed<GivenPosition> {
  const match = /^(?:([0-9a-f]{8})-)?(0|[1-9a-z][0-9a-z]{0,10})-(0|[1-9a-z][0-9a-z]{0,10})$/.exec(text);
  const [round, position] = [Number.parseInt(match?.[2] ?? '', 36), Number.parseInt(match?.[3] ?? '', 36)];
  if (Number.isSafeInteger(round) && Number.isSafeInteger(position))
    return parsed({ epoch: match?.[1] ?? null, round, position });
  return refused('must be the id of an event');
}

/** Negative when `a` comes before `b`. */
export function comparePositions(a: FeedPosition, b: FeedPosition): number {
  return a.round - b.round || a.position - b.position;
}

/** The place after every event of a round: positions begin at 1. */
export function endOfRound(round: number): FeedPosition {
  return { round: round + 1, position: 0 };
}
