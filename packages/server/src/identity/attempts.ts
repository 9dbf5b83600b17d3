/** Attempts to prove a password, or a code: counted before they are known to be wrong, and told to the audit log when they are. */
import type { FastifyRequest } from 'fastify';
import type { Deps, SignIn } from '../app/deps.ts';
import { auditActorOf } from '../auditLog/auditActor.ts';
import type { AuditAction, AuditChange } from '../auditLog/auditEntry.ts';
import { insertAuditEntries } from '../auditLog/auditLogSql.ts';
import { passGate } from '../engine/gateSql.ts';
import { ApiError } from '../http/errors.ts';
import { checkCredential } from '../http/idempotentWrite.ts';
import { inTransaction, type Queryable, type StatementRunner } from '../postgres/pool.ts';
import { userOf } from './auth.ts';
import { callerOf, type SignInCaller } from './knownBrowsers.ts';
import { lockUser } from './secondFactorsSql.ts';
import {
  type AttemptSubject,
  countAttempt,
  findLocks,
  forgiveAttempt,
  isFreshSession,
  readLockOuts,
} from './sessionsSql.ts';
import { type Credentials, findPasswordHash, findUser, type User } from './usersSql.ts';

/** @throws ApiError 429 */
export async function count(deps: Deps, { lockOuts }: SignIn, { subjects }: SignInCaller): Promise<void> {
  lockOuts.hear(await findLocks(deps.signIns, subjects));
  await inTransaction(deps.signIns, async (db) => {
    if (deps.config.mode === 'sandbox') await passGate(db);
    lockOuts.hear(await countAttempt(db, subjects));
  });
}

/**
 * What was typed is not kept: people type passwords into the field for the e-mail address.
 * @param wrong what was wrong besides the password; null: the password
 */
export async function noteFailure(
  deps: Deps,
  request: FastifyRequest,
  accounts: readonly Pick<Credentials, 'id' | 'merchantId'>[],
  attempt: readonly AttemptSubject[],
  wrong: 'second_factor' | 'passkey' | null = null,
): Promise<void> {
  // While it lasts nobody gets as far as this: each lock-out was begun by the attempt that failed.
  const locks = await readLockOuts(deps.signIns, attempt);
  const named = accounts.length === 0 ? [{ id: null, merchantId: null }] : accounts;
  const entries = named.flatMap(({ id, merchantId }) => {
    const whose = { actor: auditActorOf(request), object: { kind: 'user', id }, merchantId };
    const after = wrong === null ? {} : { after: { wrong } };
    return [
      { ...whose, ...after, action: 'session.sign_in_failed' as const },
      ...locks.map((lock) => ({ ...whose, action: 'session.lock_out' as const, after: lock })),
    ];
  });
  await insertAuditEntries(deps.signIns, entries);
}

/**
 * Takes the account of whoever is signed in, until the transaction ends: nobody resets it meanwhile. A session that a reset has
 * ended before changes nothing any more, lest whoever had the account keeps a way in.
 * @throws ApiError 401, 403
 */
export async function lockOwnAccount(deps: Deps, db: Queryable, request: FastifyRequest): Promise<void> {
  await lockUser(db, userOf(request).id);
  await checkCredential(deps, db, request);
}

/** Tells the audit log what somebody who is signed in does to their own account. */
export async function noteOwn(
  db: StatementRunner,
  request: FastifyRequest,
  action: AuditAction,
  change: Partial<Pick<AuditChange, 'object' | 'before' | 'after'>> = {},
): Promise<void> {
  const object = { kind: 'user', id: userOf(request).id };
  const merchantId = request.principal?.merchantId ?? null;
  await insertAuditEntries(db, [{ actor: auditActorOf(request), action, merchantId, object, ...change }]);
}

/** A user who is signed in and has proved the password again. */
export interface Proved {
  readonly user: User;
  readonly passwordHash: string;
  readonly caller: SignInCaller;
}

/**
 * Whoever sits down at somebody's browser must not be free to guess.
 * @param then what follows, in the same place for computing passwords; it takes the attempt back
 * @throws ApiError 401, 429
 */
export async function provePassword<T>(
  deps: Deps,
  signIn: SignIn,
  request: FastifyRequest,
  password: string,
  then: (proved: Proved) => Promise<T>,
): Promise<T> {
  const { id } = userOf(request);
  const user = await findUser(deps.pool, id);
  const passwordHash = await findPasswordHash(deps.pool, id);
  if (user === null || passwordHash === null) throw new ApiError('not_signed_in');
  const caller = { ...callerOf(request, deps.secrets, user.email), known: true };
  signIn.lockOuts.requireNone(caller.subjects);
  const result = await signIn.passwords.inPlace(caller, async () => {
    await count(deps, signIn, caller);
    const [isRight] = await signIn.passwords.verify(password, [passwordHash], true);
    if (isRight !== true) {
      await noteFailure(deps, request, [user], caller.subjects);
      throw new ApiError('wrong_credentials');
    }
    return then({ user, passwordHash, caller });
  });
  signIn.lockOuts.forget(caller.subjects);
  return result;
}

/**
 * What protects an account is changed by whoever has signed in a moment ago, or proves the password again.
 * @throws ApiError 401, 403, 429
 */
export async function requireProof(
  deps: Deps,
  signIn: SignIn,
  request: FastifyRequest,
  password: string | undefined,
): Promise<void> {
  if (password === undefined) {
    if (await isFreshSession(deps.pool, userOf(request).sessionId)) return;
    throw new ApiError('password_required');
  }
  await provePassword(deps, signIn, request, password, ({ caller }) =>
    inTransaction(deps.signIns, (db) => forgiveAttempt(db, caller.subjects, false)),
  );
}
