/** What a code proves of somebody who has proved the password, or an identity. */
import type { FastifyRequest } from 'fastify';
import type { Deps } from '../app/deps.ts';
import { ApiError } from '../http/errors.ts';
import type { Queryable } from '../postgres/pool.ts';
import { noteFailure } from './attempts.ts';
import type { SignInCaller } from './knownBrowsers.ts';
import { codeOf, stepOfCode } from './oneTimeCodes.ts';
import {
  type Factors,
  hasRecoveryCode,
  hasSecondFactor,
  readFactors,
  useRecoveryCode,
  useTotpStep,
} from './secondFactorsSql.ts';
import { forgiveAttempt, type SignedInBy } from './sessionsSql.ts';
import type { Credentials } from './usersSql.ts';

/** What proves a user besides the password; it is used up when the session begins. */
export type Proof =
  | { readonly kind: 'totp'; readonly step: number }
  | { readonly kind: 'recovery_code'; readonly hash: Buffer };

/**
 * What the code proves of a user who has proved the password, or an identity that is linked.
 * @returns null when there is nothing to be proved
 * @throws ApiError 401
 */
export async function proofOf(
  deps: Deps,
  request: FastifyRequest,
  account: Pick<Credentials, 'id' | 'merchantId'>,
  { code, caller }: { readonly code: string | undefined; readonly caller: SignInCaller },
): Promise<Proof | null> {
  const factors = await readFactors(deps.signIns, account.id);
  if (!hasSecondFactor(factors)) return null;
  if (code === undefined) {
    // It stays counted for the account: else whoever knows the password could begin to count anew between two guesses of a code.
    // The address gets it back, since everybody who has a second factor comes this way, and an office is one address.
    await forgiveAttempt(
      deps.signIns,
      caller.subjects.filter(({ kind }) => kind === 'address'),
      false,
    );
    throw secondFactorRequired(factors);
  }
  const typed = codeOf(code);
  const { totp } = factors;
  if (typed?.kind === 'totp' && totp !== null) {
    const secret = deps.secrets.open('totp secret', account.id, totp.secret);
    const step = stepOfCode(secret, typed.digits, Date.now(), totp.lastStep);
    if (step !== null) return { kind: 'totp', step };
  }
  if (typed?.kind === 'recovery_code' && (await hasRecoveryCode(deps.signIns, account.id, typed.hash)))
    return typed;
  await noteFailure(deps, request, [account], caller.subjects, 'second_factor');
  throw new ApiError('wrong_second_factor');
}

/** The ways that this user has, each as a detail. */
function secondFactorRequired({ totp, passkeys, recoveryCodes }: Factors): ApiError {
  const ways = [
    ...(passkeys === 0 ? [] : ['passkey']),
    ...(totp === null ? [] : ['totp']),
    ...(recoveryCodes === 0 ? [] : ['recovery_code']),
  ];
  return new ApiError(
    'second_factor_required',
    undefined,
    ways.map((message) => ({ path: 'code', message })),
  );
}

/** @returns false when somebody else has used it meanwhile */
export function useUp(db: Queryable, userId: string, proof: Proof): Promise<boolean> {
  return proof.kind === 'totp'
    ? useTotpStep(db, userId, proof.step)
    : useRecoveryCode(db, userId, proof.hash);
}

export const SIGNED_IN_BY = {
  totp: 'password_and_code',
  recovery_code: 'password_and_recovery_code',
} as const satisfies Readonly<Record<Proof['kind'], SignedInBy>>;
