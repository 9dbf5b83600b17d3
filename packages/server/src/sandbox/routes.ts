import Type from 'typebox';
import type { Deps } from '../app/deps.ts';
import { parseTransactionId } from '../core/values/ids.ts';
import type { Caller } from '../engine/caller.ts';
import { refuseBody } from '../http/adminCommon.ts';
import type { App } from '../http/baseApp.ts';
import { callerOf } from '../http/caller.ts';
import { ApiError } from '../http/errors.ts';
import { idempotencyKeyOf } from '../http/idempotencyKey.ts';
import * as schemas from '../http/schemas.ts';
import { sendTold } from '../http/send.ts';
import { MANAGER } from '../identity/auth.ts';
import { confirmationLinkOfMerchant } from '../payments/confirmationRoutes.ts';
import { confirmFor } from '../payments/operate.ts';
import { WALLET_RENDERING } from '../payments/walletViews.ts';
import { sandboxClockRoutes } from './clockRoutes.ts';
import { sandboxLeverRoutes } from './leverRoutes.ts';
import { sandboxLinkRoutes } from './linkLevers.ts';

const SUMMARIES = {
  confirm: 'Sandbox: confirm a waiting payment as its customer',
  decline: 'Sandbox: decline a waiting payment as its customer',
} as const;

/** What only the sandbox can do. These routes do not exist in production. */
export function sandboxRoutes(app: App, deps: Deps): void {
  sandboxClockRoutes(app, deps);
  sandboxLeverRoutes(app, deps);
  sandboxLinkRoutes(app, deps);
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
        const id = parseTransactionId(request.params.id);
        if (!id.ok) throw new ApiError('transaction_not_found');
        const path = `/v1/sandbox/transactions/${id.value}/${operation}`;
        const caller = callerOf(deps, request, { key: idempotencyKeyOf(request, false), path });
        const customer: Caller = { ...caller, actor: 'customer' };
        const approve = operation === 'confirm';
        const told = await confirmFor(deps, customer, id.value, approve, 'wallet', WALLET_RENDERING);
        return sendTold(deps, request, reply, told);
      },
    );
  }
}
