/** A browser's way to the identity provider and back: what is kept of it, and the cookie by which it is found. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Deps } from '../../app/deps.ts';
import { auditActorOf } from '../../auditLog/auditActor.ts';
import { insertAuditEntries } from '../../auditLog/auditLogSql.ts';
import { ApiError, type Reason } from '../../http/errors.ts';
import { newId } from '../../installation/newId.ts';
import type { Queryable } from '../../postgres/pool.ts';
import { hashOf, newToken, originOf, type Surface } from '../sessions.ts';
import { type Departed, keepArrival, keepDeparture, useDeparture } from './oidcSql.ts';
import { NotProvedError, type Provider } from './provider.ts';
import { ProviderUnreachableError } from './providerFetch.ts';

export const CALLBACK = '/v1/session/oidc/callback';

const LIFE_S = 600;

/** Cookies know no ports: merchants and operators may share a host. */
const COOKIES: Readonly<Record<Surface, string>> = {
  both: 'plexy_oidc',
  merchant: 'plexy_oidc',
  operator: 'plexy_operator_oidc',
};

interface Wish {
  /** Whether the provider must ask, also if it knows who it is. */
  readonly isAgain: boolean;
  readonly next: string;
  /** Who links an identity; null: somebody who signs in. */
  readonly userId: string | null;
}

/** How somebody has come back: what stands in the page's address. */
type Outcome = 'proved' | 'link' | 'refused' | Extract<Reason, `identity_${string}`>;

export class Journeys {
  readonly #deps: Deps;
  readonly #provider: Provider | null;
  readonly #cookie: string;
  readonly #pattern: RegExp;

  constructor(deps: Deps, surface: Surface, provider: Provider | null) {
    this.#deps = deps;
    this.#provider = provider;
    // A page of a neighbouring name could set a cookie without this prefix, and have its own identity linked or signed in.
    this.#cookie = `${deps.config.mode === 'sandbox' ? '' : '__Host-'}${COOKIES[surface]}`;
    this.#pattern = new RegExp(`(?:^|;\\s*)${this.#cookie}=([\\w-]{43})(?:;|$)`);
  }

  /** What is stored of the cookie; null: this browser has none. */
  hashOf(request: FastifyRequest): Buffer | null {
    const token = this.#pattern.exec(request.headers.cookie ?? '')?.[1];
    return token === undefined ? null : hashOf(token);
  }

  /** @param token null: the browser is to forget it */
  setCookie(reply: FastifyReply, token: string | null): void {
    const secure = this.#deps.config.mode === 'sandbox' ? '' : '; Secure';
    const age = token === null ? 0 : LIFE_S;
    reply.header(
      'set-cookie',
      `${this.#cookie}=${token ?? ''}; Path=/; Max-Age=${age}; HttpOnly; SameSite=Lax${secure}`,
    );
  }

  /**
   * Begins the way of a request whose origin was found to be this server's own: the browser comes back to where its page is.
   * @returns the provider's address, and what keeps the way in mind
   * @throws ApiError 422, 503
   */
  async depart(
    request: FastifyRequest,
    { isAgain, next, userId }: Wish,
  ): Promise<{ url: string; keep: (db: Queryable, reply: FastifyReply) => Promise<void> }> {
    if (this.#provider === null) throw new ApiError('no_identity_provider');
    const redirectUri = new URL(CALLBACK, originOf(request)).href;
    const { url, departure } = await this.#provider.depart(redirectUri, isAgain).catch((error: unknown) => {
      if (!(error instanceof ProviderUnreachableError)) throw error;
      request.log.warn({ err: error }, 'the identity provider is not reached');
      throw new ApiError('identity_provider_unavailable');
    });
    const { token, hash } = newToken();
    return {
      url,
      keep: async (db, reply) => {
        await keepDeparture(db, { id: newId(), browserHash: hash, userId, redirectUri, next, departure });
        this.setCookie(reply, token);
      },
    };
  }

  /** The browser has come back, with what the provider has given it. Whatever is wrong is told by the page that comes next. */
  async arrive(request: FastifyRequest, reply: FastifyReply): Promise<{ next: string; outcome: Outcome }> {
    const { signIns, secrets } = this.#deps;
    const hash = this.hashOf(request);
    const search = request.raw.url?.replace(/^[^?]*/, '') ?? '';
    const state = new URLSearchParams(search).get('state') ?? '';
    const left = hash === null ? null : await useDeparture(signIns, hash, state);
    if (left === null || this.#provider === null)
      return { next: '/dashboard', outcome: 'identity_not_proved' };
    const { next, userId, redirectUri } = left;
    try {
      const { identity, idToken } = await this.#provider.arrive(left.departure, search);
      const { token, hash: browserHash } = newToken();
      const id = newId();
      const sealed = secrets.seal('id token', id, idToken);
      await keepArrival(signIns, { id, browserHash, userId, redirectUri, next, identity, idToken: sealed });
      this.setCookie(reply, token);
      return { next, outcome: userId === null ? 'proved' : 'link' };
    } catch (error) {
      return { next, outcome: await this.#outcomeOf(request, left, error) };
    }
  }

  async #outcomeOf(request: FastifyRequest, { userId }: Departed, error: unknown): Promise<Outcome> {
    if (error instanceof ProviderUnreachableError) {
      request.log.warn({ err: error }, 'the identity provider is not reached');
      return 'identity_provider_unavailable';
    }
    if (!(error instanceof NotProvedError)) throw error;
    // What the provider has sent is in the causes, tokens included: the log has what was wrong, in a word.
    request.log.warn(problemOf(error), 'nobody was signed in at the identity provider');
    if (error.isRefusal) return 'refused';
    await insertAuditEntries(this.#deps.signIns, [
      {
        ...{ actor: auditActorOf(request), action: 'session.sign_in_failed', merchantId: null },
        ...{ object: { kind: 'user', id: userId }, after: { wrong: 'identity', because: 'not_proved' } },
      },
    ]);
    return 'identity_not_proved';
  }
}

/** Codes of the library, of OAuth (`invalid_client`) and of HTTP: none of them is anything that somebody has chosen. */
function problemOf({ message, cause }: NotProvedError): Readonly<Record<string, unknown>> {
  const told = (name: string): unknown => (cause instanceof Error ? Reflect.get(cause, name) : undefined);
  const word = (name: string): string | null => {
    const value = told(name);
    return typeof value === 'string' && /^\w{1,60}$/.test(value) ? value : null;
  };
  const status = told('status');
  return {
    ...{ problem: message, code: word('code'), answer: word('error') },
    status: typeof status === 'number' ? status : null,
  };
}
