/**
 * Preloaded into the process of each file of tests: ends one that takes too long, and says what keeps it. (The time-out
 * of `node:test` ends no file whose tests have ended while something of theirs goes on.)
 */
import { isMainThread } from 'node:worker_threads';

const LIMIT_MS = Number(process.env.TEST_FILE_LIMIT_MS ?? 10 * 60_000);

function giveUp(): void {
  const kept = process.getActiveResourcesInfo().join(', ');
  process.stderr.write(`the file did not end within ${LIMIT_MS / 1_000} s, for it has ${kept}\n`);
  process.exit(1);
}

if (isMainThread) setTimeout(giveUp, LIMIT_MS).unref();
