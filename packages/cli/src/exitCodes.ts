/** What a script learns from the exit code; `plexy --help` lists them. */
import { ConnectionError, PlexyPayError, UnexpectedAnswerError } from '@plexy-pay/sdk';

export const EXIT = { done: 0, refused: 1, usage: 2, noConnection: 3, auditFailed: 4 } as const;

/** The command was asked for in a way that it cannot be done: nothing was sent. */
export class UsageError extends PlexyPayError {}

export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return EXIT.usage;
  return isNoServer(error) ? EXIT.noConnection : EXIT.refused;
}

/** Whether nobody was there, or somebody else than Plexy Pay. */
export function isNoServer(error: unknown): boolean {
  if (error instanceof ConnectionError || error instanceof UnexpectedAnswerError) return true;
  return error instanceof PlexyPayError && error.status !== null && error.code === null;
}

/** What helps whoever found no server. */
export const WHERE = '--url or PLEXY_URL says where the server is';
