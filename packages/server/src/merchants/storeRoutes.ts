/** A merchant's own stores and terminals: the names behind the ids that payments carry. Operators make them. */
import type { Static } from 'typebox';
import type { Deps } from '../app/deps.ts';
import { ERRORS } from '../http/adminCommon.ts';
import { ListQuery, pageSchema } from '../http/adminSchemas.ts';
import type { App } from '../http/baseApp.ts';
import { exactJson } from '../http/exactJson.ts';
import { readPage } from '../http/page.ts';
import { sendJson } from '../http/send.ts';
import { merchantOf, VIEWER } from '../identity/auth.ts';
import { listStores, listTerminals } from './storesSql.ts';
import { placeView } from './views.ts';

const LISTS = {
  stores: { operationId: 'listOwnStores', summary: 'List your stores, newest first', name: 'Store' },
  terminals: {
    operationId: 'listOwnTerminals',
    summary: 'List the terminals in your stores, newest first',
    name: 'Terminal',
  },
} as const;

export function storeRoutes(app: App, deps: Deps): void {
  for (const noun of ['stores', 'terminals'] as const) {
    const { operationId, summary, name } = LISTS[noun];
    app.get(
      `/v1/${noun}`,
      {
        config: VIEWER,
        schema: {
          operationId,
          summary,
          tags: ['Transactions'],
          security: [{ merchantApiKey: [] }],
          querystring: ListQuery,
          response: { 200: pageSchema(name), ...ERRORS },
        },
      },
      async (request, reply) =>
        sendJson(reply, 200, await placesJson(deps, noun, merchantOf(request).merchantId, request.query)),
    );
  }
}

/** One page of a merchant's stores or terminals. @throws ApiError 400 when the cursor is not of this list */
export async function placesJson(
  deps: Deps,
  noun: 'stores' | 'terminals',
  merchantId: string,
  query: Static<typeof ListQuery>,
): Promise<string> {
  const read = noun === 'stores' ? listStores : listTerminals;
  const load = (before: string | null, limit: number) => read(deps.pool, merchantId, before, limit);
  const page = await readPage(deps, `${noun} of ${merchantId}`, query, load, ({ id }) => id);
  return exactJson({ ...page, items: page.items.map(placeView) });
}
