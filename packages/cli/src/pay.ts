import type {
  CreateMerchantInitiatedPaymentBody,
  CreatePaymentBody,
  RequestOptions,
  Transaction,
} from '@plexy-pay/sdk';
import { type Command, Option } from 'commander';
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
  readonly customer?: string;
  readonly recurring?: true;
}

interface Charge extends WriteOptions {
  readonly card?: string;
  readonly type?: RecurringType;
}

type RecurringType = NonNullable<CreateMerchantInitiatedPaymentBody['recurringType']>;

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
    .option('--customer <id>', 'one of your customers, who pays by card')
    .option('--recurring', 'the first of several: the customer agrees to be charged later; with --customer')
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
  const { phone: phoneNumber, iin, card } = payer;
  if (card !== undefined && phoneNumber === undefined && iin === undefined)
    return plexy.payments.create({ ...order, ...ofCard(payer), card: testCard(card) }, write);
  if (card !== undefined || phoneNumber === undefined || iin === undefined)
    throw new UsageError('give either --card, or --phone and --iin');
  const held = await plexy.wallet.authorize({ ...order, phoneNumber, iin }, write);
  return plexy.transactions.get(held.walletTransactionId);
}

function ofCard({ returnUrl, customer, recurring }: Payer): Partial<CreatePaymentBody> {
  return {
    ...(returnUrl === undefined ? {} : { returnUrl }),
    ...(customer === undefined ? {} : { customerId: customer }),
    ...(recurring === undefined ? {} : { recurring: { type: 'cof_initial' } }),
  };
}

/** `plexy payments charge`: a customer's card on file, without them. */
export function chargeCommand(payments: Command, context: Context, exit: (code: number) => void): void {
  writing(payments.command('charge').description('charge a customer’s card on file, without them'))
    .argument('<amount>', 'in minor units: 12.50 KZT is 1250', minorUnits)
    .argument('<currency>')
    .argument('<order-reference>')
    .argument('<customer>', 'one of your customers, who has agreed to it by a first payment')
    .option('--card <card>', 'one of their cards on file; their default card if none is named')
    .addOption(new Option('--type <type>', 'why').choices(['subscription', 'installment', 'unscheduled']))
    .action(
      async (amount: number, currency: string, orderReference: string, customerId: string, given: Charge) => {
        const { card, type } = given;
        const body = {
          ...{ amount, currency, orderReference, customerId },
          ...(card === undefined ? {} : { cardTokenId: card }),
          ...(type === undefined ? {} : { recurringType: type }),
        };
        const payment = await context.merchantClient().payments.charge(body, requestOptions(given));
        context.show(payment, fieldsOf);
        if (REFUSED.has(payment.status)) exit(EXIT.refused);
      },
    );
}
