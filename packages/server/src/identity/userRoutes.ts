/** Users: of a merchant for its own admins, and of every merchant and of operators for operators. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import Type from 'typebox';
import type { Deps, SignIn } from '../app/deps.ts';
import { type AuditAction, type AuditChange, changedValues } from '../auditLog/auditEntry.ts';
import { parseUuid } from '../core/values/ids.ts';
import { iso } from '../core/values/time.ts';
import { ADMIN, ERRORS, idOf, parseName, refuseBody } from '../http/adminCommon.ts';
import { ListQuery, pageSchema } from '../http/adminSchemas.ts';
import type { App } from '../http/baseApp.ts';
import { ApiError } from '../http/errors.ts';
import { exactJson } from '../http/exactJson.ts';
import { type KeyedWrite, writeOnce } from '../http/idempotentWrite.ts';
import { readPage } from '../http/page.ts';
import { valuesOf } from '../http/parseFields.ts';
import { IdempotencyHeader } from '../http/schemas.ts';
import { sendJson } from '../http/send.ts';
import { newId } from '../installation/newId.ts';
import { merchantIdOf, requireMerchant } from '../merchants/requireMerchant.ts';
import type { Queryable } from '../postgres/pool.ts';
import { ADMIN_USER, merchantOf, OPERATOR } from './auth.ts';
import { deleteLink } from './oidc/oidcSql.ts';
import { newPassword } from './passwords.ts';
import type { Role } from './roles.ts';
import { deleteFactors } from './secondFactorsSql.ts';
import { endSessionsOf } from './sessionsSql.ts';
import { parseEmail } from './signIn.ts';
import * as bodies from './userSchemas.ts';
import {
  deleteUser,
  findHashOfAddress,
  findPasswordHash,
  insertUser,
  listUsers,
  lockUsers,
  setPasswordHash,
  type User,
  updateUser,
} from './usersSql.ts';

/** The ids in a path. */
interface Ids {
  readonly merchantId?: string;
  readonly userId?: string;
}

/** Whose users a set of routes is about. */
interface Owner {
  readonly url: string;
  /** Part of operation ids. */
  readonly noun: string;
  readonly whose: string;
  readonly config: typeof ADMIN_USER | typeof OPERATOR;
  readonly common: { readonly tags: string[]; readonly security: Record<string, never[]>[] };
  /** The ids in `url`. */
  readonly ids: Readonly<Record<string, ReturnType<typeof Type.String>>>;
  /** Null: operators. */
  readonly merchantIdOf: (request: FastifyRequest) => string | null;
}

const DASHBOARD = { tags: ['Dashboard'], security: [{ session: [] }] };

const OWN: Owner = {
  url: '/v1/users',
  noun: 'User',
  whose: 'this merchant',
  config: ADMIN_USER,
  common: DASHBOARD,
  ids: {},
  merchantIdOf: (request) => merchantOf(request).merchantId,
};
const OF_MERCHANT: Owner = {
  url: '/v1/admin/merchants/:merchantId/users',
  noun: 'MerchantUser',
  whose: 'a merchant',
  config: OPERATOR,
  common: ADMIN,
  ids: { merchantId: Type.String() },
  merchantIdOf: (request) => merchantIdOf((request.params as Ids).merchantId ?? ''),
};
const OPERATORS: Owner = {
  url: '/v1/admin/users',
  noun: 'Operator',
  whose: 'operators',
  config: OPERATOR,
  common: ADMIN,
  ids: {},
  merchantIdOf: () => null,
};

export function userRoutes(app: App, deps: Deps, signIn: SignIn): void {
  routesOf(app, deps, signIn, OWN);
}

export function adminUserRoutes(app: App, deps: Deps, signIn: SignIn): void {
  routesOf(app, deps, signIn, OF_MERCHANT);
  routesOf(app, deps, signIn, OPERATORS);
}

function routesOf(app: App, deps: Deps, signIn: SignIn, owner: Owner): void {
  listRoute(app, deps, owner);
  createRoute(app, deps, signIn, owner);
  updateRoute(app, deps, signIn, owner);
  deleteRoute(app, deps, signIn, owner);
  resetRoute(app, deps, signIn, owner);
  resetSecondFactorRoute(app, deps, signIn, owner);
  unlinkIdentityRoute(app, deps, signIn, owner);
}

function listRoute(app: App, deps: Deps, { url, noun, whose, config, common, ids, ...owner }: Owner): void {
  app.get(
    url,
    {
      config,
      schema: {
        ...common,
        operationId: `list${noun}s`,
        summary: `List the users of ${whose}, newest first`,
        params: Type.Unsafe<Ids>(Type.Object(ids)),
        querystring: ListQuery,
        response: { 200: pageSchema('User'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const merchantId = owner.merchantIdOf(request);
      if (merchantId !== null) await requireMerchant(deps.pool, merchantId);
      const load = (before: string | null, limit: number) => listUsers(deps.pool, merchantId, before, limit);
      const page = await readPage(deps, `users of ${merchantId}`, request.query, load, ({ id }) => id);
      return sendJson(reply, 200, exactJson({ ...page, items: page.items.map(userView) }));
    },
  );
}

function createRoute(app: App, deps: Deps, { passwords }: SignIn, owner: Owner): void {
  const { url, noun, whose, config, common, ids } = owner;
  app.post(
    url,
    {
      config,
      schema: {
        ...common,
        operationId: `create${noun}`,
        summary: `Create a user of ${whose}, with a password`,
        params: Type.Unsafe<Ids>(Type.Object(ids)),
        headers: IdempotencyHeader,
        body: Type.Unsafe<{ email: string; name: string; role?: Role }>(
          owner === OPERATORS ? bodies.OperatorBody : bodies.UserBody,
        ),
        response: { 201: Type.Ref('UserWithPassword'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const merchantId = owner.merchantIdOf(request);
      const { role = 'operator' } = request.body;
      const { email, name } = valuesOf({
        email: parseEmail(request.body.email),
        name: parseName(request.body.name),
      });
      const password = newPassword();
      // The same salt and so the same time at a sign-in, whoever else has this address: it tells nobody.
      const passwordHash = await passwords.hash(password, await findHashOfAddress(deps.pool, email));
      return writeOnce(deps, request, reply, {
        path: pathOf(owner, merchantId),
        shownOnce: 'password',
        statusCode: 201,
        work: async (db) => {
          if (merchantId !== null) await requireMerchant(db, merchantId);
          const user = await insertUser(db, { id: newId(), merchantId, email, name, role, passwordHash });
          if (user === null)
            throw new ApiError('already_exists', 'one of these users has this e-mail address already');
          const object = { kind: 'user', id: user.id };
          const audit = { action: 'user.create', merchantId, object, after: { email, name, role } } as const;
          return { effectId: user.id, body: { ...userView(user), password }, audit };
        },
      });
    },
  );
}

function updateRoute(app: App, deps: Deps, signIn: SignIn, owner: Owner): void {
  const { url, noun, whose, config, common, ids } = owner;
  app.patch(
    `${url}/:userId`,
    {
      config,
      schema: {
        ...common,
        operationId: `update${noun}`,
        summary: `Change a user of ${whose}, at once`,
        params: Type.Unsafe<Ids>(Type.Object({ ...ids, userId: Type.String() })),
        headers: IdempotencyHeader,
        body: Type.Unsafe<{ name?: string; role?: Role; disabled?: boolean }>(
          owner === OPERATORS ? bodies.OperatorPatch : bodies.UserPatch,
        ),
        response: { 200: Type.Ref('User'), ...ERRORS },
      },
    },
    async (request, reply) => {
      const { name } = request.body;
      if (name !== undefined) valuesOf({ name: parseName(name) });
      return writeUser(deps, signIn, request, reply, owner, {
        action: 'user.update',
        statusCode: 200,
        work: async (db, user, others) => {
          const { disabled, role } = { ...user, ...request.body };
          if (disabled || role !== user.role) requireAnother(user, others);
          const after = await updateUser(db, user.id, { ...user, ...request.body });
          if (after === null) throw new Error(`user ${user.id} went away while it was locked`);
          if (disabled) await endSessionsOf(db, user.id, null);
          return { body: userView(after), changes: changedValues(user, after) };
        },
      });
    },
  );
}

function deleteRoute(app: App, deps: Deps, signIn: SignIn, owner: Owner): void {
  const { url, noun, whose, config, common, ids } = owner;
  app.delete(
    `${url}/:userId`,
    {
      config,
      schema: {
        ...common,
        operationId: `delete${noun}`,
        summary: `Delete a user of ${whose}, at once`,
        params: Type.Unsafe<Ids>(Type.Object({ ...ids, userId: Type.String() })),
        headers: IdempotencyHeader,
        response: { 200: Type.Ref('User'), ...ERRORS },
      },
    },
    async (request, reply) => {
      refuseBody(request);
      return writeUser(deps, signIn, request, reply, owner, {
        action: 'user.delete',
        statusCode: 200,
        work: async (db, user, others) => {
          requireAnother(user, others);
          await deleteUser(db, user.id);
          await endSessionsOf(db, user.id, null);
          const { email, name, role } = user;
          return { body: userView(user), changes: { before: { email, name, role } } };
        },
      });
    },
  );
}

function resetRoute(app: App, deps: Deps, signIn: SignIn, owner: Owner): void {
  const { url, noun, whose, config, common, ids } = owner;
  app.post(
    `${url}/:userId/reset-password`,
    {
      config,
      schema: {
        ...common,
        operationId: `resetPasswordOf${noun}`,
        summary: `Give a user of ${whose} a new password`,
        description: 'The password is in this answer only. Their sessions end at once.',
        params: Type.Unsafe<Ids>(Type.Object({ ...ids, userId: Type.String() })),
        headers: IdempotencyHeader,
        response: { 200: Type.Ref('UserWithPassword'), ...ERRORS },
      },
    },
    async (request, reply) => {
      refuseBody(request);
      refuseOwn(request);
      const password = newPassword();
      const id = parseUuid((request.params as Ids).userId ?? '');
      const before = id.ok ? await findPasswordHash(deps.pool, id.value) : null;
      const passwordHash = await signIn.passwords.hash(password, before);
      return writeUser(deps, signIn, request, reply, owner, {
        action: 'user.reset_password',
        end: '/reset-password',
        shownOnce: 'password',
        statusCode: 200,
        work: async (db, user) => {
          await setPasswordHash(db, user.id, passwordHash, null);
          await endSessionsOf(db, user.id, null);
          return { body: { ...userView(user), password } };
        },
      });
    },
  );
}

function resetSecondFactorRoute(app: App, deps: Deps, signIn: SignIn, owner: Owner): void {
  const { url, noun, whose, config, common, ids } = owner;
  app.post(
    `${url}/:userId/reset-second-factor`,
    {
      config,
      schema: {
        ...common,
        operationId: `resetSecondFactorOf${noun}`,
        summary: `Take the second factor from a user of ${whose}`,
        description:
          'For somebody who has lost it. Authenticator app and recovery codes are gone, and their sessions end: the next sign-in asks for the password alone.',
        params: Type.Unsafe<Ids>(Type.Object({ ...ids, userId: Type.String() })),
        headers: IdempotencyHeader,
        response: { 200: Type.Ref('User'), ...ERRORS },
      },
    },
    async (request, reply) => {
      refuseBody(request);
      refuseOwn(request);
      return writeUser(deps, signIn, request, reply, owner, {
        action: 'user.reset_second_factor',
        end: '/reset-second-factor',
        statusCode: 200,
        work: async (db, user) => {
          await deleteFactors(db, user.id);
          await endSessionsOf(db, user.id, null);
          return { body: userView({ ...user, hasSecondFactor: false }) };
        },
      });
    },
  );
}

function unlinkIdentityRoute(app: App, deps: Deps, signIn: SignIn, owner: Owner): void {
  const { url, noun, whose, config, common, ids } = owner;
  app.post(
    `${url}/:userId/unlink-identity`,
    {
      config,
      schema: {
        ...common,
        operationId: `unlinkIdentityOf${noun}`,
        summary: `Unlink a user of ${whose} from the identity provider`,
        description:
          'Their sessions end. Whoever signs in next at the provider with this e-mail address, verified there, is linked.',
        params: Type.Unsafe<Ids>(Type.Object({ ...ids, userId: Type.String() })),
        headers: IdempotencyHeader,
        response: { 200: Type.Ref('User'), ...ERRORS },
      },
    },
    async (request, reply) => {
      refuseBody(request);
      refuseOwn(request);
      return writeUser(deps, signIn, request, reply, owner, {
        action: 'user.unlink_identity',
        end: '/unlink-identity',
        statusCode: 200,
        work: async (db, user) => {
          const link = await deleteLink(db, user.id);
          if (link === null) throw new ApiError('no_identity');
          await endSessionsOf(db, user.id, null);
          const { issuer, subject } = link;
          return {
            body: userView({ ...user, hasIdentity: false }),
            changes: { before: { issuer, subject } },
          };
        },
      });
    },
  );
}

interface UserWrite extends Pick<KeyedWrite, 'shownOnce' | 'statusCode'> {
  readonly action: AuditAction;
  /** Of the path, behind the user's id. */
  readonly end?: string;
  /** @param others the owner's other users; all are locked */
  readonly work: (db: Queryable, user: User, others: readonly User[]) => Promise<UserWritten>;
}

interface UserWritten {
  readonly body: object;
  /** What the audit log tells of it. */
  readonly changes?: Pick<AuditChange, 'before' | 'after'>;
}

/** Changes one user of the owner. @throws ApiError 404 */
async function writeUser(
  deps: Deps,
  { sessions }: SignIn,
  request: FastifyRequest,
  reply: FastifyReply,
  owner: Owner,
  { work, action, end = '', ...write }: UserWrite,
): Promise<FastifyReply> {
  const merchantId = owner.merchantIdOf(request);
  const id = idOf((request.params as Ids).userId ?? '', 'user_not_found');
  const sent = await writeOnce(deps, request, reply, {
    ...write,
    path: `${pathOf(owner, merchantId)}/${id}${end}`,
    work: async (db) => {
      const users = await lockUsers(db, merchantId);
      const user = users.find((candidate) => candidate.id === id);
      if (user === undefined) throw new ApiError('user_not_found');
      const others = users.filter((other) => other !== user);
      const { body, changes } = await work(db, user, others);
      const audit = { action, merchantId, object: { kind: 'user', id }, ...changes };
      return { effectId: id, body, audit };
    },
  });
  sessions.forget();
  return sent;
}

/** @throws ApiError 422 when nobody else could manage the users any more */
function requireAnother({ role, disabled }: User, others: readonly User[]): void {
  if (disabled || (role !== 'admin' && role !== 'operator')) return;
  if (!others.some((other) => other.role === role && !other.disabled)) throw new ApiError('last_admin');
}

/** A stolen session must not be enough for a new password, or for none but it. @throws ApiError 422 */
function refuseOwn({ principal, params }: FastifyRequest): void {
  const id = parseUuid((params as Ids).userId ?? '');
  if (id.ok && id.value === principal?.user?.id) throw new ApiError('own_account');
}

function pathOf({ url }: Owner, merchantId: string | null): string {
  return url.replace(':merchantId', merchantId ?? '');
}

function userView({ createdAt, lastSignInAt, merchantId: _, ...user }: User) {
  return { ...user, createdAt: iso(createdAt), lastSignInAt: iso(lastSignInAt) };
}
