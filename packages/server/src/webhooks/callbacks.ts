/**
 * Where links want their events sent that name an address themselves, beside the endpoints that are registered. All
 * addresses of one origin are one endpoint of the merchant's, which is there as soon as the first link with one of them is:
 * it has a share of the slots, a health and deliveries like any other.
 */
import type { Deps } from '../app/deps.ts';
import type { LinkCallback } from '../core/link.ts';
import { ApiError } from '../http/errors.ts';
import { newId } from '../installation/newId.ts';
import { inTransaction, type Queryable } from '../postgres/pool.ts';
import { findCallback, insertCallback, insertCallbackSecret, lockCallbacks } from './callbacksSql.ts';
import type { FormatName } from './formats.ts';
import { generateSecret } from './sign.ts';

/** Of one merchant: each has connections, and a share of every claim. */
export const MAX_CALLBACKS = 100;

export interface Callback {
  readonly url: string;
  readonly format: FormatName;
  /** What signs instead of the merchant's callback secret; its text is kept encrypted. */
  readonly apiKey: { readonly id: string; readonly text: string } | null;
}

/** What a link says in `metadata.callbackUrl`. */
export function standardCallback(url: string): Callback {
  return { url, format: 'standard', apiKey: null };
}

export type CallbackDeps = Pick<Deps, 'pool' | 'reserved' | 'secrets' | 'turns' | 'webhooks'>;

/**
 * The endpoint for a link's callbacks, made if it is not there. Whoever creates the link afterwards may be sure that its
 * first event is sent.
 * @throws ApiError 422 when the merchant has too many
 */
export async function callbackOf(
  deps: CallbackDeps,
  merchantId: string,
  { url, format, apiKey }: Callback,
): Promise<LinkCallback> {
  const { origin } = new URL(url);
  const key = { merchantId, origin, format, apiKeyId: apiKey?.id ?? null };
  const { common, payments } = deps.turns;
  const found = await payments.run(merchantId, () => findCallback(deps.reserved, key));
  if (found !== null) return { endpointId: found, url };
  const id = newId();
  const secret = apiKey === null ? null : deps.secrets.seal('webhook secret', id, apiKey.text);
  const make = async (db: Queryable): Promise<string> => {
    const count = await lockCallbacks(db, merchantId);
    const made = await findCallback(db, key);
    if (made !== null) return made;
    if (count >= MAX_CALLBACKS) throw new ApiError('too_many_callback_origins');
    await insertCallback(db, { ...key, id, secret });
    const merchants = deps.secrets.seal('callback secret', merchantId, generateSecret());
    await insertCallbackSecret(db, merchantId, merchants);
    return id;
  };
  // Whoever makes many at once waits for the same row with each: not with everybody's connections.
  const endpointId = await common.run(merchantId, () => inTransaction(deps.pool, make));
  // It may be the first endpoint of all: until then nobody reads the feed for any.
  deps.webhooks.wake();
  return { endpointId, url };
}
