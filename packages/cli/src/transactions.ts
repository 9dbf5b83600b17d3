import type { Transaction, TransactionEvent } from '@plexy-pay/sdk';
import type { Command } from 'commander';
import { type Context, type ListOptions, listing, pageSize } from './context.ts';
import { type Cell, money } from './output.ts';

const HEADINGS = ['ID', 'CREATED', 'STATUS', 'TYPE', 'METHOD', 'AMOUNT', 'ORDER REFERENCE'];
const FILTERS = {
  status: 'such as authorized,charged',
  type: 'payment or refund',
  method: 'wallet or card',
  reference: 'exactly this order reference',
  query: 'what a reference or a description begins with, four last digits, or an id',
} as const;
type Filters = { readonly [name in keyof typeof FILTERS]?: string };

/** A merchant's payments and refunds. */
export function transactionCommands(program: Command, context: Context): void {
  const transactions = program.command('transactions').description('a merchant’s payments and refunds');
  const list = listing(transactions.command('list').description('list payments and refunds, newest first'));
  for (const [name, meaning] of Object.entries(FILTERS)) list.option(`--${name} <${name}>`, meaning);
  list.action(async ({ limit, method, reference, ...filters }: ListOptions & Filters) => {
    // The server checks them, and names what is wrong.
    const query = { ...filters, paymentMethod: method, orderReference: reference, ...pageSize({ limit }) };
    const found = context.merchantClient().transactions.list(query as object);
    await context.showList(found, limit, HEADINGS, (t) => [
      ...[t.id, t.createdAt, t.status, t.type, t.paymentMethod],
      ...[money(t.amount, t.currency), t.orderReference],
    ]);
  });
  transactions
    .command('get <transaction>')
    .description('show a payment or a refund; either spelling of its id')
    .action(async (id: string) => {
      context.show(await context.merchantClient().transactions.get(id), fieldsOf);
    });
  listing(
    transactions.command('history <transaction>').description('what happened to it, oldest first'),
  ).action(async (id: string, options: ListOptions) => {
    const { transactions } = context.merchantClient();
    const { currency } = await transactions.get(id);
    const events = transactions.history(id, pageSize(options));
    await context.showList(
      events,
      options.limit,
      ['SEQ', 'TIME', 'EVENT', 'AMOUNT', 'BY', 'REASON'],
      (event) => historyRow(event, currency),
    );
  });
}

function historyRow({ seq, at, name, amount, actor, reason }: TransactionEvent, currency: string): Cell[] {
  return [seq, at, name, money(amount, currency), actor, reason];
}

export function fieldsOf(t: Transaction): Record<string, Cell> {
  const wallet = t.walletTransactionId === null ? {} : { 'wallet id': t.walletTransactionId };
  const card = t.last4 === null ? {} : { card: `${t.cardBrand} •••• ${t.last4}` };
  const role = t.type === 'refund' ? 'refund of' : 'first payment';
  const parent = t.parentTransactionId === null ? {} : { [role]: t.parentTransactionId };
  const failure = t.failureMessage === null ? {} : { failure: t.failureMessage };
  const retry = t.retryAfter === null ? {} : { 'try again after': t.retryAfter };
  const { pendingOperation: pending } = t;
  const waits =
    pending === null
      ? {}
      : {
          'waits for its bank': `${pending.kind} of ${money(pending.amount, t.currency)}, since ${pending.requestedAt}`,
        };
  const redirect = t.redirectUrl === null ? {} : { 'payer goes to': t.redirectUrl };
  return {
    ...{ id: t.id, ...wallet, ...parent, status: t.status, ...waits, ...failure, ...retry, ...redirect },
    ...{ type: t.type, method: t.paymentMethod, ...card, amount: money(t.amount, t.currency) },
    ...{ captured: money(t.capturedAmount, t.currency), refunded: money(t.refundedAmount, t.currency) },
    ...{ 'order reference': t.orderReference, description: t.description, created: t.createdAt },
  };
}
