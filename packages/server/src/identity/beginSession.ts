/** How a session begins, whatever proves its user; and what its user is told. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Deps } from '../app/deps.ts';
import { auditActorOf } from '../auditLog/auditActor.ts';
import { insertAuditEntries } from '../auditLog/auditLogSql.ts';
import { passGate } from '../engine/gateSql.ts';
import { clientAddressOf } from '../http/clientAddress.ts';
import { ApiError } from '../http/errors.ts';
import { exactJson } from '../http/exactJson.ts';
import { sendJson } from '../http/send.ts';
import { newId } from '../installation/newId.ts';
import { findMerchant } from '../merchants/merchantsSql.ts';
import { inTransaction, type Queryable, type StatementRunner } from '../postgres/pool.ts';
import { lockUser } from './secondFactorsSql.ts';
import { mustSetUpSecondFactor, newToken, type Sessions } from './sessions.ts';
import { beginSession, endSession, readSession, type SignedInBy } from './sessionsSql.ts';
import { findUser } from './usersSql.ts';

/** Somebody who has proved who they are. */
export interface Account {
  readonly id: string;
  readonly merchantId: string | null;
  /** The hash that the password was checked against; null: it was not the password. */
  readonly passwordHash: string | null;
}

interface Beginning {
  readonly account: Account;
  readonly signedInBy: SignedInBy;
  /** Whether more than one thing was proved; default: whenever it was not the password alone. */
  readonly hasSecondFactor?: boolean;
  /** What goes into the same transaction. @throws ApiError when there is no session after all */
  readonly before: (db: Queryable) => Promise<void>;
  /** What is kept of the session besides, in the same transaction. */
  readonly after?: (db: Queryable, sessionId: string) => Promise<void>;
}

/**
 * A new session with a new token, in place of the one that the browser had.
 * @returns its id
 * @throws ApiError 401
 */
export async function begin(
  deps: Deps,
  sessions: Sessions,
  request: FastifyRequest,
  reply: FastifyReply,
  { account, signedInBy, hasSecondFactor = signedInBy !== 'password', before, after }: Beginning,
): Promise<string> {
  const { token, hash } = newToken();
  const replaced = sessions.tokenHashOf(request);
  const id = newId();
  await inTransaction(deps.signIns, async (db) => {
    if (deps.config.mode === 'sandbox') await passGate(db);
    await lockUser(db, account.id);
    await before(db);
    if (replaced !== null) await endSession(db, replaced);
    const session = { id, hash, signedInBy, hasSecondFactor, ...browserOf(request) };
    const begun = await beginSession(db, session, account);
    if (begun === null) throw new ApiError('wrong_credentials');
    await after?.(db, id);
    await note(db, request, { ...account, sessionId: id, signedInBy });
  });
  sessions.setCookie(reply, token);
  return id;
}

const MAX_USER_AGENT = 255;

/** Where a session begins, as its user will see it in the list of sessions. */
function browserOf(request: FastifyRequest): { address: string; userAgent: string | null } {
  const agent = (request.headers['user-agent'] ?? '').replace(/[^\x20-\x7e]/g, '').slice(0, MAX_USER_AGENT);
  return { address: clientAddressOf(request), userAgent: agent === '' ? null : agent };
}

/** Somebody who has signed in: no credential of the request names them. */
interface Entering extends Pick<Account, 'id' | 'merchantId'> {
  readonly sessionId: string;
  readonly signedInBy: SignedInBy;
}

async function note(
  db: StatementRunner,
  request: FastifyRequest,
  { id, merchantId, sessionId, signedInBy }: Entering,
): Promise<void> {
  const isOperator = merchantId === null;
  const actor = { ...auditActorOf(request), kind: 'user' as const, id, isOperator, credentialId: sessionId };
  const after = signedInBy === 'password' ? {} : { after: { signedInBy } };
  await insertAuditEntries(db, [
    { actor, action: 'session.sign_in', merchantId, object: { kind: 'user', id }, ...after },
  ]);
}

/** Tells who is signed in. @throws ApiError 401 when the session is over */
export async function sendSession(
  deps: Deps,
  reply: FastifyReply,
  userId: string,
  sessionId: string,
): Promise<FastifyReply> {
  const user = await findUser(deps.pool, userId);
  const session = await readSession(deps.pool, sessionId);
  if (user === null || session === null) throw new ApiError('not_signed_in');
  const { id, email, name, role, merchantId } = user;
  const found = merchantId === null ? null : await findMerchant(deps.pool, merchantId);
  const merchant = found === null ? null : { id: found.id, name: found.name, timeZone: found.timeZone };
  const { mode } = deps.config;
  const mustSetUp = mustSetUpSecondFactor(session, mode);
  const signedIn = { user: { id, email, name, role }, merchant, mode, mustSetUpSecondFactor: mustSetUp };
  return sendJson(reply, 200, exactJson(signedIn));
}
