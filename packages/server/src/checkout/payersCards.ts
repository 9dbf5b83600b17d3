/**
 * What a payer has to do with cards on file. The address of a link is forwarded, printed and published, and whoever has it is
 * nobody in particular: it shows nobody's cards. A session is made for a payer who is at the shop now, lasts 30 minutes and is
 * paid once: it shows the cards of its customer, of which no one is charged without its security code.
 */
import type { LinkState, SavedCard } from '@plexy-pay/checkout/state';
import type { Deps } from '../app/deps.ts';
import { type CustomerCard, findCard, listCards } from '../cards/cardsOnFileSql.ts';
import type { PaymentLink } from '../core/link.ts';
import { isCardTokenId, parseUuid } from '../core/values/ids.ts';
import { findCustomer } from '../customers/customersSql.ts';
import { fieldError } from '../http/errors.ts';
import { NO_CARDS } from './checkoutState.ts';

/** More of them nobody chooses from on a phone. */
const MOST_SHOWN = 10;

type Needed = Pick<Deps, 'reserved' | 'acquirers'>;

/** The customer's own of the link, whose cards they are; null: it has none, or none any more. */
export async function customerOfLink(
  { reserved }: Pick<Deps, 'reserved'>,
  { merchantId, customerId, paymentMethods, reusable }: PaymentLink,
): Promise<string | null> {
  // Any number of payers may have a reusable link.
  const id =
    customerId === null || reusable || !paymentMethods.includes('card') ? null : parseUuid(customerId);
  const customer = id?.ok === true ? await findCustomer(reserved, merchantId, id.value) : null;
  return customer === null || customer.erasedAt !== null ? null : customer.id;
}

/** What the payer of an open link may choose from. */
export async function payersCards(
  deps: Needed,
  link: PaymentLink,
  now: number,
): Promise<Pick<LinkState, 'savedCards' | 'canKeepCard'>> {
  const customerId = await customerOfLink(deps, link);
  if (customerId === null || !someKeepsCards(deps, link)) return NO_CARDS;
  const cards = link.kind === 'session' ? await listCards(deps.reserved, link.merchantId, customerId) : [];
  const shown = cards
    .filter((card) => card.isChargeable && isGood(card, now))
    .toSorted((a, b) => Number(b.isDefault) - Number(a.isDefault));
  return { savedCards: shown.slice(0, MOST_SHOWN).map(savedCardOf), canKeepCard: true };
}

/** Of a bank that gives no tokens nothing is kept. */
function someKeepsCards({ acquirers }: Needed, { merchantId, currency }: PaymentLink): boolean {
  const routed = acquirers.acquirersFor({ merchantId, paymentMethod: 'card', currency, cardBrand: '' });
  return routed.some((id) => acquirers.can(id, 'tokens'));
}

/** To the end of its month, wherever that is: the last time zone is UTC-12. */
function isGood({ expiryYear, expiryMonth }: CustomerCard, now: number): boolean {
  return now < Date.UTC(expiryYear, expiryMonth, 1) + 12 * 3_600_000;
}

function savedCardOf({ id, brand, last4, expiryMonth, expiryYear }: CustomerCard): SavedCard {
  return { id, brand, last4, expiryMonth, expiryYear };
}

/** A card that the payer has chosen, by its security code. @throws ApiError 400 when it is not one of theirs */
export async function requirePayersCard(
  deps: Needed,
  link: PaymentLink,
  id: string,
  cvc: string,
): Promise<{ readonly cardTokenId: string; readonly cvc: string; readonly fingerprint: string }> {
  const customerId = link.kind === 'session' ? await customerOfLink(deps, link) : null;
  const card =
    customerId !== null && isCardTokenId(id)
      ? await findCard(deps.reserved, link.merchantId, customerId, id)
      : null;
  if (card === null) throw fieldError('invalid_card', 'cardId', 'is not one of the cards to choose from');
  const size = card.brand === 'american-express' ? 4 : 3;
  if (!new RegExp(`^[0-9]{${size}}$`).test(cvc))
    throw fieldError('invalid_card', 'cvc', `must be ${size} digits`);
  return { cardTokenId: card.id, cvc, fingerprint: card.fingerprint };
}
