/** What is done to a payment that there is: capture, cancel, refund, and the customer's decision. */
import type { Deps } from '../app/deps.ts';
import type { Command, RefundTerms } from '../core/command.ts';
import type { Minor, PaymentMethod } from '../core/transaction.ts';
import type { TransactionId } from '../core/values/ids.ts';
import { type Caller, callOf, type Rendering } from '../engine/caller.ts';
import type { Told } from '../engine/engine.ts';
import { newId } from '../installation/newId.ts';

export const OPERATIONS = ['capture', 'cancel', 'refund'] as const;
export type Operation = (typeof OPERATIONS)[number];

/** What the caller asks for. */
export interface Asked {
  /** Null: all that remains. */
  readonly amount: Minor | null;
  /** Of a capture: whether the hold ends with it. */
  readonly final: boolean;
  /** Of a refund: what it is known by, where that is not the payment's. */
  readonly refund?: RefundTerms;
}

/** Whether a capture is the last one, by its body as the schema let it in: it is, unless that says otherwise. */
export function isFinal(body: object): boolean {
  return !('final' in body && body.final === false);
}

/**
 * @param paymentMethod the one kind of payment that the caller's interface sees; null: any
 * @throws what the engine throws
 */
export function operate(
  { engine }: Pick<Deps, 'engine'>,
  caller: Caller,
  operation: Operation,
  transactionId: TransactionId,
  { amount, final, refund }: Asked,
  paymentMethod: PaymentMethod | null,
  rendering: Rendering,
): Promise<Told> {
  const commands = {
    capture: () => ({ kind: 'capture', transactionId, amount, operationId: newId(), final }),
    cancel: () => ({ kind: 'cancel', transactionId, amount, operationId: newId() }),
    refund: () => ({
      ...{ kind: 'refund', transactionId, amount, refundId: newId() as TransactionId },
      ...refund,
    }),
  } as const satisfies Record<Operation, () => Command>;
  return engine.runOnce(callOf(caller, commands[operation](), paymentMethod, rendering));
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
