/** All that is kept of a customer, in one document that is written as it is read: it may be of any length. */
import { Readable } from 'node:stream';
import Type from 'typebox';
import type { Deps } from '../app/deps.ts';
import { auditActorOf } from '../auditLog/auditActor.ts';
import { insertAuditEntries } from '../auditLog/auditLogSql.ts';
import { ERRORS } from '../http/adminCommon.ts';
import { NoQuery } from '../http/adminSchemas.ts';
import type { App } from '../http/baseApp.ts';
import { exactJson } from '../http/exactJson.ts';
import { MANAGER, merchantOf } from '../identity/auth.ts';
import { listLinksOfCustomer } from '../links/linksSql.ts';
import { linkView } from '../links/linkViews.ts';
import { listTransactions, NO_FILTER } from '../payments/lookupsSql.ts';
import { transactionView } from '../payments/transactionViews.ts';
import { type Customer, listConsents, listUsedCards } from './customersSql.ts';
import { consentView, customerView, usedCardView } from './customerViews.ts';
import { requireCustomer } from './requireCustomer.ts';

/** Rows that are in memory at once. */
const PAGE = 200;

export function exportRoute(app: App, deps: Deps): void {
  app.get(
    '/v1/customers/:id/export',
    {
      // A turn for each page: whoever reads slowly keeps nobody else waiting.
      config: { ...MANAGER, turn: 'none' },
      schema: {
        tags: ['Customers'],
        security: [{ merchantApiKey: [] }],
        operationId: 'exportCustomer',
        summary: 'All that is kept of a customer',
        params: Type.Object({ id: Type.String() }),
        querystring: NoQuery,
        response: { 200: Type.Ref('CustomerExport'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const { merchantId } = merchantOf(request);
      const customer = await deps.turns.common.run(merchantId, async () => {
        const found = await requireCustomer(deps.pool, merchantId, request.params.id);
        const object = { kind: 'customer', id: found.id };
        await insertAuditEntries(deps.pool, [
          { action: 'customer.export', object, actor: auditActorOf(request), merchantId },
        ]);
        return found;
      });
      return reply
        .type('application/json; charset=utf-8')
        .send(Readable.from(parts(deps, merchantId, customer)));
    },
  );
}

async function* parts(
  { pool, turns }: Pick<Deps, 'pool' | 'turns'>,
  merchantId: string,
  customer: Customer,
): AsyncGenerator<string> {
  const { id } = customer;
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => turns.heavy.run(merchantId, work);
  const cards = await inTurn(() => listUsedCards(pool, merchantId, id));
  yield `{"customer":${exactJson(customerView(customer))},"cards":${exactJson(cards.map(usedCardView))}`;
  const consents = await inTurn(() => listConsents(pool, merchantId, id));
  yield `,"consents":${exactJson(consents.map(consentView))},"paymentLinks":[`;
  yield* listed(
    (before) => inTurn(() => listLinksOfCustomer(pool, merchantId, id, before, PAGE)),
    (link) => exactJson(linkView(link)),
  );
  yield '],"transactions":[';
  const filter = { ...NO_FILTER, customerId: id };
  const page = { merchantId, filter, limit: PAGE, offset: 0, countTo: null };
  yield* listed(
    async (before) => (await inTurn(() => listTransactions(pool, { ...page, before }))).rows,
    (row) => exactJson(transactionView(row, row.balance, row.pendingOperation)),
  );
  yield ']}';
}

/** The rows of all pages, with commas between them. */
async function* listed<Row extends { readonly id: string }>(
  load: (before: string | null) => Promise<readonly Row[]>,
  view: (row: Row) => string,
): AsyncGenerator<string> {
  let before: string | null = null;
  for (;;) {
    const rows: readonly Row[] = await load(before);
    const text = rows.map(view).join(',');
    if (text !== '') yield before === null ? text : `,${text}`;
    if (rows.length < PAGE) return;
    before = rows.at(-1)?.id ?? null;
  }
}
