/** A merchant's events: what webhooks and the stream are made of. */

import type { Static } from 'typebox';
import type { Deps } from '../app/deps.ts';
import { linkKindOfEvent } from '../core/link.ts';
import { parseTransactionId } from '../core/values/ids.ts';
import { type Parsed, parsed } from '../core/values/parse.ts';
import { parseTime } from '../core/values/time.ts';
import type { App } from '../http/baseApp.ts';
import { openCursor, sealCursor } from '../http/cursor.ts';
import { exactJson } from '../http/exactJson.ts';
import { invalidFields, valuesOf } from '../http/parseFields.ts';
import { sendJson } from '../http/send.ts';
import { merchantOf, requireScope, VIEWER } from '../identity/auth.ts';
import { ERRORS, WEBHOOKS } from '../webhooks/common.ts';
import * as bodies from '../webhooks/schemas.ts';
import { ForeignPositionError } from './epochsSql.ts';
import { type EventFilter, listEventsOf } from './eventListsSql.ts';
import { listedEvent } from './eventViews.ts';
import { parsePosition, positionText } from './position.ts';

const DEFAULT_LIMIT = 20;
const FOREIGN_CURSOR =
  'is of a history that this database does not have: it was restored to an earlier time; begin anew';

export function eventRoutes(app: App, deps: Deps): void {
  app.get(
    '/v1/events',
    {
      config: VIEWER,
      schema: {
        ...WEBHOOKS,
        operationId: 'listEvents',
        summary: 'List events, newest first',
        description:
          'Each with the body of its webhook. `statusChanged` is false for those that leave the status as it is; of them, `transaction.partially_captured` alone is a webhook, too. A page may hold fewer events than `limit`, even none, and not be the last: that is the one whose `nextCursor` is null.',
        querystring: bodies.EventQuery,
        response: { 200: bodies.EventPage, ...ERRORS },
      },
    },
    async (request, reply) => {
      const { merchantId } = merchantOf(request);
      const { limit = DEFAULT_LIMIT, cursor } = request.query;
      const filter = filterOf(merchantId, request.query);
      if (filter.withLinks) requireScope(request, 'links:read');
      const list = `events ${JSON.stringify(filter)}`;
      const before = cursor === undefined ? null : placeOf(deps, list, cursor);
      const page = await listEventsOf(deps.pool, filter, before, limit).catch((error: unknown) => {
        throw error instanceof ForeignPositionError
          ? invalidFields([{ path: 'cursor', message: FOREIGN_CURSOR }])
          : error;
      });
      const { events, next, epoch } = page;
      const nextCursor = next === null ? null : sealCursor(deps.secrets, list, positionText(epoch, next));
      return sendJson(reply, 200, exactJson({ items: events.map(listedEvent), nextCursor }));
    },
  );
}

/** @throws ApiError 400 */
function placeOf(deps: Deps, list: string, cursor: string) {
  const { cursor: text } = valuesOf({ cursor: openCursor(deps.secrets, list, cursor) });
  return valuesOf({ cursor: parsePosition(text) }).cursor;
}

/** @throws ApiError 400 naming what is wrong */
function filterOf(merchantId: string, query: Static<typeof bodies.EventQuery>): EventFilter {
  const { event = null, transactionId: id, createdFrom: from, createdTo: to } = query;
  const time = (text: string | undefined): Parsed<number | null> =>
    text === undefined ? parsed(null) : parseTime(text);
  const { transactionId, createdFrom, createdTo } = valuesOf({
    transactionId: id === undefined ? parsed(null) : parseTransactionId(id),
    createdFrom: time(from),
    createdTo: time(to),
  });
  // Whoever asks for one by its name expects it.
  const withLinks = query.paymentLinks === 'true' || (event !== null && linkKindOfEvent(event) !== null);
  return { merchantId, name: event, transactionId, from: createdFrom, to: createdTo, withLinks };
}
