import { auditWithin, INVARIANTS, ROWS_PER_INVARIANT } from '../ledger/auditSql.ts';
import { withinTransaction } from '../postgres/pool.ts';
import { CONSOLE, type Environment, EXIT, type Output, withDatabase } from './database.ts';

/**
 * Checks the seven invariants on any database, also one that is in use, and prints each with `ok` or
 * the rows that break it.
 * @returns the exit code: 0 when all hold, 4 when one is broken
 */
export function auditCommand(env: Environment, output: Output = CONSOLE): Promise<number> {
  return withDatabase(env, output, 'read', async (client) => {
    const violations = await withinTransaction(client, () => auditWithin(client));
    if (output.json === true) {
      output.out(
        JSON.stringify(
          jsonOf(violations),
          (_, value) => (typeof value === 'bigint' ? String(value) : value),
          2,
        ),
      );
      return violations.length === 0 ? EXIT.done : EXIT.auditFailed;
    }
    for (const { invariant, rule } of INVARIANTS) {
      const broken = violations.filter((violation) => violation.invariant === invariant);
      output.out(`${broken.length === 0 ? 'ok    ' : 'BROKEN'} ${invariant}. ${rule}`);
      for (const { row, rule: broke } of broken) {
        output.out(`         ${rowText(row)}${broke === rule ? '' : ` (${broke})`}`);
      }
      if (broken.length >= ROWS_PER_INVARIANT) output.out('         … there may be more');
    }
    return violations.length === 0 ? EXIT.done : EXIT.auditFailed;
  });
}

/** Each invariant with the rows that break it, for programs. */
function jsonOf(violations: Awaited<ReturnType<typeof auditWithin>>): object {
  const invariants = INVARIANTS.map(({ invariant, rule }) => {
    const broken = violations.filter((violation) => violation.invariant === invariant);
    return { invariant, rule, holds: broken.length === 0, rows: broken.map(({ row }) => row) };
  });
  return { holds: violations.length === 0, invariants };
}

function rowText(row: Readonly<Record<string, unknown>>): string {
  return Object.entries(row)
    .map(([name, value]) => `${name}=${value === null ? 'none' : String(value)}`)
    .join(' ');
}

if (import.meta.main) process.exitCode = await auditCommand(process.env);
