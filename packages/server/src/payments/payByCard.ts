/** A card payment: from what was asked to what is told. The card is in memory until the bank has answered, no longer. */
import { randomBytes } from 'node:crypto';
import type { PayerForBank } from '../acquiring/acquirer.ts';
import {
  type CardToken,
  findKnownCard,
  findSavedCard,
  keepCardToken,
  type SavedCard,
} from '../acquiring/cardsSql.ts';
import type { Deps } from '../app/deps.ts';
import type { Capability } from '../core/acquirers.ts';
import type { PayByCard } from '../core/command.ts';
import { isCardTokenId, type TransactionId } from '../core/values/ids.ts';
import { checkCustomer } from '../customers/requireCustomer.ts';
import { callOf, type MerchantCaller, type Rendering, toldBefore } from '../engine/caller.ts';
import type { Told } from '../engine/engine.ts';
import { ApiError, fieldError } from '../http/errors.ts';
import { readClock } from '../installation/installationSql.ts';
import { newId } from '../installation/newId.ts';
import { findStore, findTerminal } from '../merchants/storesSql.ts';
import { type Card, refuseExpired } from './cardInput.ts';
import { checkReturnUrl } from './checkReturnUrl.ts';

export interface CardPayment {
  readonly fields: Omit<
    PayByCard,
    | ('kind' | 'transactionId' | 'merchantId' | 'acquirerId' | 'credentialsId')
    | ('cardTokenId' | 'cardBrand' | 'cardLast4' | 'isSavedCard')
  >;
  /** The card, or the id of one that was used before. */
  readonly card: Card | string;
  /** Of one that was used before: its security code, as its payer has typed it again. */
  readonly cvc: string | null;
  /** Of a first payment: the least number of days between two charges. */
  readonly frequencyDays: number | null;
  readonly browser: PayerForBank['browser'];
}

type Needed = Pick<Deps, 'acquirer' | 'acquirers' | 'config' | 'engine' | 'reserved' | 'secrets' | 'turns'>;

/**
 * Charges a card, once for each key of the caller; a payment that was made before is answered as then, also when its
 * card has expired since. @throws ApiError naming what is not or no longer so; what the engine throws
 */
export async function payByCard(
  deps: Needed,
  caller: MerchantCaller,
  payment: CardPayment,
  rendering: Rendering,
): Promise<Told> {
  const { acquirer, engine, reserved, turns } = deps;
  const found = await turns.payments.run(caller.merchantId, () =>
    resolve(deps, caller.merchantId, payment).catch((error: unknown) => ({ error })),
  );
  if ('error' in found) {
    const told = found.error instanceof ApiError ? await toldBefore(reserved, caller) : null;
    if (told === null) throw found.error;
    return told;
  }
  const { command, payer } = found;
  return acquirer.withPayer(command.transactionId, payer, () =>
    engine.runOnce(callOf(caller, command, null, rendering)),
  );
}

/** What a payment needs besides what was asked, which may change from one request to the next. */
async function resolve(
  deps: Needed,
  merchantId: string,
  { fields, card, cvc, frequencyDays, browser }: CardPayment,
): Promise<{ readonly command: PayByCard; readonly payer: PayerForBank }> {
  refuseWithoutBank(deps);
  await checkStoreAndTerminal(deps, merchantId, fields.storeId, fields.terminalId);
  // The link's customer was there when it was made, and whoever pays by it comes back to this server's own checkout.
  if (fields.link === undefined) {
    await checkCustomer(deps.reserved, merchantId, fields.customerId);
    await checkReturnUrl(deps, merchantId, fields.returnUrl);
  }
  const used =
    typeof card === 'string'
      ? { saved: await requireSavedCard(deps, merchantId, card, fields), typed: null }
      : { saved: null, typed: card };
  const token = used.saved === null ? await keepCard(deps, merchantId, used.typed) : used.saved;
  const [acquirerId, ...otherAcquirerIds] = acquirersOf(deps, merchantId, fields, token.brand, used.saved);
  const { credentialsId, credentials } = await deps.acquirers.credentialsFor(merchantId, acquirerId);
  const command: PayByCard = {
    kind: 'pay_by_card',
    transactionId: newId() as TransactionId,
    merchantId,
    acquirerId,
    credentialsId,
    ...fields,
    cardTokenId: token.id,
    cardBrand: token.brand,
    cardLast4: token.last4,
    isSavedCard: used.typed === null,
  };
  const forBank = used.typed === null ? null : cardForBank(used.typed);
  const payer = { card: forBank, cvc, frequencyDays, browser, credentials, otherAcquirerIds };
  return { command, payer };
}

/** In production there is no simulated bank, and no card may seem to be taken. */
function refuseWithoutBank({ acquirers }: Needed): void {
  if (!acquirers.isSetUp) throw withoutBank();
}

function withoutBank(): ApiError {
  return new ApiError('service_unavailable', 'card payments are not set up here');
}

/**
 * Who may be asked, best first. A saved card is known to those alone whose token of it is kept. Where nobody can do
 * what the payment needs, the first one is named: the decision on the payment says what is missing.
 */
function acquirersOf(
  { acquirers }: Needed,
  merchantId: string,
  { currency, recurringType, cardUse }: CardPayment['fields'],
  cardBrand: string,
  saved: SavedCard | null,
): [string, ...string[]] {
  const routed = acquirers.acquirersFor({ merchantId, paymentMethod: 'card', currency, cardBrand });
  if (routed.length === 0) throw withoutBank();
  const knowing = saved === null ? routed : acquirersOfCard(acquirers, routed, saved);
  const isCharged = cardUse === 'cof_initial' || (saved !== null && recurringType !== null);
  const needed: Capability[] = [
    ...(saved !== null || cardUse !== null ? (['tokens'] as const) : []),
    ...(isCharged || cardUse === 'merchant' ? (['merchant_initiated'] as const) : []),
  ];
  const allAble = knowing.filter((id) => needed.every((capability) => acquirers.can(id, capability)));
  const isFirst = (id: string): boolean => cardUse === 'merchant' && id === saved?.firstAcquirerId;
  // The bank of the first payment knows what its customer has agreed to; another one has to believe it.
  const able = [...allAble.filter(isFirst), ...allAble.filter((id) => !isFirst(id))];
  const [first = knowing[0], ...others] = able;
  if (first === undefined) throw unknownCard();
  acquirers.noteTrial(first);
  return [first, ...others];
}

/** Where none of the routes knows the card, those that do: payments went to them when it was saved. */
function acquirersOfCard(
  acquirers: Needed['acquirers'],
  routed: readonly string[],
  { acquirerIds }: SavedCard,
): readonly string[] {
  const knowing = routed.filter((id) => acquirerIds.includes(id));
  return knowing.length > 0 ? knowing : acquirerIds.filter((id) => acquirers.isOpen(id));
}

async function requireSavedCard(
  { reserved }: Needed,
  merchantId: string,
  id: string,
  { customerId, cardUse }: CardPayment['fields'],
): Promise<SavedCard> {
  const saved = isCardTokenId(id) ? await findSavedCard(reserved, merchantId, id, customerId) : null;
  if (saved !== null && saved.acquirerIds.length > 0) return saved;
  throw cardUse === 'merchant' ? new ApiError('card_not_on_file') : unknownCard();
}

function unknownCard(): ApiError {
  return fieldError('invalid_card', 'cardTokenId', 'is not a card of yours that can be charged');
}

async function keepCard({ reserved, secrets }: Needed, merchantId: string, card: Card): Promise<CardToken> {
  refuseExpired(card, await readClock(reserved));
  const { brand, last4, expiryMonth, expiryYear } = card;
  const id = `ct_${randomBytes(16).toString('hex')}`;
  const fingerprint = secrets.hashCard(card.number);
  const known = await findKnownCard(reserved, merchantId, secrets.otherCardHashes(card.number), card);
  if (known !== null) return known;
  return keepCardToken(reserved, { id, merchantId, fingerprint, brand, last4, expiryMonth, expiryYear });
}

function cardForBank({
  number,
  expiryMonth,
  expiryYear,
  cvc,
  holder,
}: Card): NonNullable<PayerForBank['card']> {
  return { number, expiryMonth, expiryYear, cvc, holder };
}

async function checkStoreAndTerminal(
  { reserved }: Needed,
  merchantId: string,
  storeId: string | null,
  terminalId: string | null,
): Promise<void> {
  if (storeId !== null && (await findStore(reserved, merchantId, storeId)) === null) {
    throw fieldError('invalid_request', 'storeId', 'is not one of your stores');
  }
  if (terminalId === null) return;
  const terminal = await findTerminal(reserved, merchantId, terminalId);
  if (terminal === null) throw fieldError('invalid_request', 'terminalId', 'is not one of your terminals');
  if (storeId !== null && terminal.storeId !== storeId)
    throw fieldError('invalid_request', 'terminalId', 'is not in this store');
}
