import type { CreatePaymentLinkBody, PaymentLink } from '@plexy-pay/sdk';
import type { Command } from 'commander';
import { renderUnicodeCompact } from 'uqr';
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
import { type Cell, money } from './output.ts';

interface Terms extends WriteOptions {
  readonly description?: string;
  readonly expiresAt?: string;
  readonly reusable?: true;
  readonly hold?: true;
  readonly methods?: string[];
  readonly locale?: string;
  readonly customer?: string;
  readonly recurring?: true;
  readonly successUrl?: string;
  readonly failureUrl?: string;
  readonly cancelUrl?: string;
  readonly callbackUrl?: string;
}

/** A merchant's payment links. */
export function linkCommands(program: Command, context: Context): void {
  const links = program.command('links').description('payment links: what payers are sent to be paid by');
  createCommand(links, context);
  findCommands(links, context);
  changeCommands(links, context);
}

function createCommand(links: Command, context: Context): void {
  writing(links.command('create').description('create a payment link, and show it as a QR code'))
    .argument('<amount>', 'in minor units: 12.50 KZT is 1250', minorUnits)
    .argument('<currency>')
    .argument('<order-reference>')
    .option('--description <text>', 'shown to the payer')
    .option('--expires-at <time>', 'such as 2027-01-31T00:00:00Z; in 24 hours by default')
    .option('--reusable', 'any number of payments may be made by it')
    .option('--hold', 'do not capture soon: you do, or it is captured after some days')
    .option('--methods <methods...>', 'card, wallet')
    .option('--locale <locale>', 'kk, ru or en; that of the payer’s browser by default')
    .option('--customer <id>', 'one of your customers, by its id')
    .option('--recurring', 'the first of several payments: the customer agrees to be charged later')
    .option('--success-url <url>', 'where the payer goes afterwards')
    .option('--failure-url <url>')
    .option('--cancel-url <url>')
    .option('--callback-url <url>', 'where your server is told what becomes of it')
    .action(async (amount: number, currency: string, orderReference: string, terms: Terms) => {
      const body = { amount, currency, orderReference, ...bodyOf(terms) } as CreatePaymentLinkBody;
      const link = await context.merchantClient().paymentLinks.create(body, requestOptions(terms));
      context.show(link, fieldsOf);
      if (!context.json()) context.out(`\n${qrCode(link.url)}`);
    });
}

/** Of what is given: the server checks it, and names what is wrong. */
function bodyOf({ successUrl, failureUrl, cancelUrl, callbackUrl, ...terms }: Terms): object {
  const { description, expiresAt, reusable, locale, customer: customerId } = terms;
  const metadata = withoutAbsent({ successUrl, failureUrl, cancelUrl, callbackUrl });
  return withoutAbsent({
    ...{ description, expiresAt, reusable, locale, customerId, paymentMethods: terms.methods },
    recurring: terms.recurring === undefined ? undefined : { type: 'cof_initial' },
    autoClearing: terms.hold === true ? false : undefined,
    metadata: Object.keys(metadata).length > 0 ? metadata : undefined,
  });
}

function withoutAbsent(values: object): object {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

function findCommands(links: Command, context: Context): void {
  listing(links.command('list').description('list payment links, newest first'))
    .option('--status <status>', 'active, paid, expired or cancelled')
    .option('--reference <reference>', 'exactly this order reference')
    .action(
      async ({
        limit,
        status,
        reference,
      }: ListOptions & { readonly status?: string; readonly reference?: string }) => {
        const query = withoutAbsent({ status, orderReference: reference, ...pageSize({ limit }) });
        const found = context.merchantClient().paymentLinks.list(query);
        const headings = ['ID', 'CREATED', 'STATUS', 'AMOUNT', 'ORDER REFERENCE'];
        await context.showList(found, limit, headings, (link) => [
          ...[link.id, link.createdAt, link.status, money(link.amount, link.currency), link.orderReference],
        ]);
      },
    );
  links
    .command('get <link>')
    .description('show a payment link')
    .action(async (id: string) => {
      context.show(await context.merchantClient().paymentLinks.get(id), fieldsOf);
    });
  links
    .command('qr <link>')
    .description('show a payment link’s URL as a QR code')
    .action(async (id: string) => {
      const { url } = await context.merchantClient().paymentLinks.get(id);
      if (context.json()) context.show({ url }, () => ({ url }));
      else context.out(`${url}\n\n${qrCode(url)}`);
    });
  listing(links.command('history <link>').description('what happened to it, oldest first')).action(
    async (id: string, options: ListOptions) => {
      const events = context.merchantClient().paymentLinks.history(id, pageSize(options));
      await context.showList(events, options.limit, ['SEQ', 'TIME', 'EVENT', 'BY'], (event) => [
        ...[event.seq, event.at, event.name, event.actor],
      ]);
    },
  );
}

function changeCommands(links: Command, context: Context): void {
  writing(
    links.command('cancel <link>').description('cancel a payment link: nobody can pay it any more'),
  ).action(async (id: string, options: WriteOptions) => {
    const cancelled = await context.merchantClient().paymentLinks.cancel(id, requestOptions(options));
    context.show(cancelled, fieldsOf);
  });
  writing(links.command('extend <link> <time>').description('give a payment link another end')).action(
    async (id: string, expiresAt: string, options: WriteOptions) => {
      const { paymentLinks } = context.merchantClient();
      context.show(await paymentLinks.update(id, { expiresAt }, requestOptions(options)), fieldsOf);
    },
  );
}

/** With the quiet zone that scanners need, for terminals whose letters are light. */
function qrCode(url: string): string {
  return renderUnicodeCompact(url, { border: 2 });
}

function fieldsOf(link: PaymentLink): Record<string, Cell> {
  const payment = link.transactionId === null ? {} : { 'paid by': link.transactionId };
  return {
    ...{ id: link.id, status: link.status, ...payment, url: link.url },
    ...{ amount: money(link.amount, link.currency), description: link.description },
    ...{ 'order reference': link.orderReference, methods: link.paymentMethods },
    ...{ reusable: link.reusable ? 'yes' : 'no', expires: link.expiresAt, created: link.createdAt },
  };
}
