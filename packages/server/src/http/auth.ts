import { hash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { Mode } from '../config.ts';
import { hashApiKey } from '../secrets.ts';
import { type ApiKey, findApiKey, type Scope } from '../store/apiKeys.ts';
import type { Queryable } from '../store/postgres.ts';
import { ApiError } from './errors.ts';

/** Who is calling: an API key of a merchant, or an operator's. */
export interface Principal {
  readonly apiKeyId: string;
  /** Null for operators. */
  readonly merchantId: string | null;
  readonly scopes: readonly Scope[];
}

/** Who may call a route; part of every route's config. */
export type RouteAuth = 'none' | 'merchant' | 'operator';

/** For reads, a revocation works within this time; writes read the key again in their own transaction. */
const CACHE_MS = 1_000;
const CACHE_MAX = 10_000;

/** Finds API keys by their hash, remembering them for a second. */
export class ApiKeys {
  readonly #db: Queryable;
  readonly #mode: Mode;
  readonly #cache = new Map<string, { key: ApiKey | null; until: number }>();

  constructor(db: Queryable, mode: Mode) {
    this.#db = db;
    this.#mode = mode;
  }

  /** @throws ApiError 401, 403 */
  async authenticate(request: FastifyRequest, auth: 'merchant' | 'operator'): Promise<Principal> {
    const presented = request.headers.authorization;
    if (presented === undefined || presented.trim() === '') throw new ApiError('missing_api_key');
    if (/^bearer\b/i.test(presented)) throw new ApiError('bearer_not_supported');
    const wrongMode = this.#mode === 'sandbox' ? /^(pr|op)_live_/ : /^(pr|op)_test_/;
    if (wrongMode.test(presented)) throw new ApiError('wrong_mode_api_key');
    const key = await this.#find(presented);
    if (key === null || key.revokedAt !== null || (key.expiresAt !== null && key.expiresAt <= Date.now())) {
      throw new ApiError('invalid_api_key');
    }
    if ((key.merchantId === null) !== (auth === 'operator')) throw new ApiError('insufficient_scope');
    const needed = request.method === 'GET' || request.method === 'HEAD' ? 'read' : 'write';
    if (!key.scopes.includes(needed)) throw new ApiError('insufficient_scope');
    return { apiKeyId: key.id, merchantId: key.merchantId, scopes: key.scopes };
  }

  async #find(presented: string): Promise<ApiKey | null> {
    const name = hash('sha256', presented, 'base64');
    const cached = this.#cache.get(name);
    const now = performance.now();
    if (cached !== undefined && cached.until > now) return cached.key;
    const key = await findApiKey(this.#db, hashApiKey(presented));
    // An unknown key is not remembered: one that was just issued works at once.
    if (key !== null) {
      if (this.#cache.size >= CACHE_MAX) this.#cache.clear();
      this.#cache.set(name, { key, until: now + CACHE_MS });
    }
    return key;
  }
}

/** The merchant whose key was used. @throws Error on a route that is not for merchants: a bug */
export function merchantOf(request: FastifyRequest): { merchantId: string; apiKeyId: string } {
  const { principal } = request;
  if (principal?.merchantId == null) throw new Error('this route has no merchant');
  return { merchantId: principal.merchantId, apiKeyId: principal.apiKeyId };
}

/** The operator's key that was used. @throws Error on a route that is not for operators: a bug */
export function operatorOf(request: FastifyRequest): { apiKeyId: string } {
  const { principal } = request;
  if (principal === null || principal.merchantId !== null) throw new Error('this route has no operator');
  return { apiKeyId: principal.apiKeyId };
}

declare module 'fastify' {
  interface FastifyRequest {
    principal: Principal | null;
  }
  interface FastifyContextConfig {
    auth?: RouteAuth;
  }
}
