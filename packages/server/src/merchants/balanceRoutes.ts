/** What a merchant has, and what moved on it: read from the ledger, where each posting carries the balance after it. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import Type from 'typebox';
import type { Deps } from '../app/deps.ts';
import { parseCurrency } from '../core/values/currency.ts';
import { accountIdOf } from '../engine/accountId.ts';
import { ERRORS } from '../http/adminCommon.ts';
import { NoQuery, PeriodQuery, pageSchema } from '../http/adminSchemas.ts';
import type { App } from '../http/baseApp.ts';
import { exactJson } from '../http/exactJson.ts';
import { wholePage } from '../http/page.ts';
import { valuesOf } from '../http/parseFields.ts';
import { sendJson } from '../http/send.ts';
import { merchantOf, VIEWER } from '../identity/auth.ts';
import { type AccountBalance, listMerchantBalances } from '../ledger/statementsSql.ts';
import {
  EMPTY_STATEMENT,
  merchantEntryView,
  readStatementPage,
  type StatementQuery,
} from '../ledger/statementViews.ts';

export function balanceRoutes(app: App, deps: Deps): void {
  app.get(
    '/v1/balances',
    {
      config: VIEWER,
      schema: {
        operationId: 'listBalances',
        summary: 'List what you have, by currency',
        tags: ['Balances'],
        security: [{ merchantApiKey: [] }],
        querystring: NoQuery,
        response: { 200: pageSchema('MerchantBalance'), ...ERRORS },
      },
    },
    async (request, reply) => sendJson(reply, 200, await balancesJson(deps, merchantOf(request).merchantId)),
  );

  app.get(
    '/v1/balances/:currency/statement',
    {
      config: VIEWER,
      schema: {
        operationId: 'getBalanceStatement',
        summary: 'What moved on your balance, newest first',
        tags: ['Balances'],
        security: [{ merchantApiKey: [] }],
        params: Type.Object({ currency: Type.String({ examples: ['KZT'] }) }),
        querystring: PeriodQuery,
        response: { 200: Type.Ref('MerchantStatement'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const { currency } = valuesOf({ currency: parseCurrency(request.params.currency) });
      const { merchantId } = merchantOf(request);
      return sendJson(
        reply,
        200,
        await merchantStatementJson(deps, request, reply, merchantId, currency, request.query),
      );
    },
  );
}

export async function balancesJson(deps: Deps, merchantId: string): Promise<string> {
  const balances = await listMerchantBalances(deps.pool, merchantId);
  return exactJson(wholePage(balances.map(balanceView)));
}

function balanceView({ currency, balance, held }: AccountBalance) {
  return { currency, balance, held, available: balance - held };
}

/**
 * One page. A currency in which the merchant has never had money is a statement of nothing.
 * @throws ApiError 400 naming every parameter that is wrong
 */
export async function merchantStatementJson(
  deps: Deps,
  request: FastifyRequest,
  reply: FastifyReply,
  merchantId: string,
  currency: string,
  query: StatementQuery,
): Promise<string> {
  const accountId = accountIdOf('merchant', merchantId, currency);
  const page = await readStatementPage(deps, request, reply, accountId, query, (line) =>
    merchantEntryView(line, currency),
  );
  return exactJson({ ...(page ?? EMPTY_STATEMENT), currency });
}
