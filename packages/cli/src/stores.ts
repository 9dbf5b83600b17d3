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
import type { Cell } from './output.ts';

/** A merchant's stores, and the terminals in them. */
export function storeCommands(program: Command, context: Context): void {
  const stores = program.command('stores').description('the stores of a merchant');
  writing(stores.command('create <merchant> <name>').description('create a store')).action(
    async (merchant: string, name: string, options: WriteOptions) => {
      const { admin } = context.client();
      context.show(await admin.stores.create(merchant, { name }, requestOptions(options)), storeFields);
    },
  );
  listing(stores.command('list <merchant>').description('list stores, newest first')).action(
    async (merchant: string, options: ListOptions) => {
      const list = context.client().admin.stores.list(merchant, pageSize(options));
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
  ).action(async (merchant: string, storeId: string, name: string, options: WriteOptions) => {
    const { admin } = context.client();
    const terminal = await admin.terminals.create(merchant, { name, storeId }, requestOptions(options));
    context.show(terminal, terminalFields);
  });
  listing(terminals.command('list <merchant>').description('list terminals, newest first')).action(
    async (merchant: string, options: ListOptions) => {
      const list = context.client().admin.terminals.list(merchant, pageSize(options));
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
