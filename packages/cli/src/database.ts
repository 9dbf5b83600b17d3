/**
 * The commands that need the server's own code: the only module here that imports it. Those that need the database read
 * DATABASE_URL and DATABASE_DIRECT_URL, or DATA_DIR for the embedded one.
 */
import type { Command } from 'commander';
import type { Context } from './context.ts';
import { UsageError } from './exitCodes.ts';

/** @param exit hears the exit code */
export function databaseCommands(
  program: Command,
  operatorKeys: Command,
  context: Context,
  exit: (code: number) => void,
): void {
  const { env, out, error } = context;
  const output = () => ({ out, error, json: context.json() });
  program
    .command('start')
    .description(
      'start the server: a sandbox with all it needs, or what the environment says (see README.md)',
    )
    .action(async () => {
      await serverOf(() => import('@plexy-pay/server/start'));
    });
  operatorKeys
    .command('create [name]')
    .description('make a key by access to the database: the way to the first one in production')
    .option(
      '--expires <time>',
      'when it ends, such as 2027-01-31T00:00:00Z, or never (default: after a year)',
    )
    .action(async (name = 'made on the command line', { expires = null }: { expires?: string | null }) => {
      const server = await serverOf(() => import('@plexy-pay/server/commands/operator-key'));
      exit(await server.createOperatorKeyCommand(name, env, output(), expires));
    });
  const operatorUsers = program
    .command('operator-user')
    .description('operators who sign in to the dashboard');
  operatorUsers
    .command('create <email> [name]')
    .description('make one by access to the database, with a password that is shown this once')
    .action(async (email: string, name = email) => {
      const server = await serverOf(() => import('@plexy-pay/server/commands/operator-user'));
      exit(await server.createOperatorUserCommand(email, name, env, output()));
    });
  operatorUsers
    .command('reset-second-factor <email>')
    .description('take the second factor from one who has lost it, by access to the database')
    .action(async (email: string) => {
      const server = await serverOf(() => import('@plexy-pay/server/commands/operator-user'));
      exit(await server.resetSecondFactorCommand(email, env, output()));
    });
  program
    .command('migrate')
    .description('bring the database up to date, before the nodes of a new version start')
    .option('--plan', 'only list what would be applied')
    .action(async ({ plan = false }: { plan?: boolean }) => {
      const server = await serverOf(() => import('@plexy-pay/server/commands/migrate'));
      exit(await server.migrateCommand({ plan }, env, { out, error }));
    });
  program
    .command('rekey')
    .description('make anew what an earlier SECRET_KEY sealed, beside running nodes; see docs/secret-keys.md')
    .action(async () => {
      const server = await serverOf(() => import('@plexy-pay/server/commands/rekey'));
      exit(await server.rekeyCommand(env, output()));
    });
  program
    .command('audit')
    .description('check the seven invariants of the ledger in the database')
    .action(async () => {
      const server = await serverOf(() => import('@plexy-pay/server/commands/audit'));
      exit(await server.auditCommand(env, output()));
    });
}

/** @param exit hears the exit code */
export function connectorCommands(program: Command, context: Context, exit: (code: number) => void): void {
  program
    .command('check-connector <module>')
    .description('check a connector to a bank against what connectors promise; see docs/connectors.md')
    .action(async (module: string) => {
      const server = await serverOf(() => import('@plexy-pay/server/commands/check-connector'));
      const { out, error } = context;
      exit(await server.checkConnectorCommand(module, { out, error, json: context.json() }));
    });
}

/** @throws UsageError where plexy was installed by itself */
async function serverOf<T>(load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'ERR_MODULE_NOT_FOUND' || !message.includes('@plexy-pay/server')) throw error;
    throw new UsageError('this command needs the server’s own program: run it where the server is installed');
  }
}
