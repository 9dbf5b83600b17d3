/** Where webhooks go and what they are signed with, made ready once: decrypting each time costs 20 µs. */
import type { KeyObject } from 'node:crypto';
import type { Secrets } from '../installation/secrets.ts';
import type { Queryable } from '../postgres/pool.ts';
import { readTargets } from './endpointsSql.ts';
import { keyOfSecret } from './sign.ts';

export interface Target {
  readonly id: string;
  readonly merchantId: string;
  readonly version: number;
  readonly url: string;
  readonly key: KeyObject;
  /** Keys before the last rotation, the newest first, and until when each signs as well: milliseconds, in real time. */
  readonly old: readonly { readonly key: KeyObject; readonly until: number }[];
  readonly authorization: string | null;
}

/** The keys that sign now, the newest first. */
export function keysOf({ key, old }: Target): readonly KeyObject[] {
  if (old.length === 0) return [key];
  const now = Date.now();
  return [key, ...old.filter(({ until }) => until > now).map((valid) => valid.key)];
}

/** Those that this process has needed. A bound on memory; forgetting them costs a statement. */
const MAX_KNOWN = 10_000;

export class Targets {
  readonly #secrets: Secrets;
  readonly #known = new Map<string, Target>();

  constructor(secrets: Secrets) {
    this.#secrets = secrets;
  }

  get(endpointId: string): Target | undefined {
    return this.#known.get(endpointId);
  }

  /** Reads those that are not known, or were changed since. */
  async require(
    db: Queryable,
    wanted: readonly { readonly endpointId: string; readonly version: number }[],
  ): Promise<void> {
    if (this.#known.size > MAX_KNOWN) this.#known.clear();
    const stale = wanted.filter(
      ({ endpointId, version }) => (this.#known.get(endpointId)?.version ?? 0) < version,
    );
    if (stale.length === 0) return;
    const ids = [...new Set(stale.map(({ endpointId }) => endpointId))];
    for (const target of await readTargets(db, ids)) {
      const { id, merchantId, version, url, secret, oldSecrets, bearerToken } = target;
      const keyOf = (sealed: string): KeyObject =>
        keyOfSecret(this.#secrets.open('webhook secret', id, sealed));
      const old = oldSecrets.map((one) => ({ key: keyOf(one.secret), until: Date.parse(one.until) }));
      const authorization =
        bearerToken === null ? null : `Bearer ${this.#secrets.open('webhook bearer token', id, bearerToken)}`;
      this.#known.set(id, { id, merchantId, version, url, key: keyOf(secret), old, authorization });
    }
  }
}
