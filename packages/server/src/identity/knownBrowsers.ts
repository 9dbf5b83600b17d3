/**
 * Browsers in which a user was signed in before keep a cookie that says so, and only for that user's e-mail address.
 * What strangers do to an account or an address then locks nobody out of a browser of their own
 * (docs/decisions/0051-sign-in-under-attack.md).
 */
import { hash, randomBytes } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Config } from '../app/config.ts';
import { networkOf } from '../http/addresses.ts';
import { clientAddressOf } from '../http/clientAddress.ts';
import type { Secrets } from '../installation/secrets.ts';
import type { Caller } from './passwords.ts';
import type { AttemptSubject } from './sessionsSql.ts';

const COOKIE = 'plexy_browser';
const VALUE = /(?:^|;\s*)plexy_browser=([\w-]{22})\.([0-9a-z]{1,12})\.([\w-]{43})(?:;|$)/;
const NONCE_BYTES = 16;
const LIFE_S = 180 * 86_400;

/** Somebody who wants to sign in, or to prove a password again. */
export interface SignInCaller extends Caller {
  /** What the attempt is counted under. */
  readonly subjects: readonly AttemptSubject[];
}

/** Who asks: a browser that this user is known in, or anybody, who is counted by account and by network. */
export function callerOf(request: FastifyRequest, secrets: Secrets, email: string): SignInCaller {
  const network = networkOf(clientAddressOf(request));
  const nonce = knownNonce(request, secrets, email);
  if (nonce !== null)
    return { known: true, network, subjects: [{ kind: 'browser', subject: subjectOf('browser', nonce) }] };
  const subjects: AttemptSubject[] = [
    { kind: 'account', subject: subjectOf('account', email) },
    { kind: 'address', subject: subjectOf('address', network) },
  ];
  return { known: false, network, subjects };
}

/** From now on the browser is known as one of this user's. */
export function rememberBrowser(reply: FastifyReply, config: Config, secrets: Secrets, email: string): void {
  const nonce = randomBytes(NONCE_BYTES).toString('base64url');
  const until = Math.floor(Date.now() / 1_000 + LIFE_S).toString(36);
  const secure = config.mode === 'sandbox' ? '' : '; Secure';
  const value = `${nonce}.${until}.${secrets.signBrowser(textOf(nonce, until, email))}`;
  reply.header(
    'set-cookie',
    `${COOKIE}=${value}; Path=/v1/session; Max-Age=${LIFE_S}; HttpOnly; SameSite=Lax${secure}`,
  );
}

function knownNonce(request: FastifyRequest, secrets: Secrets, email: string): string | null {
  const [, nonce = '', until = '', signature = ''] = VALUE.exec(request.headers.cookie ?? '') ?? [];
  if (nonce === '' || Number.parseInt(until, 36) * 1_000 <= Date.now()) return null;
  return secrets.isSigned('known browser', textOf(nonce, until, email), signature) ? nonce : null;
}

function textOf(nonce: string, until: string, email: string): string {
  return `${nonce}.${until}.${email}`;
}

/** People type passwords into the field for the e-mail address: a hash tells none. */
function subjectOf(kind: AttemptSubject['kind'], text: string): string {
  return `${kind} ${hash('sha256', text, 'base64url')}`;
}
