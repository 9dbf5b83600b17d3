import Type from 'typebox';
import type { Deps } from '../app/deps.ts';
import { ALL_ACCOUNT_KINDS, POSTING_CODES } from '../core/accounts.ts';
import { iso } from '../core/values/time.ts';
import type { App } from '../http/baseApp.ts';
import { ApiError } from '../http/errors.ts';
import { exactJson } from '../http/exactJson.ts';
import { wholePage } from '../http/page.ts';
import { NextCursor } from '../http/schemas.ts';
import { sendJson } from '../http/send.ts';
import { merchantOf, VIEWER } from '../identity/auth.ts';
import { type PostingLine, readPostings } from '../ledger/statementsSql.ts';
import { findTransactionOf } from './lookupsSql.ts';
import { transactionIdOf } from './transactionRoutes.ts';

const AccountKind = Type.Enum([...ALL_ACCOUNT_KINDS], {
  description:
    '`wallet` of the customer, `merchant`: your balance, `acquirer`: the bank that cards are paid by.',
});

export const TransactionPosting = Type.Object(
  {
    seq: Type.Integer({ description: 'Its number within the transaction.' }),
    code: Type.Enum([...POSTING_CODES], { description: 'What it was.' }),
    from: AccountKind,
    to: AccountKind,
    amount: Type.Integer({ description: 'Minor units.' }),
    currency: Type.String(),
    at: Type.String({ format: 'date-time' }),
  },
  {
    $id: 'TransactionPosting',
    description: 'One amount that moved from one account of the ledger to another.',
  },
);

export function postingRoutes(app: App, deps: Deps): void {
  app.get(
    '/v1/transactions/:id/postings',
    {
      config: VIEWER,
      schema: {
        operationId: 'listTransactionPostings',
        summary: 'List what a transaction moved in the ledger',
        description:
          'Oldest first. A refund is a transaction of its own, with postings of its own. A hold moves nothing.',
        tags: ['Transactions'],
        security: [{ merchantApiKey: [] }],
        params: Type.Object({ id: Type.String({ description: 'Either spelling of the id.' }) }),
        response: {
          200: Type.Object({ items: Type.Array(Type.Ref('TransactionPosting')), nextCursor: NextCursor }),
          '4xx': Type.Ref('Error'),
          '5xx': Type.Ref('Error'),
        },
      },
    },
    async (request, reply) => {
      const id = transactionIdOf(request.params.id);
      const transaction = await findTransactionOf(deps.pool, merchantOf(request).merchantId, id);
      if (transaction === null) throw new ApiError('transaction_not_found');
      const postings = await readPostings(deps.pool, transaction.id);
      return sendJson(reply, 200, exactJson(wholePage(postings.map(postingView))));
    },
  );
}

function postingView({ at, ...posting }: PostingLine): Record<string, unknown> {
  return { ...posting, at: iso(at) };
}
