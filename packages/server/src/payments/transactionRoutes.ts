import Type from 'typebox';
import { v7 as uuidv7 } from 'uuid';
import type { Deps } from '../app/deps.ts';
import type { Command } from '../core/command.ts';
import { parseTransactionId, type TransactionId } from '../core/values/ids.ts';
import { parseAmount } from '../core/values/money.ts';
import { parsed } from '../core/values/parse.ts';
import type { App } from '../http/baseApp.ts';
import { ApiError } from '../http/errors.ts';
import { idempotencyKeyOf } from '../http/idempotencyKey.ts';
import { valuesOf } from '../http/parseFields.ts';
import { execute } from '../http/runCommand.ts';
import * as schemas from '../http/schemas.ts';
import { actorOf, merchantOf, PAYMENTS } from '../identity/auth.ts';
import { transactionAnswer } from './transactionViews.ts';

const OPERATIONS = {
  capture: { summary: 'Capture what is held, or a part of it', statusCode: 200 },
  cancel: { summary: 'Release the hold, or a part of it', statusCode: 200 },
  refund: {
    summary: 'Refund what was captured, or a part; answers the refund',
    statusCode: 200,
    description:
      'Send an Idempotency-Key: without one, a request that is sent twice refunds twice, as long as anything is left.',
  },
} as const;

const OptionalAmountBody = Type.Object(
  { amount: Type.Optional(schemas.Amount) },
  { ...schemas.closed, description: 'Without `amount`: all that remains.' },
);

/** Capture, cancel and refund of any payment, by wallet or by card. */
export function transactionRoutes(app: App, deps: Deps): void {
  for (const operation of ['capture', 'cancel', 'refund'] as const) {
    const { statusCode, ...texts } = OPERATIONS[operation];
    app.post(
      `/v1/transactions/:id/${operation}`,
      {
        config: PAYMENTS,
        schema: {
          operationId: `${operation}Transaction`,
          ...texts,
          tags: ['Transactions'],
          security: [{ merchantApiKey: [] }],
          params: Type.Object({ id: Type.String({ description: 'Either spelling of the id.' }) }),
          headers: schemas.IdempotencyHeader,
          body: OptionalAmountBody,
          response: {
            200: Type.Ref('Transaction'),
            202: Type.Ref('Transaction', {
              description:
                'Of a card: the bank has not answered within 10 seconds. The transaction as it is, with `pendingOperation`; the answer will be in it, and a webhook follows.',
            }),
            '4xx': Type.Ref('Error'),
            '5xx': Type.Ref('Error'),
          },
        },
      },
      async (request, reply) => {
        const { merchantId } = merchantOf(request);
        const transactionId = transactionIdOf(request.params.id);
        const { amount: given } = request.body;
        const { amount } = valuesOf({ amount: given === undefined ? parsed(null) : parseAmount(given) });
        const command: Command =
          operation === 'refund'
            ? { kind: 'refund', transactionId, amount, refundId: uuidv7() as TransactionId }
            : { kind: operation, transactionId, amount, operationId: uuidv7() };
        return execute(deps, request, reply, {
          command,
          sender: { actor: actorOf(request, 'api'), merchantId, paymentMethod: null },
          idempotencyKey: idempotencyKeyOf(request, false),
          path: `/v1/transactions/${transactionId}/${operation}`,
          expected: null,
          answer: (outcome, balance) => transactionAnswer(statusCode, outcome, balance),
        });
      },
    );
  }
}

/** Unknown and malformed ids are told apart by nobody. @throws ApiError 404 */
export function transactionIdOf(text: string): TransactionId {
  const id = parseTransactionId(text);
  if (!id.ok) throw new ApiError('transaction_not_found');
  return id.value;
}
