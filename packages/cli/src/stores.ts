import type { Store, Terminal } from '@plexy-pay/sdk';
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
import { merchantIdOf, storeIdOf } from './names.ts';
import type { Cell } from './output.ts';

/** A merchant's stores, and the terminals in them. */
export function storeCommands(program: Command, context: Context): void {
  const stores = program.command('stores').description('the stores of a merchant');
  writing(stores.command('create <merchant> <name>').description('create a store')).action(
    async (merchant: string, name: string, options: WriteOptions) => {
      const plexy = context.client();
      const id = await merchantIdOf(plexy, merchant);
      context.show(await plexy.admin.stores.create(id, { name }, requestOptions(options)), storeFields);
    },
  );
  listing(stores.command('list <merchant>').description('list stores, newest first')).action(
    async (merchant: string, options: ListOptions) => {
      const plexy = context.client();
      const list = plexy.admin.stores.list(await merchantIdOf(plexy, merchant), pageSize(options));
      await context.showList(list, options.limit, ['ID', 'NAME', 'CREATED'], (store) =>
        Object.values(storeFields(store)),
      );
    },
  );
  terminalCommands(program, context);
}

function terminalCommands(program: Command, context: Context): void {
  const terminals = program.command('terminals').description('the terminals in a merchant’s stores');
  writing(
    terminals.command('create <merchant> <store> <name>').description('create a terminal in a store'),
  ).action(async (merchant: string, store: string, name: string, options: WriteOptions) => {
    const plexy = context.client();
    const id = await merchantIdOf(plexy, merchant);
    const body = { name, storeId: await storeIdOf(plexy, id, store) };
    const terminal = await plexy.admin.terminals.create(id, body, requestOptions(options));
    context.show(terminal, terminalFields);
  });
  listing(terminals.command('list <merchant>').description('list terminals, newest first')).action(
    async (merchant: string, options: ListOptions) => {
      const plexy = context.client();
      const list = plexy.admin.terminals.list(await merchantIdOf(plexy, merchant), pageSize(options));
      await context.showList(list, options.limit, ['ID', 'NAME', 'STORE', 'CREATED'], (terminal) =>
        Object.values(terminalFields(terminal)),
      );
    },
  );
}

function storeFields({ id, name, createdAt }: Store): Record<string, Cell> {
  return { id, name, created: createdAt };
}

function terminalFields({ id, name, storeId, createdAt }: Terminal): Record<string, Cell> {
  return { id, name, store: storeId, created: createdAt };
}
