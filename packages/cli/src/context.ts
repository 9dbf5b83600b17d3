import { type List, PlexyPay, type RequestOptions } from '@plexy-pay/sdk';
import { type Command, InvalidArgumentError } from 'commander';
import { type Cell, jsonText, recordText, tableText } from './output.ts';

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
  const clientWith = (sandboxKey: string, ...fromEnvironment: (string | undefined)[]): PlexyPay => {
    const keys = [options().key, ...fromEnvironment, sandboxKey];
    const apiKey = keys.find((key) => key !== undefined) ?? sandboxKey;
    return new PlexyPay({ apiKey, baseUrl: options().url, maxRetries: 1 });
  };
  return {
    ...surroundings,
    url: () => options().url,
    client: () => clientWith('op_test_demo', PLEXY_OPERATOR_KEY, PLEXY_API_KEY),
    merchantClient: () => clientWith('pr_test_demo', PLEXY_API_KEY),
    show: (value, fields) =>
      surroundings.out(options().json === true ? jsonText(value) : recordText(fields(value))),
    showList: async (list, limit, headings, row) => {
      const items = await list.toArray(limit);
      surroundings.out(options().json === true ? jsonText(items) : tableText(headings, items.map(row)));
    },
    showLine: (value, text) => surroundings.out(options().json === true ? JSON.stringify(value) : text),
  };
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
  return command.option('--limit <number>', 'the most rows to show', wholeNumber, 20);
}

export interface ListOptions {
  readonly limit: number;
}

/** The size of the pages that a list of `limit` rows is read in. */
export function pageSize({ limit }: ListOptions): { limit: number } {
  return { limit: Math.min(Math.max(limit, 1), 100) };
}

/** A whole number that is exact in JSON: amounts are minor units, so 12.50 is 1250. */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value;
  throw new InvalidArgumentError('It must be a whole number; amounts are in minor units.');
}
