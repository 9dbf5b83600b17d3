import { hash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { Mode } from '../app/config.ts';
import { covers, type Scope } from '../core/scopes.ts';
import type { Actor } from '../core/transaction.ts';
import { networkOf } from '../http/addresses.ts';
import { clientAddressOf, trustOf } from '../http/clientAddress.ts';
import { ApiError } from '../http/errors.ts';
import { hashApiKey, isMistypedKey } from '../installation/secrets.ts';
import type { Queryable } from '../postgres/pool.ts';
import { type ApiKey, findApiKey } from './apiKeysSql.ts';
import type { KeyUses } from './keyUses.ts';
import type { NeededRole, Role } from './roles.ts';
import type { Strangers } from './strangers.ts';

/** Who is calling: an API key of a merchant, or an operator's; or somebody who is signed in. */
export interface Principal {
  /** The API key, or the session: a credential that writes read again in their own transaction. */
  readonly apiKeyId: string;
  /** What an API key is called. */
  readonly keyName?: string;
  /** Null for operators. */
  readonly merchantId: string | null;
  readonly scopes: readonly Scope[];
  /** Null: an API key. */
  readonly user: { readonly id: string; readonly role: Role } | null;
}

/** Whose API keys may call a route, part of every route's config: `user` no key, only people signed in. */
export type RouteAuth = 'none' | 'merchant' | 'operator' | 'user';

/** Configs of routes: who may call them, and which role a user needs. Without a role no user may. */
export const VIEWER = { auth: 'merchant', role: 'viewer' } as const;
export const MANAGER = { auth: 'merchant', role: 'manager' } as const;
/** Payments and what changes them: the engine serves merchants in turn, so that they wait in no other line. */
export const PAYMENTS = { ...MANAGER, turn: 'none' } as const;
/** Sums over many rows: one at a time for each merchant. */
export const SUMS = { ...VIEWER, turn: 'heavy' } as const;
export const OPERATOR = { auth: 'operator', role: 'operator' } as const;
export const ADMIN_USER = { auth: 'user', role: 'admin' } as const;
export const ANY_USER = { auth: 'user', role: 'any' } as const;
/** Also for those who have to set up a second factor first. */
export const ANY_USER_AT_FIRST = { ...ANY_USER, beforeSetUp: true } as const;

/** For reads, a revocation works within this time; writes read the key again in their own transaction. */
const CACHE_MS = 1_000;
const CACHE_MAX = 10_000;
/** Every key begins so, and none is longer: whatever else is sent is not looked for. */
const KEY = /^(pr|op)_(test|live)_[\w-]{1,120}$/;

interface FoundKey {
  readonly key: ApiKey;
  /** Whether it may be used from this address. */
  readonly admits: (address: string) => boolean;
}

function admitting({ allowedNetworks }: ApiKey): (address: string) => boolean {
  return allowedNetworks === null ? () => true : trustOf(allowedNetworks);
}

/** It names the address that is seen, since a proxy may stand between, and none of those that would do. */
function addressNotAllowed(address: string): ApiError {
  return new ApiError(
    'address_not_allowed',
    `the API key may be used from certain addresses only, and this request came from ${address}`,
  );
}

/** @returns what is lacking, in words */
export function insufficientScope(needed: Scope): string {
  return `the API key does not have the scope for this: ${needed}`;
}

/** Beyond what the route itself needs. @throws ApiError 403 naming the scope */
export function requireScope({ principal }: FastifyRequest, needed: Scope): void {
  if (!covers(principal?.scopes ?? [], needed))
    throw new ApiError('insufficient_scope', insufficientScope(needed));
}

/** Finds API keys by their hash, remembering them for a second. */
export class ApiKeys {
  readonly #db: Queryable;
  readonly #mode: Mode;
  readonly #strangers: Strangers;
  readonly #uses: KeyUses;
  readonly #cache = new Map<string, { found: FoundKey; until: number }>();
  /** Those being looked for now: a thousand requests with one key ask once. */
  readonly #asked = new Map<string, Promise<FoundKey | null>>();

  constructor(db: Queryable, mode: Mode, strangers: Strangers, uses: KeyUses) {
    this.#db = db;
    this.#mode = mode;
    this.#strangers = strangers;
    this.#uses = uses;
  }

  /** @throws ApiError 401, 403 */
  async authenticate(request: FastifyRequest, auth: Exclude<RouteAuth, 'none'>): Promise<Principal> {
    const presented = request.headers.authorization;
    if (presented === undefined || presented.trim() === '') throw new ApiError('missing_api_key');
    if (/^bearer\b/i.test(presented)) throw new ApiError('bearer_not_supported');
    const wrongMode = this.#mode === 'sandbox' ? /^(pr|op)_live_/ : /^(pr|op)_test_/;
    if (wrongMode.test(presented)) throw new ApiError('wrong_mode_api_key');
    const isPossible = KEY.test(presented) && !isMistypedKey(presented);
    const address = clientAddressOf(request);
    const found = isPossible ? await this.#find(presented, networkOf(address)) : null;
    const key = found?.key ?? null;
    if (
      found === null ||
      key === null ||
      key.revokedAt !== null ||
      (key.expiresAt !== null && key.expiresAt <= Date.now())
    ) {
      throw new ApiError('invalid_api_key');
    }
    if (!found.admits(address)) throw addressNotAllowed(address);
    if (auth === 'user') throw new ApiError('session_required');
    if ((key.merchantId === null) !== (auth === 'operator'))
      throw new ApiError(
        'insufficient_scope',
        auth === 'operator'
          ? 'this is for operators (op_…), and the API key is a merchant’s'
          : 'this is for merchants (pr_…), and the API key is an operator’s',
      );
    const needed = neededScope(request);
    if (!covers(key.scopes, needed)) throw new ApiError('insufficient_scope', insufficientScope(needed));
    this.#uses.note(key.id, address);
    const { id: apiKeyId, name: keyName, merchantId, scopes } = key;
    return { apiKeyId, keyName, merchantId, scopes, user: null };
  }

  async #find(presented: string, network: string): Promise<FoundKey | null> {
    const name = hash('sha256', presented, 'base64');
    const cached = this.#cache.get(name);
    if (cached !== undefined && cached.until > performance.now()) return cached.found;
    const asked = this.#asked.get(name);
    if (asked !== undefined) return asked;
    const question = async (): Promise<FoundKey | null> => {
      const key = await findApiKey(this.#db, hashApiKey(presented));
      return key === null ? null : { key, admits: admitting(key) };
    };
    // A key that was good a moment ago is asked for again, whatever strangers do from the same address.
    const answer = cached === undefined ? this.#strangers.ask(network, question) : question();
    this.#asked.set(name, answer);
    try {
      const found = await answer;
      // An unknown key is not remembered: one that was just issued works at once, and strangers fill nothing.
      if (found === null) this.#cache.delete(name);
      else this.#remember(name, found);
      return found;
    } finally {
      this.#asked.delete(name);
    }
  }

  #remember(name: string, found: FoundKey): void {
    this.#cache.delete(name);
    if (this.#cache.size >= CACHE_MAX)
      for (const [oldest] of this.#cache) {
        this.#cache.delete(oldest);
        break;
      }
    this.#cache.set(name, { found, until: performance.now() + CACHE_MS });
  }
}

/** What an API key must be able to do for this request. */
export function neededScope({ method, routeOptions }: FastifyRequest): Scope {
  return routeOptions.config.scope ?? (method === 'GET' || method === 'HEAD' ? 'read' : 'write');
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

/** Who is signed in. @throws Error on a route that API keys may call: a bug */
export function userOf(request: FastifyRequest): { id: string; role: Role; sessionId: string } {
  const { principal } = request;
  if (principal?.user == null) throw new Error('this route has no user');
  return { ...principal.user, sessionId: principal.apiKeyId };
}

/** Who is recorded with what a request does. @param key when it is an API key that does it */
export function actorOf({ principal }: FastifyRequest, key: Actor): Actor {
  return principal?.user == null ? key : `user:${principal.user.id}`;
}

declare module 'fastify' {
  interface FastifyRequest {
    principal: Principal | null;
  }
  interface FastifyContextConfig {
    auth?: RouteAuth;
    role?: NeededRole;
    /** Whether users may call it who have to set up a second factor before anything else. */
    beforeSetUp?: true;
    /** What an API key needs; default: `read` to read, `write` for everything else. */
    scope?: Scope;
  }
}
