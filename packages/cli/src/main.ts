/** The command line of operators: `plexy --help`. */
import { PlexyPayError } from '@plexy-pay/sdk';
import { Command, CommanderError, Option } from 'commander';
import { contextOf, type Surroundings } from './context.ts';
import { customerCommands } from './customers.ts';
import { databaseCommands } from './database.ts';
import { keyCommands, operatorKeyCommands } from './keys.ts';
import { ledgerCommands } from './ledger.ts';
import { merchantCommands } from './merchants.ts';
import { storeCommands } from './stores.ts';
import { walletCommands } from './wallets.ts';

const THIS_PROCESS: Surroundings = {
  env: process.env,
  out: (text) => process.stdout.write(`${text}\n`),
  error: (text) => process.stderr.write(`${text}\n`),
};

/** Runs one command. @returns the exit code */
export async function main(args: readonly string[], surroundings = THIS_PROCESS): Promise<number> {
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
    .description('Plexy Pay for operators. Amounts are in minor units: 12.50 KZT is 1250.')
    .addOption(urlOption(env))
    .addOption(keyOption(env))
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
  databaseCommands(program, operatorKeys, surroundings, exit);
  return program;
}

function urlOption({ PLEXY_URL = 'http://127.0.0.1:8080' }: Surroundings['env']): Option {
  return new Option('--url <url>', 'the server, its ADMIN_PORT in production; or set PLEXY_URL').default(
    PLEXY_URL,
  );
}

/** Its value is not shown in the help: it may be a real key. */
function keyOption({ PLEXY_OPERATOR_KEY, PLEXY_API_KEY }: Surroundings['env']): Option {
  return new Option('--key <key>', 'an operator’s API key; better set PLEXY_OPERATOR_KEY').default(
    PLEXY_OPERATOR_KEY ?? PLEXY_API_KEY ?? 'op_test_demo',
    'that of the sandbox',
  );
}

function sentenceOf(error: unknown): string {
  if (!(error instanceof PlexyPayError))
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  return error.requestId === null ? error.message : `${error.message} (request ${error.requestId})`;
}
