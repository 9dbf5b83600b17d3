/** Where webhooks go and what they are signed with, made ready once: decrypting each time costs 20 µs. */
import type { KeyObject } from 'node:crypto';
import type { Secrets } from '../secrets.ts';
import type { Queryable } from '../store/postgres.ts';
import { readTargets } from '../store/webhookEndpoints.ts';
import { keyOfSecret } from './sign.ts';

export interface Target {
  readonly id: string;
  readonly version: number;
  readonly url: string;
  readonly key: KeyObject;
  /** The key before the last rotation, and until when it signs as well: milliseconds, in real time. */
  readonly old: { readonly key: KeyObject; readonly until: number } | null;
  readonly authorization: string | null;
}

/** The keys that sign now, the newest first. */
export function keysOf({ key, old }: Target): readonly KeyObject[] {
  return old !== null && old.until > Date.now() ? [key, old.key] : [key];
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
      const { id, version, url, secret, oldSecret, oldSecretUntil: until, bearerToken } = target;
      const keyOf = (sealed: string): KeyObject =>
        keyOfSecret(this.#secrets.open('webhook secret', id, sealed));
      const old = oldSecret === null || until === null ? null : { key: keyOf(oldSecret), until };
      const authorization =
        bearerToken === null ? null : `Bearer ${this.#secrets.open('webhook bearer token', id, bearerToken)}`;
      this.#known.set(id, { id, version, url, key: keyOf(secret), old, authorization });
    }
  }
}
