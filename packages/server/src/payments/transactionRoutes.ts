import Type from 'typebox';
import type { Deps } from '../app/deps.ts';
import { parseTransactionId, type TransactionId } from '../core/values/ids.ts';
import { parseAmount } from '../core/values/money.ts';
import { parsed } from '../core/values/parse.ts';
import type { App } from '../http/baseApp.ts';
import { callerOf } from '../http/caller.ts';
import { ApiError } from '../http/errors.ts';
import { idempotencyKeyOf } from '../http/idempotencyKey.ts';
import { valuesOf } from '../http/parseFields.ts';
import * as schemas from '../http/schemas.ts';
import { sendTold } from '../http/send.ts';
import { PAYMENTS } from '../identity/auth.ts';
import { isFinal, OPERATIONS, operate } from './operate.ts';
import { transactionAnswer } from './transactionViews.ts';

const TEXTS = {
  capture: { summary: 'Capture what is held, or a part of it', statusCode: 200 },
  cancel: { summary: 'Release the hold, or a part of it', statusCode: 200 },
  refund: {
    summary: 'Refund what was captured, or a part; answers the refund',
    statusCode: 200,
    description:
      'Send an Idempotency-Key: without one, a request that is sent twice refunds twice, as long as anything is left.',
  },
} as const;

const OptionalAmount = Type.Optional(schemas.Amount);
const Options = { ...schemas.closed, description: 'Without `amount`: all that remains.' };
const OptionalAmountBody = Type.Object({ amount: OptionalAmount }, Options);
const BODIES = {
  capture: Type.Object({ amount: OptionalAmount, final: schemas.Final }, Options),
  cancel: OptionalAmountBody,
  refund: OptionalAmountBody,
} as const;

/** Capture, cancel and refund of any payment, by wallet or by card. */
export function transactionRoutes(app: App, deps: Deps): void {
  for (const operation of OPERATIONS) {
    const { statusCode, ...texts } = TEXTS[operation];
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
          body: BODIES[operation],
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
        const id = transactionIdOf(request.params.id);
        const { amount: given } = request.body;
        const { amount } = valuesOf({ amount: given === undefined ? parsed(null) : parseAmount(given) });
        const key = idempotencyKeyOf(request, false);
        const caller = callerOf(deps, request, { key, path: `/v1/transactions/${id}/${operation}` });
        const asked = { amount, final: isFinal(request.body) };
        const told = await operate(deps, caller, operation, id, asked, null, {
          render: (outcome, balance) => transactionAnswer(statusCode, outcome, balance),
        });
        return sendTold(deps, request, reply, told);
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
