import type { WalletHolder } from '@plexy-pay/sdk';
import type { Command } from 'commander';
import {
  type Context,
  type ListOptions,
  listing,
  pageSize,
  requestOptions,
  type WriteOptions,
  writing,
} from './context.ts';
import { walletHolderIdOf } from './names.ts';
import type { Cell } from './output.ts';

export function walletHolderCommands(program: Command, context: Context): void {
  const holders = program.command('wallet-holders').description('the people behind wallets');
  writing(holders.command('create <phone> <iin>').description('create a wallet holder')).action(
    async (phoneNumber: string, iin: string, options: WriteOptions) => {
      const { admin } = context.client();
      context.show(await admin.walletHolders.create({ phoneNumber, iin }, requestOptions(options)), fieldsOf);
    },
  );
  listing(holders.command('list').description('list wallet holders, newest first'))
    .option('--phone <number>', 'the wallet holder with this phone number')
    .action(async (options: ListOptions & { phone?: string }) => {
      const { phone } = options;
      const query = { ...pageSize(options), ...(phone === undefined ? {} : { phoneNumber: phone }) };
      const list = context.client().admin.walletHolders.list(query);
      await context.showList(list, options.limit, ['ID', 'PHONE', 'IIN', 'CREATED'], (holder) =>
        Object.values(fieldsOf(holder)),
      );
    });
  holders
    .command('get <holder>')
    .description('show a wallet holder, by id or phone number')
    .action(async (holder: string) => {
      const plexy = context.client();
      context.show(await plexy.admin.walletHolders.get(await walletHolderIdOf(plexy, holder)), fieldsOf);
    });
}

function fieldsOf({ id, phoneNumber, iinLast4, createdAt }: WalletHolder): Record<string, Cell> {
  return { id, phone: phoneNumber, IIN: `••••••••${iinLast4}`, created: createdAt };
}
