import {
  type List,
  PlexyPay,
  PlexyPayError,
  type PlexyPayOptions,
  type RequestOptions,
} from '@plexy-pay/sdk';
import { type Command, InvalidArgumentError } from 'commander';
import { UsageError } from './exitCodes.ts';
import { type Cell, jsonText, recordText, tableText } from './output.ts';
import { VERSION } from './version.ts';

const APP = { name: 'plexy-cli', version: VERSION };

export type Environment = Readonly<Record<string, string | undefined>>;

/** Where the command reads its settings and writes its results. */
export interface Surroundings {
  readonly env: Environment;
  readonly out: (text: string) => void;
  readonly error: (text: string) => void;
  /** Stops what runs until it is stopped. */
  readonly signal?: AbortSignal;
}

interface GlobalOptions {
  readonly url: string;
  readonly key?: string;
  readonly json?: true;
}

/** What every command needs: the client, and one way to print. */
export interface Context extends Surroundings {
  url(): string;
  /** Whether programs read the output. */
  json(): boolean;
  /** With an operator's key. */
  client(): PlexyPay;
  /** With a merchant's key. */
  merchantClient(): PlexyPay;
  /** One object: as JSON, or these fields of it. */
  show<T extends object>(value: T, fields: (value: T) => Record<string, Cell>): void;
  /** The first `limit` of a list: as JSON, or as a table with a row for each. */
  showList<T>(
    list: List<T>,
    limit: number,
    headings: readonly string[],
    row: (item: T) => readonly Cell[],
  ): Promise<void>;
  /** One of many, as they happen: a line of JSON, or of text. */
  showLine(value: object, text: string): void;
}

export function contextOf(program: Command, surroundings: Surroundings): Context {
  const options = (): GlobalOptions => program.opts();
  const { PLEXY_OPERATOR_KEY, PLEXY_API_KEY } = surroundings.env;
  const clientWith = (sandboxKey: string, fromEnvironment: Environment): PlexyPay => {
    const places = Object.entries({ '--key': options().key, ...fromEnvironment });
    const [place = '', apiKey = sandboxKey] = places.find(([, key]) => key !== undefined) ?? [];
    if (apiKey.trim() === '')
      throw new UsageError(`${place} is empty: give a key, or leave it out for the sandbox’s`);
    return clientOf({ apiKey, baseUrl: options().url, maxRetries: 1, app: APP });
  };
  return {
    ...surroundings,
    url: () => options().url,
    json: () => options().json === true,
    client: () => clientWith('op_test_demo', { PLEXY_OPERATOR_KEY, PLEXY_API_KEY }),
    merchantClient: () => clientWith('pr_test_demo', { PLEXY_API_KEY }),
    show: (value, fields) =>
      surroundings.out(options().json === true ? jsonText(value) : recordText(fields(value))),
    showList: async (list, limit, headings, row) => {
      const items = await list.toArray(limit);
      surroundings.out(options().json === true ? jsonText(items) : tableText(headings, items.map(row)));
    },
    showLine: (value, text) => surroundings.out(options().json === true ? JSON.stringify(value) : text),
  };
}

/** What the client refuses to begin with is a mistake in the command. */
function clientOf(options: PlexyPayOptions): PlexyPay {
  try {
    return new PlexyPay(options);
  } catch (error) {
    if (!(error instanceof PlexyPayError)) throw error;
    const hint = error.message.startsWith('baseUrl') ? ' (--url or PLEXY_URL)' : '';
    throw new UsageError(`${error.message}${hint}`);
  }
}

export interface WriteOptions {
  readonly idempotencyKey?: string;
}

/** A subcommand that changes something. */
export function writing(command: Command): Command {
  return command.option('--idempotency-key <key>', 'send the same key again to repeat a request safely');
}

export function requestOptions({ idempotencyKey }: WriteOptions): RequestOptions {
  return idempotencyKey === undefined ? {} : { idempotencyKey };
}

/** A subcommand that lists something. */
export function listing(command: Command): Command {
  return command.option('--limit <number>', 'the most rows to show', rowCount, 20);
}

export interface ListOptions {
  readonly limit: number;
}

/** The size of the pages that a list of `limit` rows is read in. */
export function pageSize({ limit }: ListOptions): { limit: number } {
  return { limit: Math.min(limit, 100) };
}

/** An amount that is exact in JSON: it is in minor units, so 12.50 is 1250. */
export function minorUnits(text: string): number {
  return wholeNumber(text, 'It must be a whole number; amounts are in minor units.');
}

export function seconds(text: string): number {
  return wholeNumber(text, 'It must be a whole number of seconds.');
}

function rowCount(text: string): number {
  const sentence = 'It must be a whole number, 1 or more.';
  const count = wholeNumber(text, sentence);
  if (count < 1) throw new InvalidArgumentError(sentence);
  return count;
}

function wholeNumber(text: string, sentence: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value;
  throw new InvalidArgumentError(sentence);
}
