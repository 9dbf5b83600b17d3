/** What files of tests get in place of `node:test` where several are run in one process: see testProcess.ts. */
import * as tests from 'node:test';

/** The calls of the file that is being loaded. */
let calls: (() => void)[] | undefined;

/** @returns makes the calls of `node:test` that were made while it loaded */
export async function recorded(load: () => Promise<unknown>): Promise<() => void> {
  const own: (() => void)[] = [];
  calls = own;
  try {
    await load();
  } finally {
    calls = undefined;
  }
  return () => {
    for (const call of own) call();
  };
}

/** What is called within a suite or a test goes to `node:test` at once. */
function kept<Args extends unknown[], Result>(
  call: (...args: Args) => Result,
): (...args: Args) => Result | undefined {
  return (...args) => {
    if (calls === undefined) return call(...args);
    calls.push(() => call(...args));
    return undefined;
  };
}

export const test = kept(tests.test);
export const describe = kept(tests.describe);
export const before = kept(tests.before);
export const after = kept(tests.after);
export const beforeEach = kept(tests.beforeEach);
export const afterEach = kept(tests.afterEach);
