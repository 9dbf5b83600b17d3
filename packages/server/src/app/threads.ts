/** What the entries of threads have in common. */
import { constants, getPriority, setPriority } from 'node:os';
import type { SentError } from '../webhooks/thread.ts';

/** Payments go first: where processors are short, a thread that is so much nicer gets a third of what they get. */
const NICER = 5;

/** Lowers the priority of the thread that calls: Linux has one for each; elsewhere it would be that of the process. */
export function beNicer(): void {
  if (process.platform === 'linux')
    setPriority(0, Math.min(getPriority(0) + NICER, constants.priority.PRIORITY_LOW));
}

/** An error without what cannot be sent from thread to thread. */
export function sentError(error: unknown): SentError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) };
  const { name, message, stack } = error;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return {
    name,
    message,
    ...(stack === undefined ? {} : { stack }),
    ...(code === undefined ? {} : { code }),
  };
}
