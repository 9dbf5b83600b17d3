/** The command line of operators and of merchants’ developers: `plexy --help`. */
import { PlexyPayError } from '@plexy-pay/sdk';
import { Command, CommanderError, Option } from 'commander';
import { cardCommands } from './cards.ts';
import { completionCommand } from './completion.ts';
import { contextOf, type Surroundings } from './context.ts';
import { customerCommands } from './customers.ts';
import { connectorCommands, databaseCommands } from './database.ts';
import { EXIT, exitCodeOf, isNoServer, WHERE } from './exitCodes.ts';
import { keyCommands, operatorKeyCommands } from './keys.ts';
import { ledgerCommands } from './ledger.ts';
import { linkCommands } from './links.ts';
import { listenCommand } from './listen.ts';
import { merchantCommands } from './merchants.ts';
import { storeCommands } from './stores.ts';
import { transactionCommands } from './transactions.ts';
import { triggerCommand } from './trigger.ts';
import { VERSION } from './version.ts';
import { walletHolderCommands } from './walletHolders.ts';
import { walletCommands } from './wallets.ts';

/** No default here, so that the help cannot show a real key. */
const KEY =
  'an API key; better set PLEXY_OPERATOR_KEY, or PLEXY_API_KEY for the commands of merchants; else those of the sandbox';

const THIS_PROCESS: Surroundings = {
  env: process.env,
  out: (text) => process.stdout.write(`${text}\n`),
  error: (text) => process.stderr.write(`${text}\n`),
};

const HELP = `
Exit codes:
  0  done
  1  refused by the server, or by the bank: the sentence says why
  2  the command is wrong: nothing was sent
  3  no server, or no database, was found
  4  "audit" found a broken invariant`;

/** Runs one command. @returns the exit code */
export async function main(
  args: readonly string[],
  surroundings: Surroundings = THIS_PROCESS,
): Promise<number> {
  let exitCode: number = EXIT.done;
  const json = args.includes('--json');
  const sentence = (text: string): void =>
    surroundings.error(json ? errorJson({ message: text.replace(/^error: /, '') }) : text);
  const program = programOf({ ...surroundings, sentence }, (code) => {
    exitCode = code;
  });
  let mayRepeat = false;
  program.hook('preAction', (_program, command) => {
    mayRepeat = command.options.some(({ long }) => long === '--idempotency-key');
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    // Commander has already said what is wrong with the arguments.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    surroundings.error(
      json ? errorJson(fieldsOf(error)) : `${sentenceOf(error)}${mayRepeat ? keyHint(error) : ''}`,
    );
    return exitCodeOf(error);
  }
}

/** What programs read of an error. */
function errorJson(fields: object): string {
  return JSON.stringify({ error: fields });
}

function fieldsOf(error: unknown): object {
  if (!(error instanceof PlexyPayError)) return { message: String(error) };
  const { reason, status, code, details, requestId, idempotencyKey } = error;
  const message = isNoServer(error) ? `${error.message}: is it there? ${WHERE}` : error.message;
  return { message, reason, status, code, details, requestId, idempotencyKey };
}

/** @param sentence hears what is wrong with the arguments */
function programOf(
  { sentence, ...surroundings }: Surroundings & { readonly sentence: (text: string) => void },
  exit: (code: number) => void,
): Command {
  const { env, out } = surroundings;
  const trimmed = (write: (text: string) => void) => (text: string) => write(text.trimEnd());
  // Before the subcommands: they inherit both.
  const program = new Command('plexy')
    .exitOverride()
    .configureOutput({ writeOut: trimmed(out), writeErr: trimmed(sentence) })
    .version(VERSION, '-V, --version', 'show the version')
    .addHelpText('after', HELP)
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
  walletHolderCommands(program, context);
  walletCommands(program, context);
  ledgerCommands(program, context, exit);
  transactionCommands(program, context);
  linkCommands(program, context);
  customerCommands(program, context);
  cardCommands(program, context);
  triggerCommand(program, context);
  listenCommand(program, context);
  databaseCommands(program, operatorKeys, context, exit);
  connectorCommands(program, context, exit);
  completionCommand(program, context);
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
  const { message, requestId } = error;
  const request = requestId === null ? '' : ` (request ${requestId})`;
  if (!isNoServer(error)) return `${message}${request}`;
  return `${message}: is it there? ${WHERE}${request}`;
}

/** Nobody knows whether the server did it: with the same key it is done once. */
function keyHint(error: unknown): string {
  if (!(error instanceof PlexyPayError)) return '';
  const { idempotencyKey, status } = error;
  const isUnknown = status === null || status >= 500;
  if (idempotencyKey === null || !isUnknown) return '';
  return `; to repeat the same request safely, add --idempotency-key ${idempotencyKey}`;
}
