/** The command line of operators and of merchants’ developers: `plexy --help`. */
import { ConnectionError, PlexyPayError } from '@plexy-pay/sdk';
import { Command, CommanderError, Option } from 'commander';
import { contextOf, type Surroundings } from './context.ts';
import { customerCommands } from './customers.ts';
import { databaseCommands } from './database.ts';
import { keyCommands, operatorKeyCommands } from './keys.ts';
import { ledgerCommands } from './ledger.ts';
import { listenCommand } from './listen.ts';
import { merchantCommands } from './merchants.ts';
import { storeCommands } from './stores.ts';
import { transactionCommands } from './transactions.ts';
import { triggerCommand } from './trigger.ts';
import { walletCommands } from './wallets.ts';

/** No default here, so that the help cannot show a real key. */
const KEY =
  'an API key; better set PLEXY_OPERATOR_KEY, or PLEXY_API_KEY for the commands of merchants; else those of the sandbox';

const THIS_PROCESS: Surroundings = {
  env: process.env,
  out: (text) => process.stdout.write(`${text}\n`),
  error: (text) => process.stderr.write(`${text}\n`),
};

/** Runs one command. @returns the exit code */
export async function main(
  args: readonly string[],
  surroundings: Surroundings = THIS_PROCESS,
): Promise<number> {
  let exitCode = 0;
  const program = programOf(surroundings, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    // Commander has already said what is wrong with the arguments.
    if (error instanceof CommanderError) return error.exitCode;
    surroundings.error(sentenceOf(error));
    return 1;
  }
}

function programOf(surroundings: Surroundings, exit: (code: number) => void): Command {
  const { env, out, error } = surroundings;
  const trimmed = (write: (text: string) => void) => (text: string) => write(text.trimEnd());
  // Before the subcommands: they inherit both.
  const program = new Command('plexy')
    .exitOverride()
    .configureOutput({ writeOut: trimmed(out), writeErr: trimmed(error) })
    .description('Plexy Pay for operators and developers. Amounts are in minor units: 12.50 KZT is 1250.')
    .addOption(urlOption(env))
    .option('--key <key>', KEY)
    .option('--json', 'print JSON for programs in place of tables');
  const context = contextOf(program, surroundings);
  merchantCommands(program, context);
  keyCommands(program, context);
  const operatorKeys = program.command('operator-key').description('the keys of operators');
  operatorKeyCommands(operatorKeys, context);
  storeCommands(program, context);
  customerCommands(program, context);
  walletCommands(program, context);
  ledgerCommands(program, context);
  transactionCommands(program, context);
  triggerCommand(program, context);
  listenCommand(program, context);
  databaseCommands(program, operatorKeys, surroundings, exit);
  return program;
}

function urlOption({ PLEXY_URL = 'http://127.0.0.1:8080' }: Surroundings['env']): Option {
  return new Option(
    '--url <url>',
    'the server; its ADMIN_PORT for operators in production; or set PLEXY_URL',
  ).default(PLEXY_URL);
}

function sentenceOf(error: unknown): string {
  if (!(error instanceof PlexyPayError))
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  if (error instanceof ConnectionError)
    return `${error.message}: is it there? --url or PLEXY_URL says where the server is`;
  return error.requestId === null ? error.message : `${error.message} (request ${error.requestId})`;
}
