/** Programs that a test needs and Node does not bring. */
import type { TestOptions } from 'node:test';

export interface RunningProgram {
  stop(): Promise<void>;
}

/** A test that lacks a program fails in CI, where everything is installed, and is skipped elsewhere with what to install. */
export function needs(isThere: boolean, what: string): TestOptions {
  if (isThere) return {};
  if (process.env.CI === undefined) return { skip: `needs ${what}` };
  throw new Error(`this test needs ${what}`);
}
