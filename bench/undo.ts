/** Ends what a run has started, the last first, also when it fails or is interrupted. */

/** What ends one of the things that were started. */
export type Undo = (() => Promise<unknown>)[];

/** Runs `main`, which pushes what ends each thing that it starts. A failure is told, and fails the process. */
export async function runAndUndo(main: (undo: Undo) => Promise<void>): Promise<void> {
  const undo: Undo = [];
  const interrupted = (): void => void undoAll(undo).then(() => process.exit(130));
  process.once('SIGINT', interrupted);
  try {
    await main(undo);
  } catch (error) {
    process.stderr.write(`The benchmark failed: ${error instanceof Error ? error.stack : error}\n`);
    process.exitCode = 1;
  } finally {
    await undoAll(undo);
    process.off('SIGINT', interrupted);
  }
}

async function undoAll(undo: Undo): Promise<void> {
  for (let step = undo.pop(); step !== undefined; step = undo.pop()) {
    await step().catch((error: unknown) => process.stderr.write(`${error}\n`));
  }
}
