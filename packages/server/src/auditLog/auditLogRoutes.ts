/** Reading the audit log: a merchant's admins their own, operators all of it. */
import Type, { type Static } from 'typebox';
import type { Deps } from '../app/deps.ts';
import { parseUuid } from '../core/values/ids.ts';
import { type Parsed, parsed } from '../core/values/parse.ts';
import { parseText } from '../core/values/text.ts';
import { iso, parseTime } from '../core/values/time.ts';
import { ADMIN, ERRORS, OPERATOR } from '../http/adminCommon.ts';
import { pageSchema } from '../http/adminSchemas.ts';
import type { App } from '../http/baseApp.ts';
import { exactJson } from '../http/exactJson.ts';
import { readPage } from '../http/page.ts';
import { valuesOf } from '../http/parseFields.ts';
import { Cursor, closed, Limit } from '../http/schemas.ts';
import { throwTooBroad } from '../http/searchLimit.ts';
import { sendJson } from '../http/send.ts';
import { merchantOf } from '../identity/auth.ts';
import { MERCHANT_ADMIN } from '../webhooks/common.ts';
import { AUDIT_ACTIONS, AUDIT_ACTORS } from './auditEntry.ts';
import { type AuditFilter, type AuditLogRow, listAuditEntries } from './auditLogSql.ts';

const Id = Type.String({ format: 'uuid' });
const MaybeText = Type.Union([Type.String(), Type.Null()]);
const Values = (description: string) =>
  Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()], { description });

export const AuditLogEntry = Type.Object(
  {
    id: Id,
    at: Type.String({ format: 'date-time', description: 'In real time, also in a sandbox.' }),
    merchantId: Type.Union([Id, Type.Null()], { description: 'Null: of no merchant.' }),
    actor: Type.Object({
      kind: Type.Enum([...AUDIT_ACTORS, 'operator'], {
        description:
          '`operator`: an operator, whom merchants are not told more about. `customer`: whoever had the link of a customer. `system`: the program by itself. `command_line`: a command with access to the database. `unknown`: nobody who is signed in.',
      }),
      id: Type.Union([Id, Type.Null()], { description: 'Of the API key or the user.' }),
      name: Type.Union([Type.String(), Type.Null()], {
        description: 'The key’s name or the user’s e-mail address at the time.',
      }),
      isOperator: Type.Boolean(),
      credentialId: Type.Union([Id, Type.Null()], { description: 'The API key, or the session of a user.' }),
      address: Type.Union([Type.String(), Type.Null()], { description: 'Where the request came from.' }),
    }),
    action: Type.Enum([...AUDIT_ACTIONS]),
    object: Type.Object({
      kind: Type.String({ examples: ['api_key'] }),
      id: Type.Union([Type.String(), Type.Null()], { description: 'Null: there is only one.' }),
    }),
    before: Values('What was changed, as it was.'),
    after: Values('What was changed, as it is since.'),
    requestId: MaybeText,
  },
  { $id: 'AuditLogEntry' },
);

const filters = {
  limit: Limit,
  cursor: Cursor,
  actor: Type.Optional(Type.String({ description: 'The id of an API key or a user.' })),
  action: Type.Optional(Type.Enum([...AUDIT_ACTIONS])),
  object: Type.Optional(Type.String({ description: 'The id of what it was done to.' })),
  from: Type.Optional(Type.String({ description: 'From this time on.' })),
  to: Type.Optional(Type.String({ description: 'Before this time.' })),
};
const Query = Type.Object(filters, closed);
const OperatorQuery = Type.Object(
  { ...filters, merchantId: Type.Optional(Type.String({ description: 'One merchant’s.' })) },
  closed,
);

const DESCRIPTION = `Who did what, to what, from where: settings, keys, users, webhook endpoints, captures, cancels, refunds,
deposits, sign-ins and more. Written in the transaction of what it tells, without secrets, and never changed. What
was refused did nothing and is not in it, but for sign-ins. Payments that API keys make are not in it either: they
have their own history.`;

const MAX_OBJECT_LENGTH = 255;

export function auditLogRoutes(app: App, deps: Deps): void {
  app.get(
    '/v1/audit-log',
    {
      config: MERCHANT_ADMIN,
      schema: {
        operationId: 'listAuditLog',
        summary: 'List what was done, by whom, newest first',
        description: `${DESCRIPTION} Of users it needs the role \`admin\`.`,
        tags: ['Developers'],
        security: [{ merchantApiKey: [] }],
        querystring: Query,
        response: { 200: pageSchema('AuditLogEntry'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const { merchantId } = merchantOf(request);
      const filter = { ...filterOf(request.query), merchantId };
      return sendJson(reply, 200, await pageOf(deps, request.query, filter, merchantEntry));
    },
  );
}

export function adminAuditLogRoutes(app: App, deps: Deps): void {
  app.get(
    '/v1/admin/audit-log',
    {
      config: OPERATOR,
      schema: {
        ...ADMIN,
        operationId: 'listAllAuditLog',
        summary: 'List what was done, by whom, newest first',
        description: `${DESCRIPTION} Of all merchants, and of what is of none.`,
        querystring: OperatorQuery,
        response: { 200: pageSchema('AuditLogEntry'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const { merchantId } = valuesOf({ merchantId: idFilter(request.query.merchantId) });
      const filter = { ...filterOf(request.query), merchantId };
      return sendJson(reply, 200, await pageOf(deps, request.query, filter, entryOf));
    },
  );
}

function idFilter(text: string | undefined): Parsed<string | null> {
  return text === undefined ? parsed(null) : parseUuid(text);
}

function timeFilter(text: string | undefined): Parsed<number | null> {
  return text === undefined ? parsed(null) : parseTime(text);
}

/** @throws ApiError 400 naming every parameter that is wrong */
function filterOf(query: Static<typeof Query>): Omit<AuditFilter, 'merchantId'> {
  const { object } = query;
  const fields = valuesOf({
    actor: idFilter(query.actor),
    object: object === undefined ? parsed(null) : parseText(object, { max: MAX_OBJECT_LENGTH }),
    from: timeFilter(query.from),
    to: timeFilter(query.to),
  });
  const { actor: actorId, object: objectId, from, to } = fields;
  return { actorId, action: query.action ?? null, objectId, from, to };
}

async function pageOf(
  deps: Deps,
  query: Static<typeof Query>,
  filter: AuditFilter,
  view: (row: AuditLogRow) => Static<typeof AuditLogEntry>,
): Promise<string> {
  const load = (before: string | null, limit: number) => listAuditEntries(deps.pool, filter, before, limit);
  const list = `audit log of ${filter.merchantId}`;
  const page = await readPage(deps, list, query, load, ({ id }) => id).catch(throwTooBroad);
  return exactJson({ ...page, items: page.items.map(view) });
}

function entryOf(row: AuditLogRow): Static<typeof AuditLogEntry> {
  const { id, at, merchantId, action, before, after, requestId, credentialId, address } = row;
  const { actorKind: kind, actorId, actorName: name, byOperator: isOperator } = row;
  return {
    ...{ id, at: iso(at), merchantId },
    actor: { kind, id: actorId, name, isOperator, credentialId, address },
    action,
    object: { kind: row.objectKind, id: row.objectId },
    ...{ before, after, requestId },
  };
}

/** An operator is nobody in particular to a merchant. */
function merchantEntry(row: AuditLogRow): Static<typeof AuditLogEntry> {
  const entry = entryOf(row);
  if (!row.byOperator) return entry;
  const nobody = { id: null, name: null, credentialId: null, address: null };
  return { ...entry, actor: { kind: 'operator', isOperator: true, ...nobody }, requestId: null };
}
