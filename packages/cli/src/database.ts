/**
 * The commands that need the database instead of the API, and so the server's own code: the only module
 * here that imports it. They read DATABASE_URL, or DATA_DIR for the embedded database.
 */
import type { Command } from 'commander';
import type { Surroundings } from './context.ts';

/** @param exit hears the exit code */
export function databaseCommands(
  program: Command,
  operatorKeys: Command,
  { env, out, error }: Surroundings,
  exit: (code: number) => void,
): void {
  operatorKeys
    .command('create [name]')
    .description('make a key by access to the database: the way to the first one in production')
    .action(async (name = 'made on the command line') => {
      const { createOperatorKeyCommand } = await import('@plexy-pay/server/commands/operator-key');
      exit(await createOperatorKeyCommand(name, env, { out, error }));
    });
  program
    .command('operator-user')
    .description('operators who sign in to the dashboard')
    .command('create <email> [name]')
    .description('make one by access to the database, with a password that is shown this once')
    .action(async (email: string, name = email) => {
      const { createOperatorUserCommand } = await import('@plexy-pay/server/commands/operator-user');
      exit(await createOperatorUserCommand(email, name, env, { out, error }));
    });
  program
    .command('audit')
    .description('check the seven invariants of the ledger in the database')
    .action(async () => {
      const { auditCommand } = await import('@plexy-pay/server/commands/audit');
      exit(await auditCommand(env, { out, error }));
    });
}
