import { createHash } from 'node:crypto';

/** What the bank can be asked to do; a fault is limited to some of these. */
export const operations = ['authorize', 'capture', 'reverse', 'refund', 'complete', 'inquire'] as const;
export type Operation = (typeof operations)[number];

export const faultModes = [
  'none',
  'down',
  'slow',
  'timeout_worked',
  'timeout_not_worked',
  'cut_before',
  'cut_after',
  'garbage',
  'duplicate',
] as const;
export type FaultMode = (typeof faultModes)[number];

/** How a delivery goes wrong: how often the work is done, and what the caller sees of it. */
export interface FaultPlan {
  readonly works: 0 | 1 | 2;
  readonly answer: 'normal' | 'unavailable' | 'never' | 'cut' | 'garbage';
  /** Waited before the work, so that a caller who gave up meets an effect that arrives late. */
  readonly delayMs: number;
}

export const faultPlans: Readonly<Record<FaultMode, FaultPlan>> = {
  none: { works: 1, answer: 'normal', delayMs: 0 },
  down: { works: 0, answer: 'unavailable', delayMs: 0 },
  slow: { works: 1, answer: 'normal', delayMs: 3000 },
  timeout_worked: { works: 1, answer: 'never', delayMs: 0 },
  timeout_not_worked: { works: 0, answer: 'never', delayMs: 0 },
  cut_before: { works: 0, answer: 'cut', delayMs: 0 },
  cut_after: { works: 1, answer: 'cut', delayMs: 0 },
  garbage: { works: 1, answer: 'garbage', delayMs: 0 },
  duplicate: { works: 2, answer: 'normal', delayMs: 0 },
};

/** A fault that was switched on for one merchant, or for every merchant (`merchantId` null). */
export interface FaultSwitch {
  readonly merchantId: string | null;
  readonly mode: FaultMode;
  readonly delayMs: number;
  readonly probability: number;
  readonly seed: number;
  readonly operations: readonly Operation[];
}

/** A bank that is down or slow is so for questions too; the other faults spare them unless told. */
export function defaultOperations(mode: FaultMode): readonly Operation[] {
  return mode === 'down' || mode === 'slow'
    ? operations
    : operations.filter((operation) => operation !== 'inquire');
}

/**
 * Whether a switch strikes the n-th delivery of one request. Decided by a hash, not by a generator,
 * so that a run repeats whatever order concurrent requests arrive in.
 */
export function strikes(fault: FaultSwitch, operation: Operation, requestId: string, n: number): boolean {
  if (!fault.operations.includes(operation)) return false;
  const digest = createHash('sha256').update(`${fault.seed}:${operation}:${requestId}:${n}`).digest();
  return digest.readUIntBE(0, 6) / 2 ** 48 < fault.probability;
}
