/** Where webhooks go and what they are signed with, made ready once: decrypting each time costs 20 µs. */
import type { KeyObject } from 'node:crypto';
import type { Secrets } from '../installation/secrets.ts';
import type { StatementRunner } from '../postgres/pool.ts';
import { type EndpointTarget, readTargets } from './endpointsSql.ts';
import { formatOf, type WebhookFormat } from './formats.ts';
import { bearerTokenOf } from './sign.ts';

export interface Target {
  readonly id: string;
  readonly merchantId: string;
  readonly version: number;
  readonly url: string;
  readonly format: WebhookFormat;
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
  readonly #onError: (error: unknown) => void;
  readonly #known = new Map<string, Target>();

  /** @param onError hears of endpoints whose secrets cannot be opened */
  constructor(secrets: Secrets, onError: (error: unknown) => void) {
    this.#secrets = secrets;
    this.#onError = onError;
  }

  /** Undefined: nothing can be sent there now. */
  get(endpointId: string): Target | undefined {
    return this.#known.get(endpointId);
  }

  /** Reads those that are not known, or were changed since. What is the matter with one is nothing to the others. */
  async read(
    db: StatementRunner,
    wanted: readonly { readonly endpointId: string; readonly version: number }[],
  ): Promise<void> {
    if (this.#known.size > MAX_KNOWN) this.#known.clear();
    const stale = wanted.filter(
      ({ endpointId, version }) => (this.#known.get(endpointId)?.version ?? 0) < version,
    );
    if (stale.length === 0) return;
    for (const endpoint of await readTargets(db, new Set(stale.map(({ endpointId }) => endpointId))))
      try {
        this.#known.set(endpoint.id, this.#open(endpoint));
      } catch (error) {
        // What was known is not where its webhooks go any more.
        this.#known.delete(endpoint.id);
        this.#onError(new Error(`nothing can be sent to webhook endpoint ${endpoint.id}`, { cause: error }));
      }
  }

  #open(endpoint: EndpointTarget): Target {
    const { id, merchantId, version, url, secret, oldSecrets, bearerToken, hasOwnSecret } = endpoint;
    const format = formatOf(endpoint.format);
    if (format === undefined) throw new Error(`webhook format ${endpoint.format} is of a later version`);
    const openSecret = (sealed: string): string =>
      hasOwnSecret
        ? this.#secrets.open('webhook secret', id, sealed)
        : this.#secrets.open('callback secret', merchantId, sealed);
    const current = openSecret(secret);
    const old = oldSecrets.map((one) => ({
      key: format.keyOf(openSecret(one.secret)),
      until: Date.parse(one.until),
    }));
    const ownToken =
      bearerToken === null ? null : this.#secrets.open('webhook bearer token', id, bearerToken);
    const token = hasOwnSecret ? ownToken : bearerTokenOf(current);
    const authorization = token === null ? null : `Bearer ${token}`;
    return { id, merchantId, version, url, format, key: format.keyOf(current), old, authorization };
  }
}
