import type { RequestOptions, Transaction } from '@plexy-pay/sdk';
import type { Command } from 'commander';
import { type Context, minorUnits, requestOptions, type WriteOptions, writing } from './context.ts';
import { EXIT, UsageError } from './exitCodes.ts';
import { fieldsOf } from './transactions.ts';

interface Order {
  readonly amount: number;
  readonly currency: string;
  readonly orderReference: string;
}

interface Payer extends WriteOptions {
  readonly phone?: string;
  readonly iin?: string;
  readonly card?: string;
  readonly returnUrl?: string;
}

/** A card that the sandbox knows takes any expiry to come and any security code; a real one is not for here. */
export function testCard(number: string) {
  return { number, expiryMonth: 12, expiryYear: new Date().getUTCFullYear() + 5, cvc: '123' };
}

const REFUSED: ReadonlySet<string> = new Set(['rejected', 'transaction.failed']);

/** `plexy payments create`: by wallet or by test card. */
export function payCommand(payments: Command, context: Context, exit: (code: number) => void): void {
  writing(payments.command('create').description('hold an amount on a customer’s wallet or a test card'))
    .argument('<amount>', 'in minor units: 12.50 KZT is 1250', minorUnits)
    .argument('<currency>')
    .argument('<order-reference>')
    .option('--phone <number>', 'of the customer whose wallet pays; with --iin')
    .option('--iin <digits>')
    .option('--card <number>', 'a test card, such as 4242424242424242')
    .option('--return-url <url>', 'where the payer comes back to after 3-D Secure')
    .action(async (amount: number, currency: string, orderReference: string, payer: Payer) => {
      const order = { amount, currency, orderReference };
      const payment = await pay(context, order, payer, requestOptions(payer));
      context.show(payment, fieldsOf);
      if (REFUSED.has(payment.status)) exit(EXIT.refused);
    });
}

async function pay(
  context: Context,
  order: Order,
  payer: Payer,
  write: RequestOptions,
): Promise<Transaction> {
  const plexy = context.merchantClient();
  const { phone: phoneNumber, iin, card, returnUrl } = payer;
  if (card !== undefined && phoneNumber === undefined && iin === undefined) {
    const back = returnUrl === undefined ? {} : { returnUrl };
    return plexy.payments.create({ ...order, ...back, card: testCard(card) }, write);
  }
  if (card !== undefined || phoneNumber === undefined || iin === undefined)
    throw new UsageError('give either --card, or --phone and --iin');
  const held = await plexy.wallet.authorize({ ...order, phoneNumber, iin }, write);
  return plexy.transactions.get(held.walletTransactionId);
}
