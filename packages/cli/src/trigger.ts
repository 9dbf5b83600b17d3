import { NotFoundError, type PlexyPay, PlexyPayError } from '@plexy-pay/sdk';
import type { PaymentLinkWebhook, WebhookEventName } from '@plexy-pay/sdk/webhooks';
import { Argument, type Command, InvalidArgumentError } from 'commander';
import type { Context } from './context.ts';
import { testCard } from './pay.ts';
import { fieldsOf } from './transactions.ts';

const AMOUNT = 15_000;
const CURRENCY = 'KZT';
/** The sandbox's customers; docs/sandbox.md says how each behaves. */
const [RICH, POOR] = ['+77010000001', '+77010000002'] as const;
const [ASKED, UNLUCKY] = ['+77010000004', '+77010000006'] as const;
/** The card that the bank wants 3-D Secure for. */
const CHALLENGED = '4000000000003220';

interface Sandbox {
  readonly plexy: PlexyPay;
  readonly customers: readonly { readonly phoneNumber: string; readonly iin: string }[];
}

/** How each event of transactions is made to happen. @returns the id of the transaction */
const TRIGGERS: Readonly<Record<WebhookEventName, (sandbox: Sandbox) => Promise<string>>> = {
  'transaction.created': (sandbox) => authorize(sandbox, ASKED),
  'transaction.3d': payByCard,
  'transaction.authorized': (sandbox) => authorize(sandbox, RICH),
  'transaction.rejected': (sandbox) => authorize(sandbox, POOR),
  'transaction.failed': (sandbox) => authorize(sandbox, UNLUCKY),
  'transaction.charged': charge,
  'transaction.partially_captured': async (sandbox) => {
    const id = await authorize(sandbox, RICH);
    await sandbox.plexy.transactions.capture(id, { amount: AMOUNT / 3, final: false });
    return id;
  },
  'transaction.cancelled': async (sandbox) => {
    const id = await authorize(sandbox, RICH);
    await sandbox.plexy.transactions.cancel(id);
    return id;
  },
  'transaction.refunded': async (sandbox) => {
    const id = await charge(sandbox);
    await sandbox.plexy.transactions.refund(id);
    return id;
  },
};

/** The same of payment links. @returns the id of the link */
const LINK_TRIGGERS: Readonly<Record<PaymentLinkWebhook['name'], (plexy: PlexyPay) => Promise<string>>> = {
  'payment_link.created': createLink,
  'payment_link.paid': async (plexy) => {
    const id = await createLink(plexy);
    await plexy.sandbox.payLink(id);
    return id;
  },
  'payment_link.expired': async (plexy) => {
    const id = await createLink(plexy);
    await plexy.sandbox.expireLink(id);
    return id;
  },
  'payment_link.cancelled': async (plexy) => {
    const id = await createLink(plexy);
    await plexy.paymentLinks.cancel(id);
    return id;
  },
};

export const EVENT_NAMES = Object.keys(TRIGGERS) as readonly WebhookEventName[];
const LINK_EVENT_NAMES = Object.keys(LINK_TRIGGERS) as readonly PaymentLinkWebhook['name'][];

function shortName(name: string): string {
  return name.replace('transaction.', '');
}

/** `charged` is short for `transaction.charged`. */
export function parseEvent(text: string): WebhookEventName {
  const name = EVENT_NAMES.find((known) => known === text.trim() || shortName(known) === text.trim());
  if (name !== undefined) return name;
  throw new InvalidArgumentError(`"${text}" is none of ${EVENT_NAMES.map(shortName).join(', ')}.`);
}

/** The same, or of a link. */
function parseTrigger(text: string): WebhookEventName | PaymentLinkWebhook['name'] {
  return LINK_EVENT_NAMES.find((known) => known === text.trim()) ?? parseEvent(text);
}

/** Events that happen for real, with the sandbox's customers and cards. */
export function triggerCommand(program: Command, context: Context): void {
  program
    .command('trigger')
    .description('make an event happen for real, in a sandbox')
    .addArgument(
      new Argument('<event>', 'with or without "transaction."')
        .choices([...EVENT_NAMES.map(shortName), ...LINK_EVENT_NAMES])
        .argParser(parseTrigger),
    )
    .action(async (name: WebhookEventName | PaymentLinkWebhook['name']) => {
      const plexy = context.merchantClient();
      const { customers } = await plexy.sandbox.fixtures().catch(notASandbox);
      if (isOfLink(name)) {
        const link = await plexy.paymentLinks.get(await LINK_TRIGGERS[name](plexy));
        const happened = (await plexy.paymentLinks.history(link.id).toArray()).map((event) => event.name);
        context.show({ link, happened }, () => ({
          id: link.id,
          status: link.status,
          url: link.url,
          happened,
        }));
        return;
      }
      const id = await TRIGGERS[name]({ plexy, customers });
      const transaction = await plexy.transactions.get(id);
      const happened = (await plexy.transactions.history(id).toArray()).map((event) => event.name);
      const shown = { transaction, happened };
      context.show(shown, () => ({ ...fieldsOf(transaction), happened }));
    });
}

function isOfLink(name: WebhookEventName | PaymentLinkWebhook['name']): name is PaymentLinkWebhook['name'] {
  return Object.hasOwn(LINK_TRIGGERS, name);
}

async function createLink(plexy: PlexyPay): Promise<string> {
  const terms = { amount: AMOUNT, currency: CURRENCY, orderReference: reference() };
  return (await plexy.paymentLinks.create(terms)).id;
}

function notASandbox(error: unknown): never {
  if (error instanceof NotFoundError && error.reason !== null)
    throw new PlexyPayError('this server is no sandbox');
  throw error;
}

async function authorize({ plexy, customers }: Sandbox, who: string): Promise<string> {
  const found = customers.find(({ phoneNumber }) => phoneNumber === who);
  if (found === undefined) throw new PlexyPayError(`the sandbox has no customer ${who}`);
  const { phoneNumber, iin } = found;
  const order = { amount: AMOUNT, currency: CURRENCY, orderReference: reference(), phoneNumber, iin };
  return (await plexy.wallet.authorize(order)).walletTransactionId;
}

async function charge(sandbox: Sandbox): Promise<string> {
  const id = await authorize(sandbox, RICH);
  await sandbox.plexy.transactions.capture(id);
  return id;
}

async function payByCard({ plexy }: Sandbox): Promise<string> {
  const { id } = await plexy.payments.create({
    ...{ amount: AMOUNT, currency: CURRENCY, orderReference: reference() },
    card: testCard(CHALLENGED),
    returnUrl: 'http://localhost/returned',
  });
  return id;
}

function reference(): string {
  return `TRIGGER-${Date.now()}`;
}
