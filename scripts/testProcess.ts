/**
 * Runs several files of tests in one process, each as a suite of its own: a process of its own for each would load the
 * same modules again, two seconds of a processor. `node:test` knows such suites only where a file is written as one, for
 * `before` and `after` at the top of a file are the whole process's. So the calls at the top of each file are kept until
 * all are loaded, and made again within the file's suite.
 *
 *   node scripts/testProcess.ts packages/money/test/money.test.ts …
 *
 * A process that takes too long is ended, and says what keeps it. (The time-out of `node:test` ends no file whose tests
 * have ended while something of theirs goes on.)
 */
import { registerHooks } from 'node:module';
import { describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { recorded } from './recordedTests.ts';

const LIMIT_MS = Number(process.env.TEST_FILE_LIMIT_MS ?? 10 * 60_000);
const RECORDED = import.meta.resolve('./recordedTests.ts');

registerHooks({
  resolve: (specifier, context, next) =>
    specifier === 'node:test' && context.parentURL?.includes('/test/')
      ? { url: RECORDED, shortCircuit: true }
      : next(specifier, context),
});

/** Loads these files, and has their tests run. */
export async function runFiles(files: readonly string[]): Promise<void> {
  const limitMs = LIMIT_MS * files.length;
  setTimeout(giveUp, limitMs, limitMs).unref();
  const suites: [string, () => void][] = [];
  for (const file of files) suites.push([file, await load(file)]);
  for (const [file, define] of suites) describe(file, define);
}

/** @returns makes the calls that the file made */
async function load(file: string): Promise<() => void> {
  try {
    return await recorded(() => import(pathToFileURL(file).href));
  } catch (error) {
    return () => test('it can be loaded', () => Promise.reject(error));
  }
}

function giveUp(limitMs: number): void {
  const kept = process.getActiveResourcesInfo().join(', ');
  process.stderr.write(`the file did not end within ${limitMs / 1_000} s, for it has ${kept}\n`);
  process.exit(1);
}
