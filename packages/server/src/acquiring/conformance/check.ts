/** The conformance kit: does a connector do what is promised in `connector.ts`? */
import { problemOf } from '../connectors.ts';
import { CASES, type Case } from './cases.ts';
import { startProxy } from './proxy.ts';
import type { ConformanceTarget } from './target.ts';
import { NotChecked, Trial } from './trial.ts';

export type { ConformanceTarget } from './target.ts';

export interface CaseResult extends Pick<Case, 'name' | 'promise'> {
  readonly result: 'passed' | 'failed' | 'not checked';
  /** Why it failed, or was not checked. */
  readonly reason: string | null;
}

/**
 * Checks a connector against its bank, case by case.
 * @param onResult hears of each as it ends
 * @param isWanted which cases are checked, by their names: all of them if nothing else is said
 */
export async function checkConnector(
  target: ConformanceTarget,
  onResult: (result: CaseResult) => void = () => undefined,
  isWanted: (name: string) => boolean = () => true,
): Promise<CaseResult[]> {
  const problem = problemOf(target.connector);
  const module: CaseResult = {
    name: 'module',
    promise: 'the module is a connector of this version',
    result: problem === null ? 'passed' : 'failed',
    reason: problem,
  };
  onResult(module);
  if (problem !== null) return [module];
  const proxy = await startProxy(target.baseUrl);
  const results = [module];
  try {
    for (const { name, promise, check } of CASES.filter((one) => isWanted(one.name))) {
      // A connector of its own: what one case has done to its connections is nothing to the next.
      const ended = await check(new Trial(target, proxy)).then(
        () => ({ result: 'passed', reason: null }) as const,
        (error: unknown) =>
          ({
            result: error instanceof NotChecked ? 'not checked' : 'failed',
            reason: error instanceof Error ? error.message : String(error),
          }) as const,
      );
      const result = { name, promise, ...ended };
      onResult(result);
      results.push(result);
    }
  } finally {
    await proxy.end();
  }
  return results;
}
