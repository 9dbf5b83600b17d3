import Type from 'typebox';
import type { Deps } from '../app/deps.ts';
import { parseTransactionId } from '../core/values/ids.ts';
import { refuseBody } from '../http/adminCommon.ts';
import type { App } from '../http/baseApp.ts';
import { ApiError } from '../http/errors.ts';
import { idempotencyKeyOf } from '../http/idempotencyKey.ts';
import { execute } from '../http/runCommand.ts';
import * as schemas from '../http/schemas.ts';
import { MANAGER, merchantOf } from '../identity/auth.ts';
import { confirmationLinkOfMerchant } from '../payments/confirmationRoutes.ts';
import { walletTransactionJson } from '../payments/walletViews.ts';
import { sandboxClockRoutes } from './clockRoutes.ts';
import { sandboxLeverRoutes } from './leverRoutes.ts';

const SUMMARIES = {
  confirm: 'Sandbox: confirm a waiting payment as its customer',
  decline: 'Sandbox: decline a waiting payment as its customer',
} as const;

/** What only the sandbox can do. These routes do not exist in production. */
export function sandboxRoutes(app: App, deps: Deps): void {
  sandboxClockRoutes(app, deps);
  sandboxLeverRoutes(app, deps);
  confirmationLinkOfMerchant(app, deps);
  for (const operation of ['confirm', 'decline'] as const) {
    app.post(
      `/v1/sandbox/transactions/:id/${operation}`,
      {
        config: MANAGER,
        schema: {
          operationId: `sandbox${operation === 'confirm' ? 'Confirm' : 'Decline'}`,
          summary: SUMMARIES[operation],
          tags: ['Sandbox'],
          security: [{ merchantApiKey: [] }],
          params: Type.Object({ id: Type.String() }),
          headers: schemas.IdempotencyHeader,
          response: {
            200: Type.Ref('WalletTransaction'),
            '4xx': Type.Ref('Error'),
            '5xx': Type.Ref('Error'),
          },
        },
      },
      async (request, reply) => {
        refuseBody(request);
        const { merchantId } = merchantOf(request);
        const id = parseTransactionId(request.params.id);
        if (!id.ok) throw new ApiError('transaction_not_found');
        return execute(deps, request, reply, {
          command: { kind: 'confirm', transactionId: id.value, approve: operation === 'confirm' },
          sender: { actor: 'customer', merchantId, paymentMethod: 'wallet' },
          idempotencyKey: idempotencyKeyOf(request, false),
          path: `/v1/sandbox/transactions/${id.value}/${operation}`,
          expected: null,
          answer: (outcome) => {
            if (outcome.kind !== 'transaction') throw new Error(`a confirmation ended as ${outcome.kind}`);
            return { statusCode: 200, body: walletTransactionJson(outcome.transaction, outcome.amount) };
          },
        });
      },
    );
  }
}
