import type { Customer } from '@plexy-pay/sdk';
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
import { customerIdOf } from './names.ts';
import type { Cell } from './output.ts';

export function customerCommands(program: Command, context: Context): void {
  const customers = program.command('customers').description('the people who pay');
  writing(customers.command('create <phone> <iin>').description('create a customer')).action(
    async (phoneNumber: string, iin: string, options: WriteOptions) => {
      const { admin } = context.client();
      context.show(await admin.customers.create({ phoneNumber, iin }, requestOptions(options)), fieldsOf);
    },
  );
  listing(customers.command('list').description('list customers, newest first'))
    .option('--phone <number>', 'the customer with this phone number')
    .action(async (options: ListOptions & { phone?: string }) => {
      const { phone } = options;
      const query = { ...pageSize(options), ...(phone === undefined ? {} : { phoneNumber: phone }) };
      const list = context.client().admin.customers.list(query);
      await context.showList(list, options.limit, ['ID', 'PHONE', 'IIN', 'CREATED'], (customer) =>
        Object.values(fieldsOf(customer)),
      );
    });
  customers
    .command('get <customer>')
    .description('show a customer, by id or phone number')
    .action(async (customer: string) => {
      const plexy = context.client();
      context.show(await plexy.admin.customers.get(await customerIdOf(plexy, customer)), fieldsOf);
    });
}

function fieldsOf({ id, phoneNumber, iinLast4, createdAt }: Customer): Record<string, Cell> {
  return { id, phone: phoneNumber, IIN: `••••••••${iinLast4}`, created: createdAt };
}
