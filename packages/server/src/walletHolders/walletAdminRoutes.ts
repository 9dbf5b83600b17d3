import Type, { type Static } from 'typebox';
import type { Deps } from '../app/deps.ts';
import type { Transfer } from '../core/command.ts';
import { parseAmount } from '../core/values/money.ts';
import { type Parsed, parsed } from '../core/values/parse.ts';
import { callOf, type Rendering } from '../engine/caller.ts';
import { ADMIN, ERRORS, idOf, OPERATOR, parseName, refuseBody } from '../http/adminCommon.ts';
import * as bodies from '../http/adminSchemas.ts';
import type { App } from '../http/baseApp.ts';
import { callerOf } from '../http/caller.ts';
import { ApiError } from '../http/errors.ts';
import { exactJson } from '../http/exactJson.ts';
import { idempotencyKeyOf } from '../http/idempotencyKey.ts';
import { operatorWrite } from '../http/idempotentWrite.ts';
import { valuesOf } from '../http/parseFields.ts';
import { IdempotencyHeader } from '../http/schemas.ts';
import { sendJson, sendTold } from '../http/send.ts';
import { newId } from '../installation/newId.ts';
import { listOpenHolds } from '../ledger/statementsSql.ts';
import { EMPTY_STATEMENT, holdView, readStatementPage, walletEntryView } from '../ledger/statementViews.ts';
import { transferView, walletView } from './views.ts';
import { findWallet, setFrozen } from './walletHoldersSql.ts';

const Params = Type.Object({ walletId: Type.String() });

export function adminWalletRoutes(app: App, deps: Deps): void {
  readRoutes(app, deps);
  transferRoutes(app, deps);
  freezeRoutes(app, deps);
}

function readRoutes(app: App, deps: Deps): void {
  app.get(
    '/v1/admin/wallets/:walletId',
    {
      config: OPERATOR,
      schema: {
        ...ADMIN,
        operationId: 'getWallet',
        summary: 'Get a wallet with its balances',
        params: Params,
        response: { 200: Type.Ref('Wallet'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const wallet = await findWallet(deps.pool, walletIdOf(request.params.walletId));
      if (wallet === null) throw new ApiError('wallet_not_found');
      return sendJson(reply, 200, exactJson(walletView(wallet)));
    },
  );

  app.get(
    '/v1/admin/wallets/:walletId/statement',
    {
      config: OPERATOR,
      schema: {
        ...ADMIN,
        operationId: 'getWalletStatement',
        summary: 'What moved on a wallet, and what is held on it',
        params: Params,
        querystring: bodies.PeriodQuery,
        response: { 200: Type.Ref('WalletStatement'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const id = walletIdOf(request.params.walletId);
      const page = await readStatementPage(deps, request, reply, id, request.query, walletEntryView);
      const wallet = await findWallet(deps.pool, id);
      if (wallet === null) throw new ApiError('wallet_not_found');
      const holds = (await listOpenHolds(deps.pool, id)).map(holdView);
      const { available, held } = wallet;
      return sendJson(reply, 200, exactJson({ ...(page ?? EMPTY_STATEMENT), available, held, holds }));
    },
  );
}

const TRANSFERS = {
  deposit: 'Pay money from outside into a wallet',
  withdraw: 'Pay money out of a wallet',
} as const;

function transferRoutes(app: App, deps: Deps): void {
  for (const kind of ['deposit', 'withdraw'] as const) {
    app.post(
      `/v1/admin/wallets/:walletId/${kind}`,
      {
        config: OPERATOR,
        schema: {
          ...ADMIN,
          operationId: `${kind}Wallet`,
          summary: TRANSFERS[kind],
          params: Params,
          headers: IdempotencyHeader,
          body: bodies.TransferBody,
          response: { 201: Type.Ref('Transfer'), ...ERRORS },
        },
      },
      async (request, reply) => {
        const walletId = walletIdOf(request.params.walletId);
        const path = `/v1/admin/wallets/${walletId}/${kind}`;
        const caller = callerOf(deps, request, { key: idempotencyKeyOf(request, false), path });
        const command = parseTransfer(kind, walletId, request.body);
        const told = await deps.engine.runOnce(callOf(caller, command, null, TRANSFERRED));
        return sendTold(deps, request, reply, told);
      },
    );
  }
}

const TRANSFERRED: Rendering = {
  render: (outcome) => {
    if (outcome.kind !== 'transfer') throw new Error(`a transfer ended as ${outcome.kind}`);
    return { statusCode: 201, body: exactJson(transferView(outcome.transfer, outcome.wallet)) };
  },
};

const FREEZING = {
  freeze: 'Freeze a wallet: no authorizations, no withdrawals',
  unfreeze: 'Unfreeze a wallet',
} as const;

function freezeRoutes(app: App, deps: Deps): void {
  for (const operation of ['freeze', 'unfreeze'] as const) {
    app.post(
      `/v1/admin/wallets/:walletId/${operation}`,
      {
        config: OPERATOR,
        schema: {
          ...ADMIN,
          operationId: `${operation}Wallet`,
          summary: FREEZING[operation],
          params: Params,
          headers: IdempotencyHeader,
          response: { 200: Type.Ref('Wallet'), ...ERRORS },
        },
      },
      async (request, reply) => {
        refuseBody(request);
        const id = walletIdOf(request.params.walletId);
        return operatorWrite(deps, request, reply, {
          path: `/v1/admin/wallets/${id}/${operation}`,
          statusCode: 200,
          work: async (db) => {
            const wallet = await setFrozen(db, id, operation === 'freeze');
            if (wallet === null) throw new ApiError('wallet_not_found');
            const audit = { action: `wallet.${operation}`, object: { kind: 'wallet', id } } as const;
            return { effectId: id, body: walletView(wallet), audit };
          },
        });
      },
    );
  }
}

/** @throws ApiError 400 naming what is wrong */
function parseTransfer(
  kind: Transfer['kind'],
  walletId: string,
  body: Static<typeof bodies.TransferBody>,
): Transfer {
  const text = body.reference;
  const reference: Parsed<string | null> = text === undefined ? parsed(null) : parseName(text);
  const fields = valuesOf({ amount: parseAmount(body.amount), reference });
  return { kind, transferId: newId(), walletId, ...fields };
}

function walletIdOf(text: string): string {
  return idOf(text, 'wallet_not_found');
}
