/**
 * Ends what a benchmark has started, the last first, also when it fails or is told to end. What a signal that nobody can
 * catch leaves is ended by its run (`packages/server/test/support/run.ts`).
 */
import { constants } from 'node:os';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** What ends one of the things that were started. */
export type Undo = (() => Promise<unknown>)[];

/** Runs `main`, which pushes what ends each thing that it starts. A failure is told, and fails the process. */
export async function runAndUndo(main: (undo: Undo) => Promise<void>): Promise<void> {
  const undo: Undo = [];
  let ending: Promise<never> | undefined;
  const end = (signal: NodeJS.Signals): void => {
    ending = undoAll(undo).then(() => process.exit(128 + constants.signals[signal]));
  };
  for (const signal of SIGNALS) process.once(signal, end);
  try {
    await main(undo);
  } catch (error) {
    // What has been ended under a measurement fails it.
    if (ending !== undefined) return;
    process.stderr.write(`The benchmark failed: ${error instanceof Error ? error.stack : error}\n`);
    process.exitCode = 1;
  } finally {
    await (ending ?? undoAll(undo));
    for (const signal of SIGNALS) process.off(signal, end);
  }
}

async function undoAll(undo: Undo): Promise<void> {
  for (let step = undo.pop(); step !== undefined; step = undo.pop()) {
    await step().catch((error: unknown) => process.stderr.write(`${error}\n`));
  }
}
