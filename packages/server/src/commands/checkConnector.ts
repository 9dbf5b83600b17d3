import { type CaseResult, checkConnector } from '../acquiring/conformance/check.ts';
import { type ConformanceTarget, problemOfTarget } from '../acquiring/conformance/target.ts';
import { ConnectorError, importModule } from '../acquiring/connectors.ts';
import { CONSOLE, CommandError, EXIT, type Output } from './database.ts';

/**
 * Checks the connector that a module tells of, case by case, against its bank's test environment.
 * @param name of the module: a package, or a file relative to the working directory
 * @returns the exit code: 0 when every case that was checked passed, 1 when one failed, 2 when there is nothing to check
 */
export async function checkConnectorCommand(name: string, output: Output = CONSOLE): Promise<number> {
  try {
    const exported = await importModule(name);
    const problem = problemOfTarget(exported);
    if (problem !== null) throw new CommandError(`${name}: ${problem}`);
    const isJson = output.json === true;
    const results = await checkConnector(exported as ConformanceTarget, (result) => {
      if (!isJson) output.out(lineOf(result));
    });
    const count = (wanted: CaseResult['result']): number =>
      results.filter(({ result }) => result === wanted).length;
    output.out(
      isJson
        ? JSON.stringify(results)
        : `${count('passed')} passed, ${count('failed')} failed, ${count('not checked')} not checked`,
    );
    return count('failed') === 0 ? EXIT.done : EXIT.refused;
  } catch (error) {
    if (!(error instanceof CommandError || error instanceof ConnectorError)) throw error;
    output.error(error.message);
    return EXIT.usage;
  }
}

const MARKS = { passed: 'ok  ', failed: 'FAIL', 'not checked': '-   ' } as const;

function lineOf({ name, promise, result, reason }: CaseResult): string {
  const because = reason === null ? '' : `\n       ${result === 'failed' ? 'but ' : ''}${reason}`;
  return `${MARKS[result]} ${name}: ${promise}${because}`;
}
