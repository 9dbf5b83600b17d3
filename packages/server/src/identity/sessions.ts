/** Who is signed in: the cookie, the origin of a request, and the session behind them. */
import { hash, randomBytes } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Config, Mode } from '../app/config.ts';
import { networkOf } from '../http/addresses.ts';
import { clientAddressOf } from '../http/clientAddress.ts';
import { ApiError } from '../http/errors.ts';
import type { Queryable } from '../postgres/pool.ts';
import type { Principal } from './auth.ts';
import { isAllowed, scopesOf } from './roles.ts';
import { SESSION_SECONDS, type Session, useSession } from './sessionsSql.ts';
import type { Strangers } from './strangers.ts';

/** What a listener serves: merchants, operators, or (in the sandbox) both. */
export type Surface = 'merchant' | 'operator' | 'both';

const TOKEN_BYTES = 32;

/** As with API keys: what ends on another node is over here within this time, for reads. */
const CACHE_MS = 1_000;
const CACHE_MAX = 10_000;

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

/** A new session's token, and what of it is stored. */
export function newToken(): { token: string; hash: Buffer } {
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  return { token, hash: hashOf(token) };
}

export function hashOf(token: string): Buffer {
  return hash('sha256', token, 'buffer');
}

/** Cookies know no ports: one that operators get would be sent to the merchants' port of the same host, too. */
const COOKIES: Readonly<Record<Surface, string>> = {
  both: 'plexy_session',
  merchant: 'plexy_session',
  operator: 'plexy_operator',
};

/** Browsers take such a cookie from this very host only, over TLS, which a sandbox has not. */
const HOST_PREFIX = '__Host-';

/** Whether people of this merchant (null: operators) sign in here. */
export function isServed(surface: Surface, merchantId: string | null): boolean {
  return surface === 'both' || (merchantId === null) === (surface === 'operator');
}

/**
 * A page of another origin must not act with this browser's session, nor sign it in. The server's own origins
 * are PUBLIC_URL, and whatever host the request was sent to: a page cannot choose that for its victim.
 * @throws ApiError 403
 */
export function requireSameOrigin(request: FastifyRequest, publicUrl: string | null): void {
  const { host } = request;
  const { origin } = request.headers;
  if (origin !== undefined && URL.canParse(origin)) {
    if (new URL(origin).host === host) return;
    if (publicUrl !== null && new URL(publicUrl).origin === origin) return;
  }
  throw new ApiError('origin_not_allowed');
}

/** Of a request whose origin was found to be this server's own. @throws ApiError 403 */
export function originOf({ headers: { origin } }: FastifyRequest): string {
  if (origin === undefined || !URL.canParse(origin)) throw new ApiError('origin_not_allowed');
  return new URL(origin).origin;
}

/**
 * Whether somebody must set up a second factor before anything else: operators in production, and users whose merchant says so.
 * During an upgrade operators need none: older nodes let them in without, and nobody could set one up.
 */
export function mustSetUpSecondFactor(
  { merchantId, hasSecondFactor, isSecondFactorRequired, areNodesOlder }: Session,
  mode: Mode,
): boolean {
  const isOperators = merchantId === null && mode === 'production' && !areNodesOlder;
  const isRequired = isSecondFactorRequired || isOperators;
  return isRequired && !hasSecondFactor;
}

/** @throws ApiError 403 on all routes but those that lead to a second factor */
export function requireSecondFactor(request: FastifyRequest, session: Session, mode: Mode): void {
  if (request.routeOptions.config.beforeSetUp === true || !mustSetUpSecondFactor(session, mode)) return;
  throw new ApiError('second_factor_set_up_required');
}

/** Finds sessions by their tokens, remembering them for a second. */
export class Sessions {
  readonly #db: Queryable;
  readonly #config: Config;
  readonly #surface: Surface;
  readonly #strangers: Strangers;
  readonly #cookie: string;
  readonly #cookieToken: RegExp;
  readonly #cache = new Map<string, { session: Session; until: number }>();
  /** How often something has changed: an answer of before a change is not remembered. */
  #changes = 0;

  constructor(db: Queryable, config: Config, surface: Surface, strangers: Strangers) {
    this.#db = db;
    this.#config = config;
    this.#surface = surface;
    this.#strangers = strangers;
    this.#cookie = `${config.mode === 'sandbox' ? '' : HOST_PREFIX}${COOKIES[surface]}`;
    this.#cookieToken = new RegExp(`(?:^|;\\s*)${this.#cookie}=([\\w-]{43})(?:;|$)`);
  }

  /** What is stored of the token that the request's cookie holds; null: it has none. */
  tokenHashOf(request: FastifyRequest): Buffer | null {
    const token = this.#cookieToken.exec(request.headers.cookie ?? '')?.[1];
    return token === undefined ? null : hashOf(token);
  }

  /** @param token null: the browser is to forget it */
  setCookie(reply: FastifyReply, token: string | null): void {
    const age = token === null ? 0 : SESSION_SECONDS;
    const secure = this.#config.mode === 'sandbox' ? '' : '; Secure';
    reply.header(
      'set-cookie',
      `${this.#cookie}=${token ?? ''}; Path=/; Max-Age=${age}; HttpOnly; SameSite=Lax${secure}`,
    );
  }

  /** The user of a request without an API key. @throws ApiError 401, 403 */
  async authenticate(request: FastifyRequest): Promise<Principal> {
    const { auth, role } = request.routeOptions.config;
    const token = this.tokenHashOf(request);
    if (token === null) throw new ApiError(auth === 'user' ? 'not_signed_in' : 'missing_api_key');
    if (!SAFE_METHODS.has(request.method)) requireSameOrigin(request, this.#config.publicUrl);
    const session = await this.#find(token, clientAddressOf(request));
    if (session === null || !isServed(this.#surface, session.merchantId)) throw new ApiError('not_signed_in');
    requireSecondFactor(request, session, this.#config.mode);
    if (role === undefined || !isAllowed(session.role, role)) throw new ApiError('insufficient_role');
    const { id, merchantId, userId, role: own } = session;
    return { apiKeyId: id, merchantId, scopes: scopesOf(own), user: { id: userId, role: own } };
  }

  /** After a change of users or sessions, so that it works at once on this node. */
  forget(): void {
    this.#changes += 1;
    for (const entry of this.#cache.values()) entry.until = 0;
  }

  async #find(token: Buffer, address: string): Promise<Session | null> {
    const name = token.toString('base64');
    const cached = this.#cache.get(name);
    if (cached !== undefined && cached.until > performance.now()) return cached.session;
    const changes = this.#changes;
    const question = (): Promise<Session | null> => useSession(this.#db, token, address);
    const session = await (cached === undefined
      ? this.#strangers.ask(networkOf(address), question)
      : question());
    this.#cache.delete(name);
    if (session !== null) {
      if (this.#cache.size >= CACHE_MAX) this.#cache.clear();
      this.#cache.set(name, { session, until: changes === this.#changes ? performance.now() + CACHE_MS : 0 });
    }
    return session;
  }
}
