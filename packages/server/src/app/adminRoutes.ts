/** The operators' API, one file per noun. In production on ADMIN_PORT only. */
import Type from 'typebox';
import { adminAcquirerRoutes } from '../acquirers/acquirerRoutes.ts';
import { adminAuditLogRoutes } from '../auditLog/auditLogRoutes.ts';
import { parseTransactionId } from '../core/values/ids.ts';
import { ADMIN, ERRORS, OPERATOR, refuseBody } from '../http/adminCommon.ts';
import { NoQuery, pageSchema } from '../http/adminSchemas.ts';
import type { App } from '../http/baseApp.ts';
import { callerOf } from '../http/caller.ts';
import { ApiError } from '../http/errors.ts';
import { exactJson } from '../http/exactJson.ts';
import { idempotencyKeyOf } from '../http/idempotencyKey.ts';
import { wholePage } from '../http/page.ts';
import * as schemas from '../http/schemas.ts';
import { sendJson, sendTold } from '../http/send.ts';
import { adminApiKeyRoutes } from '../identity/apiKeyRoutes.ts';
import { listSystemAccounts } from '../ledger/statementsSql.ts';
import { logoRoutes } from '../merchants/logoRoutes.ts';
import { adminMerchantRoutes } from '../merchants/merchantRoutes.ts';
import { adminStoreRoutes } from '../merchants/storeAdminRoutes.ts';
import { adminSystemRoutes } from '../operations/systemRoutes.ts';
import { confirmationLinkOfOperator } from '../payments/confirmationRoutes.ts';
import { confirmFor } from '../payments/operate.ts';
import { WALLET_RENDERING } from '../payments/walletViews.ts';
import { adminWalletRoutes } from '../walletHolders/walletAdminRoutes.ts';
import { adminWalletHolderRoutes } from '../walletHolders/walletHolderRoutes.ts';
import type { Deps } from './deps.ts';

export function adminRoutes(app: App, deps: Deps): void {
  adminMerchantRoutes(app, deps);
  logoRoutes(app, deps);
  adminApiKeyRoutes(app, deps);
  adminStoreRoutes(app, deps);
  adminAcquirerRoutes(app, deps);
  adminWalletHolderRoutes(app, deps);
  adminWalletRoutes(app, deps);
  accountRoutes(app, deps);
  adminSystemRoutes(app, deps);
  adminAuditLogRoutes(app, deps);
  decisionRoutes(app, deps);
  confirmationLinkOfOperator(app, deps);
}

function accountRoutes(app: App, deps: Deps): void {
  app.get(
    '/v1/admin/accounts',
    {
      config: OPERATOR,
      schema: {
        ...ADMIN,
        operationId: 'listSystemAccounts',
        summary: 'List the ledger’s own accounts with their balances',
        querystring: NoQuery,
        response: { 200: pageSchema('SystemAccount'), ...ERRORS },
      },
    },
    async (_request, reply) =>
      sendJson(reply, 200, exactJson(wholePage(await listSystemAccounts(deps.pool)))),
  );
}

const SUMMARIES = {
  confirm: 'Confirm a payment that waits for its customer',
  decline: 'Decline a payment that waits for its customer',
} as const;

function decisionRoutes(app: App, deps: Deps): void {
  for (const operation of ['confirm', 'decline'] as const) {
    app.post(
      `/v1/admin/transactions/:transactionId/${operation}`,
      {
        config: OPERATOR,
        schema: {
          ...ADMIN,
          operationId: `${operation}Transaction`,
          summary: SUMMARIES[operation],
          params: Type.Object({ transactionId: Type.String() }),
          headers: schemas.IdempotencyHeader,
          response: { 200: Type.Ref('WalletTransaction'), ...ERRORS },
        },
      },
      async (request, reply) => {
        refuseBody(request);
        const id = parseTransactionId(request.params.transactionId);
        if (!id.ok) throw new ApiError('transaction_not_found');
        const path = `/v1/admin/transactions/${id.value}/${operation}`;
        const caller = callerOf(deps, request, { key: idempotencyKeyOf(request, false), path });
        const approve = operation === 'confirm';
        const told = await confirmFor(deps, caller, id.value, approve, null, WALLET_RENDERING);
        return sendTold(deps, request, reply, told);
      },
    );
  }
}
