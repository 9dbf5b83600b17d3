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
import { readAsOf, tellAsOf, timeOfId } from '../http/recentRead.ts';
import { MANAGER, merchantOf } from '../identity/auth.ts';
import { listLinksOfCustomer } from '../links/linksSql.ts';
import { linkView } from '../links/linkViews.ts';
import { listTransactions, NO_FILTER } from '../payments/lookupsSql.ts';
import { transactionView } from '../payments/transactionViews.ts';
import type { Pool } from '../postgres/pool.ts';
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
      const { id } = customer;
      const cards = await deps.turns.heavy.run(merchantId, () =>
        readAsOf(deps, request, { kind: 'figures' }, (pool) => listUsedCards(pool, merchantId, id)),
      );
      tellAsOf(reply, cards.asOf);
      const { asOf } = cards;
      // The header is of all parts: none may be older. What is current begins with what is current.
      const read: Read = async (before, work) => {
        const wanted = { after: timeOfId(before), notBefore: asOf ?? Number.POSITIVE_INFINITY };
        const page = await deps.turns.heavy.run(merchantId, () =>
          readAsOf(deps, request, { kind: 'figures', ...wanted }, work),
        );
        return page.value;
      };
      return reply
        .type('application/json; charset=utf-8')
        .send(Readable.from(parts(read, merchantId, customer, cards.value)));
    },
  );
}

/** Reads a page. @param before the id with which the last one ended */
type Read = <T>(before: string | null, work: (pool: Pool) => Promise<T>) => Promise<T>;

async function* parts(
  read: Read,
  merchantId: string,
  customer: Customer,
  cards: Awaited<ReturnType<typeof listUsedCards>>,
): AsyncGenerator<string> {
  const { id } = customer;
  yield `{"customer":${exactJson(customerView(customer))},"cards":${exactJson(cards.map(usedCardView))}`;
  const consents = await read(null, (pool) => listConsents(pool, merchantId, id));
  yield `,"consents":${exactJson(consents.map(consentView))},"paymentLinks":[`;
  yield* listed(
    (before) => read(before, (pool) => listLinksOfCustomer(pool, merchantId, id, before, PAGE)),
    (link) => exactJson(linkView(link)),
  );
  yield '],"transactions":[';
  const filter = { ...NO_FILTER, customerId: id };
  const page = { merchantId, filter, limit: PAGE, offset: 0, countTo: null };
  yield* listed(
    async (before) => (await read(before, (pool) => listTransactions(pool, { ...page, before }))).rows,
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
