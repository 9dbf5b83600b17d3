import type { WalletTransaction } from '@plexy-pay/sdk';
import type { Command } from 'commander';
import { type Context, requestOptions, type WriteOptions, writing } from './context.ts';
import { type Cell, money } from './output.ts';
import { chargeCommand, payCommand } from './pay.ts';

const DECISIONS = {
  confirm: 'confirm a payment that waits for its customer',
  decline: 'decline a payment that waits for its customer',
} as const;

/** The ledger's own accounts, and the decisions that payments wait for. */
export function ledgerCommands(program: Command, context: Context, exit: (code: number) => void): void {
  program
    .command('accounts')
    .description('the ledger’s own accounts')
    .action(async () => {
      const list = context.client().admin.accounts.list();
      await context.showList(
        list,
        Number.POSITIVE_INFINITY,
        ['ACCOUNT', 'BALANCE'],
        ({ kind, currency, balance }) => [...[`${kind} ${currency}`, money(balance, currency)]],
      );
    });
  const payments = program.command('payments').description('payments, and decisions on those that wait');
  payCommand(payments, context, exit);
  chargeCommand(payments, context, exit);
  for (const decision of ['confirm', 'decline'] as const) {
    writing(payments.command(`${decision} <payment>`).description(DECISIONS[decision])).action(
      async (id: string, options: WriteOptions) => {
        context.show(
          await context.client().admin.transactions[decision](id, requestOptions(options)),
          fieldsOf,
        );
      },
    );
  }
}

function fieldsOf(payment: WalletTransaction): Record<string, Cell> {
  const { walletTransactionId, walletTransactionStatus, amount, currency, orderReference, failureMessage } =
    payment;
  return {
    id: walletTransactionId,
    status: walletTransactionStatus,
    amount: money(amount, currency),
    'order reference': orderReference,
    ...(failureMessage === undefined ? {} : { failure: failureMessage }),
  };
}
