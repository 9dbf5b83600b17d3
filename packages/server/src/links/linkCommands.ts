/** What is asked of payment links and sessions, made of what a merchant said: for every API that has them. */
import type { Static } from 'typebox';
import type { Deps } from '../app/deps.ts';
import type { CreateLink, LinkKey } from '../core/command.ts';
import type { LinkKind, PaymentLink } from '../core/link.ts';
import type { PaymentMethod } from '../core/transaction.ts';
import { type LinkId, parsePublicLinkId, publicLinkIdOf } from '../core/values/ids.ts';
import { ApiError, fieldError } from '../http/errors.ts';
import { newId } from '../installation/newId.ts';
import { neverSentTo } from '../webhooks/addresses.ts';
import { type Callback, type CallbackDeps, callbackOf, standardCallback } from '../webhooks/callbacks.ts';
import { parseTerms } from './linkInput.ts';
import { findLink } from './linksSql.ts';
import type { LinkBody } from './schemas.ts';

/**
 * With an endpoint for its callback, which is made where it is not there.
 * @param callback where an API has its own; by default what `metadata` says
 * @throws ApiError 400 naming every field that is wrong; 422 for callbacks to too many origins
 */
export async function createLinkCommand(
  deps: CallbackDeps & Pick<Deps, 'acquirers' | 'config' | 'publicUrl'>,
  merchantId: string,
  kind: LinkKind,
  body: Static<typeof LinkBody>,
  callback?: Callback | null,
): Promise<CreateLink> {
  const { callbackUrl, ...terms } = parseTerms(body);
  const link: LinkKey = { id: newId() as LinkId, kind };
  const url = `${deps.publicUrl.current}/checkout/${publicLinkIdOf(link)}`;
  const asked = terms.recurring === null ? body.paymentMethods : (['card'] as const);
  const paymentMethods = methodsOf(deps, asked);
  const usual = callbackUrl === null ? null : standardCallback(callbackUrl);
  const wanted = callback === undefined ? usual : callback;
  if (wanted !== null) checkCallback(deps, wanted);
  return {
    ...{ kind: 'create_link', link, merchantId, ...terms, url, paymentMethods },
    callback: wanted === null ? null : await callbackOf(deps, merchantId, wanted),
  };
}

/** @throws ApiError 400 for an address that nothing can be sent to: nobody would notice later */
function checkCallback({ config }: Pick<Deps, 'config'>, { url }: Callback): void {
  const problem = neverSentTo(new URL(url), config.mode === 'sandbox');
  if (problem !== null) throw fieldError('invalid_request', 'metadata.callbackUrl', problem);
}

/** What is asked for, or everything that can be paid with here. @throws ApiError 400 for what cannot */
function methodsOf(
  { acquirers: { isSetUp: hasCards } }: Pick<Deps, 'acquirers'>,
  asked: readonly PaymentMethod[] | undefined,
): readonly PaymentMethod[] {
  if (asked?.includes('card') === true && !hasCards)
    throw fieldError(
      'invalid_request',
      'paymentMethods',
      'must not hold card: card payments are not set up here',
    );
  return asked ?? (hasCards ? ['card', 'wallet'] : ['wallet']);
}

/** Unknown and malformed ids are told apart by nobody. @throws ApiError 404 */
export function linkKeyOf(kind: LinkKind, text: string): LinkKey {
  const key = parsePublicLinkId(text);
  if (!key.ok || key.value.kind !== kind) throw new ApiError('payment_link_not_found');
  return key.value;
}

/** @throws ApiError 404 for an id that is unknown, malformed or another merchant's */
export async function requireLink(
  { pool }: Pick<Deps, 'pool'>,
  merchantId: string,
  kind: LinkKind,
  text: string,
): Promise<PaymentLink> {
  const { id } = linkKeyOf(kind, text);
  const link = await findLink(pool, merchantId, kind, id);
  if (link === null) throw new ApiError('payment_link_not_found');
  return link;
}
