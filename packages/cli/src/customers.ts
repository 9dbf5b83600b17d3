import type { CreateCustomerBody, Customer, UpdateCustomerBody } from '@plexy-pay/sdk';
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
import { UsageError } from './exitCodes.ts';
import { type Cell, jsonText, money } from './output.ts';

interface Profile extends WriteOptions {
  readonly reference?: string;
  readonly name?: string;
  readonly email?: string;
  readonly phone?: string;
  readonly locale?: string;
}

/** A merchant's customers. */
export function customerCommands(program: Command, context: Context): void {
  const customers = program.command('customers').description('your customers, and what they pay');
  findCommands(customers, context);
  changeCommands(customers, context);
}

function withProfile(command: Command): Command {
  return writing(command)
    .option('--reference <id>', 'your own id of them')
    .option('--name <name>')
    .option('--email <address>')
    .option('--phone <number>')
    .option('--locale <tag>', 'their language, such as kk or ru-KZ');
}

/** What is given: the server checks it, and names what is wrong. An empty text takes a field away. */
function bodyOf({ reference, name, email, phone, locale }: Profile): UpdateCustomerBody {
  const given = Object.entries({ reference, name, email, phone, locale });
  return Object.fromEntries(
    given.flatMap(([field, text]) => (text === undefined ? [] : [[field, text === '' ? null : text]])),
  );
}

function findCommands(customers: Command, context: Context): void {
  listing(customers.command('list [beginning]'))
    .description('list customers, newest first; those whose reference, name, e-mail or phone begins so')
    .action(async (query: string | undefined, options: ListOptions) => {
      const search = query === undefined ? {} : { query };
      const list = context.merchantClient().customers.list({ ...search, ...pageSize(options) });
      await context.showList(
        list,
        options.limit,
        ['ID', 'REFERENCE', 'NAME', 'E-MAIL', 'PHONE'],
        (customer) => [...[customer.id, customer.reference, customer.name, customer.email, customer.phone]],
      );
    });
  customers
    .command('get <customer>')
    .description('show a customer, and what they spent')
    .action(async (id: string) => {
      const { customers: all } = context.merchantClient();
      const [customer, totals] = await Promise.all([all.get(id), all.totals(id).toArray()]);
      context.show({ ...customer, totals }, () => ({
        ...fieldsOf(customer),
        spent: totals.map(({ spent, currency }) => money(spent, currency)),
        refunded: totals.map(({ refunded, currency }) => money(refunded, currency)),
      }));
    });
  listing(
    customers.command('transactions <customer>').description('their payments and refunds, newest first'),
  ).action(async (id: string, options: ListOptions) => {
    const list = context.merchantClient().customers.transactions(id, pageSize(options));
    const headings = ['ID', 'CREATED', 'TYPE', 'STATUS', 'AMOUNT', 'ORDER REFERENCE'];
    await context.showList(list, options.limit, headings, (row) => [
      ...[row.id, row.createdAt, row.type, row.status, money(row.amount, row.currency), row.orderReference],
    ]);
  });
  customers
    .command('export <customer>')
    .description('print all that is kept of a customer, as JSON')
    .action(async (id: string) => {
      context.out(jsonText(await context.merchantClient().customers.export(id)));
    });
}

function changeCommands(customers: Command, context: Context): void {
  withProfile(customers.command('create').description('create a customer')).action(async (given: Profile) => {
    const body = bodyOf(given) as CreateCustomerBody;
    context.show(await context.merchantClient().customers.create(body, requestOptions(given)), fieldsOf);
  });
  withProfile(customers.command('update <customer>'))
    .description('change a customer; an empty text takes a field away')
    .action(async (id: string, given: Profile) => {
      const { customers: all } = context.merchantClient();
      context.show(await all.update(id, bodyOf(given), requestOptions(given)), fieldsOf);
    });
  writing(customers.command('erase <customer>').description('erase a customer’s personal data, for good'))
    .option('--yes', 'you mean it: this cannot be undone')
    .action(async (id: string, options: WriteOptions & { readonly yes?: true }) => {
      if (options.yes !== true) throw new UsageError('this cannot be undone: say --yes, too');
      context.show(await context.merchantClient().customers.erase(id, requestOptions(options)), fieldsOf);
    });
}

function fieldsOf(customer: Customer): Record<string, Cell> {
  const { id, reference, name, email, phone, locale, createdAt, erasedAt } = customer;
  return {
    ...{ id, reference, name, 'e-mail': email, phone, locale, created: createdAt },
    ...(erasedAt === null ? {} : { erased: erasedAt }),
  };
}
