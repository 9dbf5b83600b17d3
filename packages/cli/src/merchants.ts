import { readFile } from 'node:fs/promises';
import type { Merchant } from '@plexy-pay/sdk';
import type { Command } from 'commander';
import {
  type Context,
  type ListOptions,
  listing,
  pageSize,
  requestOptions,
  seconds,
  type WriteOptions,
  writing,
} from './context.ts';
import { UsageError } from './exitCodes.ts';
import { merchantIdOf } from './names.ts';
import { type Cell, money } from './output.ts';

interface Settings {
  readonly name?: string;
  readonly captureMode?: Merchant['captureMode'];
  readonly captureDelay?: number;
  readonly authorizationTtl?: number;
  readonly linkCaptureDelay?: number;
  readonly linkHold?: number;
  readonly returnOrigins?: string[];
  readonly timeZone?: string;
  readonly requireIdempotencyKey?: boolean;
  readonly checkoutColor?: string;
  readonly checkoutOrigins?: string[];
}

export function merchantCommands(program: Command, context: Context): void {
  const merchants = program.command('merchants').description('merchants, their settings and balances');
  writeCommands(merchants, context);
  logoCommand(merchants, context);
  readCommands(merchants, context);
}

function writeCommands(merchants: Command, context: Context): void {
  settings(writing(merchants.command('create <name>').description('create a merchant'))).action(
    async (name: string, { idempotencyKey, ...given }: Settings & WriteOptions) => {
      const write = requestOptions(idempotencyKey === undefined ? {} : { idempotencyKey });
      context.show(await context.client().admin.merchants.create({ ...given, name }, write), fieldsOf);
    },
  );
  settings(merchants.command('update <merchant>').description('change settings, for payments from now on'))
    .option('--name <name>')
    .action(async (merchant: string, given: Settings) => {
      if (Object.keys(given).length === 0)
        throw new UsageError('give at least one setting to change, such as --name; --help lists them');
      const plexy = context.client();
      const id = await merchantIdOf(plexy, merchant);
      context.show(await plexy.admin.merchants.update(id, given), fieldsOf);
    });
}

function logoCommand(merchants: Command, context: Context): void {
  merchants
    .command('logo <merchant> [file]')
    .description('set the logo that its payers see, a PNG of at most 40 KB; without a file take it away')
    .action(async (merchant: string, file: string | undefined) => {
      const plexy = context.client();
      const id = await merchantIdOf(plexy, merchant);
      const changed =
        file === undefined
          ? plexy.admin.merchants.deleteCheckoutLogo(id)
          : plexy.admin.merchants.setCheckoutLogo(id, { png: (await readFile(file)).toString('base64') });
      context.show(await changed, fieldsOf);
    });
}

function readCommands(merchants: Command, context: Context): void {
  listing(merchants.command('list').description('list merchants, newest first')).action(
    async (options: ListOptions) => {
      const list = context.client().admin.merchants.list(pageSize(options));
      await context.showList(list, options.limit, ['ID', 'NAME', 'CAPTURE', 'CREATED'], (merchant) => [
        ...[merchant.id, merchant.name, merchant.captureMode, merchant.createdAt],
      ]);
    },
  );
  merchants
    .command('get <merchant>')
    .description('show a merchant')
    .action(async (merchant: string) => {
      const plexy = context.client();
      context.show(await plexy.admin.merchants.get(await merchantIdOf(plexy, merchant)), fieldsOf);
    });
  merchants
    .command('balances <merchant>')
    .description('what a merchant has, by currency')
    .action(async (merchant: string) => {
      const plexy = context.client();
      const list = plexy.admin.merchants.balances(await merchantIdOf(plexy, merchant));
      await context.showList(
        list,
        Number.POSITIVE_INFINITY,
        ['CURRENCY', 'BALANCE'],
        ({ currency, balance }) => [...[currency, money(balance, currency)]],
      );
    });
  listing(
    merchants.command('statement <merchant> <currency>').description('what moved, newest first'),
  ).action(async (merchant: string, currency: string, options: ListOptions) => {
    const query = { currency, ...pageSize(options) };
    const plexy = context.client();
    const list = plexy.admin.merchants.statement(await merchantIdOf(plexy, merchant), query);
    const headings = ['TIME', 'CODE', 'CHANGE', 'BALANCE', 'REFERENCE', 'OPERATION'];
    await context.showList(
      list,
      options.limit,
      headings,
      ({ at, code, change, balance, reference, operationId }) => [
        ...[at, code, money(change, currency), money(balance, currency), reference, operationId],
      ],
    );
  });
}

function settings(command: Command): Command {
  return command
    .option('--capture-mode <mode>', 'manual or automatic')
    .option('--capture-delay <seconds>', 'from the authorization to an automatic capture', seconds)
    .option('--authorization-ttl <seconds>', 'that an authorization holds', seconds)
    .option(
      '--link-capture-delay <seconds>',
      'the same of payments by links that clear by themselves',
      seconds,
    )
    .option('--link-hold <seconds>', 'until payments by other links are captured by themselves', seconds)
    .option(
      '--return-origins <origins...>',
      'where payers may come back to after 3-D Secure: https://shop.example, or an app’s myapp://',
    )
    .option('--time-zone <zone>', 'in which its days begin, such as Asia/Almaty')
    .option('--checkout-color <color>', 'of the checkout’s buttons, such as #0a7d4f')
    .option('--checkout-origins <origins...>', 'whose pages may show the checkout in a frame or a popup')
    .option('--require-idempotency-key', 'refuse captures, cancels and refunds without one')
    .option('--no-require-idempotency-key', 'take them without, too');
}

function fieldsOf(merchant: Merchant): Record<string, Cell> {
  return {
    id: merchant.id,
    name: merchant.name,
    'capture mode': merchant.captureMode,
    'capture delay': `${merchant.captureDelay} s`,
    'authorization holds': `${merchant.authorizationTtl} s`,
    'link capture delay': `${merchant.linkCaptureDelay} s`,
    'link hold': `${merchant.linkHold} s`,
    'return origins': merchant.returnOrigins,
    'time zone': merchant.timeZone,
    'requires Idempotency-Key': merchant.requireIdempotencyKey ? 'yes' : 'no',
    'checkout color': merchant.checkoutColor,
    'checkout origins': merchant.checkoutOrigins,
    'checkout logo': merchant.checkoutLogo,
    created: merchant.createdAt,
  };
}
