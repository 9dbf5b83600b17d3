/** What is done to a payment that there is: capture, cancel, refund, and the customer's decision. */
import type { Deps } from '../app/deps.ts';
import type { Command } from '../core/command.ts';
import type { Minor, PaymentMethod } from '../core/transaction.ts';
import type { TransactionId } from '../core/values/ids.ts';
import { type Caller, callOf, type Rendering } from '../engine/caller.ts';
import type { Told } from '../engine/engine.ts';
import { newId } from '../installation/newId.ts';

export const OPERATIONS = ['capture', 'cancel', 'refund'] as const;
export type Operation = (typeof OPERATIONS)[number];

/**
 * @param amount null: all that remains
 * @param paymentMethod the one kind of payment that the caller's interface sees; null: any
 * @throws what the engine throws
 */
export function operate(
  { engine }: Pick<Deps, 'engine'>,
  caller: Caller,
  operation: Operation,
  transactionId: TransactionId,
  amount: Minor | null,
  paymentMethod: PaymentMethod | null,
  rendering: Rendering,
): Promise<Told> {
  const command: Command =
    operation === 'refund'
      ? { kind: 'refund', transactionId, amount, refundId: newId() as TransactionId }
      : { kind: operation, transactionId, amount, operationId: newId() };
  return engine.runOnce(callOf(caller, command, paymentMethod, rendering));
}

/** What the customer of a waiting wallet payment has decided, told by somebody in their place. */
export function confirmFor(
  { engine }: Pick<Deps, 'engine'>,
  caller: Caller,
  transactionId: TransactionId,
  approve: boolean,
  paymentMethod: PaymentMethod | null,
  rendering: Rendering,
): Promise<Told> {
  const command: Command = { kind: 'confirm', transactionId, approve };
  return engine.runOnce(callOf(caller, command, paymentMethod, rendering));
}
