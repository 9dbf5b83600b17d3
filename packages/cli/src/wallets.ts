import type { Transfer, Wallet } from '@plexy-pay/sdk';
import type { Command } from 'commander';
import {
  type Context,
  type ListOptions,
  listing,
  minorUnits,
  pageSize,
  requestOptions,
  type WriteOptions,
  writing,
} from './context.ts';
import { walletHolderIdOf } from './names.ts';
import { type Cell, money } from './output.ts';

export function walletCommands(program: Command, context: Context): void {
  const wallets = program.command('wallets').description('wallets, the money in them, and its moves');
  createCommand(wallets, context);
  readCommands(wallets, context);
  transferCommands(wallets, context);
  freezeCommands(wallets, context);
}

function createCommand(wallets: Command, context: Context): void {
  writing(wallets.command('create <holder> <currency>').description('create an empty wallet'))
    .option('--requires-confirmation', 'each authorization waits for the holder')
    .action(
      async (holder: string, currency: string, options: WriteOptions & { requiresConfirmation?: true }) => {
        const body = { currency, requiresConfirmation: options.requiresConfirmation === true };
        const plexy = context.client();
        const id = await walletHolderIdOf(plexy, holder);
        context.show(
          await plexy.admin.walletHolders.createWallet(id, body, requestOptions(options)),
          fieldsOf,
        );
      },
    );
}

function readCommands(wallets: Command, context: Context): void {
  wallets
    .command('list <holder>')
    .description('list a customer’s wallets')
    .action(async (holder: string) => {
      const plexy = context.client();
      const list = plexy.admin.walletHolders.wallets(await walletHolderIdOf(plexy, holder));
      const headings = ['ID', 'AVAILABLE', 'HELD', 'FROZEN', 'CONFIRMATION'];
      await context.showList(list, Number.POSITIVE_INFINITY, headings, (wallet) => [
        wallet.id,
        money(wallet.available, wallet.currency),
        money(wallet.held, wallet.currency),
        wallet.frozen,
        wallet.requiresConfirmation,
      ]);
    });
  wallets
    .command('get <wallet>')
    .description('show a wallet with its balances')
    .action(async (id: string) => {
      context.show(await context.client().admin.wallets.get(id), fieldsOf);
    });
  listing(wallets.command('statement <wallet>').description('what moved, newest first')).action(
    async (id: string, options: ListOptions) => {
      const { admin } = context.client();
      const { currency } = await admin.wallets.get(id);
      const headings = ['TIME', 'CODE', 'CHANGE', 'BALANCE', 'REFERENCE', 'OPERATION'];
      await context.showList(
        admin.wallets.statement(id, pageSize(options)),
        options.limit,
        headings,
        (entry) => [
          entry.at,
          entry.code,
          money(entry.change, currency),
          money(entry.balance, currency),
          entry.reference,
          entry.operationId,
        ],
      );
    },
  );
}

const TRANSFERS = {
  deposit: 'pay money from outside into a wallet',
  withdraw: 'pay money out of a wallet',
} as const;

function transferCommands(wallets: Command, context: Context): void {
  for (const kind of ['deposit', 'withdraw'] as const) {
    writing(wallets.command(kind).description(TRANSFERS[kind]))
      .argument('<wallet>')
      .argument('<amount>', 'in minor units: 12.50 KZT is 1250', minorUnits)
      .option('--reference <text>', 'for the statement')
      .action(async (id: string, amount: number, options: WriteOptions & { reference?: string }) => {
        const { reference } = options;
        const body = { amount, ...(reference === undefined ? {} : { reference }) };
        const transfer = await context.client().admin.wallets[kind](id, body, requestOptions(options));
        context.show(transfer, transferFields);
      });
  }
}

const FREEZING = {
  freeze: 'refuse authorizations and withdrawals from now on',
  unfreeze: 'accept them again',
} as const;

function freezeCommands(wallets: Command, context: Context): void {
  for (const operation of ['freeze', 'unfreeze'] as const) {
    writing(wallets.command(`${operation} <wallet>`).description(FREEZING[operation])).action(
      async (id: string, options: WriteOptions) => {
        context.show(await context.client().admin.wallets[operation](id, requestOptions(options)), fieldsOf);
      },
    );
  }
}

function fieldsOf(wallet: Wallet): Record<string, Cell> {
  const { id, walletHolderId, currency, available, held, frozen, requiresConfirmation } = wallet;
  return {
    ...{ id, holder: walletHolderId, currency },
    ...{ available: money(available, currency), held: money(held, currency) },
    ...{ frozen, 'requires confirmation': requiresConfirmation },
  };
}

function transferFields(transfer: Transfer): Record<string, Cell> {
  const { id, walletId, kind, amount, currency, reference, createdAt, available, held } = transfer;
  return {
    ...{ id, wallet: walletId, kind, amount: money(amount, currency), reference, time: createdAt },
    ...{ 'available now': money(available, currency), 'held now': money(held, currency) },
  };
}
