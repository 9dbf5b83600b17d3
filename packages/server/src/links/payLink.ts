/**
 * Paying by a payment link or session, without HTTP: what the checkout does. Of all who pay by one at the same time, on
 * any node, one takes it; the others are told so, and charged nothing. `attemptId` is the payer's idempotency key within
 * the link: whoever clicks twice, or asks again because no answer came, pays once and hears the same.
 */
import type { Deps } from '../app/deps.ts';
import type { Outcome } from '../core/command.ts';
import type { PaymentLink } from '../core/link.ts';
import type { CardUse, Minor } from '../core/transaction.ts';
import {
  parsePublicLinkId,
  parseTransactionId,
  parseUuid,
  publicLinkIdOf,
  type TransactionId,
} from '../core/values/ids.ts';
import type { Iin } from '../core/values/iin.ts';
import type { MerchantCaller } from '../engine/caller.ts';
import type { Told } from '../engine/engine.ts';
import type { Answer } from '../engine/idempotency.ts';
import type { Reason } from '../http/errors.ts';
import { fingerprintsOf } from '../http/idempotencyKey.ts';
import { refusalAnswer } from '../http/refusals.ts';
import { authorizeWallet, type WalletPayment } from '../payments/authorizeWallet.ts';
import type { Card } from '../payments/cardInput.ts';
import { type CardPayment, payByCard } from '../payments/payByCard.ts';
import { transactionAnswer } from '../payments/transactionViews.ts';
import { findOpenLink, findPaymentByLink, type LinkPayment, type OpenLink } from './linksSql.ts';

type Needed = Pick<
  Deps,
  | ('acquirer' | 'acquirers' | 'config' | 'engine' | 'guesses')
  | ('lateAnswers' | 'reserved' | 'secrets' | 'turns')
>;

/** What became of a wish to pay. Whatever it is, the state of the link tells more. */
export type PaidByLink =
  /** A payment was made: it may have succeeded, have failed, or wait for its payer or the bank. */
  | { readonly kind: 'payment'; readonly transactionId: TransactionId }
  /** Nothing was begun. */
  | { readonly kind: 'refused'; readonly reason: Reason }
  /** Its payment is under way, and its bank has not answered for 10 seconds. */
  | { readonly kind: 'waiting' };

/** What every payer says of a payment. */
interface Attempted {
  /** 1 to 255 printable ASCII characters, made by the payer's page: one for each wish to pay. */
  readonly attemptId: string;
  /** Where the payer comes back to: a page of the checkout. */
  readonly returnUrl: string;
}

export interface CardAttempt extends Attempted {
  /** As the payer has typed it, or one that the link's customer has on file, with its security code. */
  readonly card: Card | CardWithCode;
  /** Whether its payer wants it kept; of a link that is the first of several payments they agree to that. */
  readonly keepsCard: boolean;
  readonly browser: CardPayment['browser'];
  readonly payerIp: string | null;
}

/** A card on file, and the code that is on it alone. */
export interface CardWithCode {
  readonly cardTokenId: string;
  readonly cvc: string;
}

export interface WalletAttempt extends Attempted, Pick<WalletPayment, 'phone'> {
  readonly iin: Iin;
  /** Where the payer asks from: `networkOf` their address. */
  readonly network: string;
}

/** A link or session as whoever has its id may see it. Null: there is none with this id. */
export async function findCheckoutLink(
  { reserved }: Pick<Deps, 'reserved'>,
  publicId: string,
): Promise<OpenLink | null> {
  const key = parsePublicLinkId(publicId);
  return key.ok ? findOpenLink(reserved, key.value.kind, key.value.id) : null;
}

/** A payment that was made by the link, for a payer who knows its id; null for any other. */
export async function findCheckoutPayment(
  { reserved }: Pick<Deps, 'reserved'>,
  link: PaymentLink,
  transactionId: string,
): Promise<LinkPayment | null> {
  const id = parseTransactionId(transactionId);
  return id.ok ? findPaymentByLink(reserved, publicLinkIdOf(link), link.kind, id.value) : null;
}

/** Pays by card. @throws ApiError naming what is wrong with the card, or why no bank can be asked; what the engine throws */
export async function payLinkByCard(
  deps: Needed,
  link: PaymentLink,
  { attemptId, returnUrl, card, keepsCard, browser, payerIp }: CardAttempt,
): Promise<PaidByLink> {
  const fingerprint = fingerprintOf(deps, card);
  const caller = callerOf(deps, link, attemptId, 'card', fingerprint);
  const { amount, currency, orderReference, description } = link;
  const fields: CardPayment['fields'] = {
    ...{ amount, currency, orderReference, description, payerIp, returnUrl },
    customerId: customerOf(link),
    storeId: null,
    terminalId: null,
    recurringType: null,
    cardUse: cardUseOf(link, card, keepsCard),
    consentUntil: link.recurring?.until ?? null,
    captureMode: null,
    link: { id: link.id, kind: link.kind },
  };
  const payment: CardPayment = {
    ...{ fields, browser, frequencyDays: link.recurring?.frequencyDays ?? null },
    card: 'number' in card ? card : card.cardTokenId,
    cvc: card.cvc,
  };
  return paidOf(deps, await payByCard(deps, caller, payment, RENDERING));
}

/** What the card was, without what must not be kept of it. */
function fingerprintOf({ secrets }: Pick<Deps, 'secrets'>, card: CardAttempt['card']): string {
  if (!('number' in card)) return card.cardTokenId;
  const { number, expiryMonth, expiryYear, holder } = card;
  return `${secrets.firstCardHash(number)} ${expiryMonth}/${expiryYear} ${holder ?? ''}`;
}

function cardUseOf(link: PaymentLink, card: CardAttempt['card'], keepsCard: boolean): CardUse | null {
  if (link.recurring !== null) return 'cof_initial';
  if (!('number' in card)) return 'payer';
  return keepsCard ? 'keep' : null;
}

/** Pays from a wallet. @throws what the engine throws */
export async function payLinkByWallet(
  deps: Needed,
  link: PaymentLink,
  { attemptId, returnUrl, phone, iin, network }: WalletAttempt,
): Promise<PaidByLink> {
  const caller = callerOf(deps, link, attemptId, 'wallet', { phone, iin });
  const { amount, currency, orderReference, id, kind } = link;
  const payment = {
    ...{ amount, currency, orderReference, phone, iin, returnUrl, link: { id, kind } },
    customerId: customerOf(link),
  };
  return paidOf(deps, await authorizeWallet(deps, caller, network, payment, RENDERING));
}

/** Links of before were made with whatever text the merchant gave: no customer of ours. */
function customerOf({ customerId }: PaymentLink): string | null {
  const id = customerId === null ? null : parseUuid(customerId);
  return id?.ok === true ? id.value : null;
}

const RENDERING = {
  render: (outcome: Outcome, balance: Minor | null) => transactionAnswer(201, outcome, balance),
};

/** A payer of this link: their keys are a namespace of the link's own. */
function callerOf(
  { secrets }: Pick<Deps, 'secrets'>,
  link: PaymentLink,
  attemptId: string,
  method: 'card' | 'wallet',
  paidWith: unknown,
): MerchantCaller {
  const publicId = publicLinkIdOf(link);
  return {
    ...fingerprintsOf(secrets, 'POST', `/checkout/${publicId}/${method}`, paidWith),
    merchantId: link.merchantId,
    scopeId: link.id,
    key: attemptId,
    apiKeyId: null,
    actor: 'customer',
    isPerson: false,
    auditActor: () => {
      throw new Error('what payers do is in the history of their payments, not in the audit log');
    },
    refuse: (refused) => refusalAnswer(refused, 'checkout', publicId),
  };
}

async function paidOf({ lateAnswers }: Pick<Deps, 'lateAnswers'>, told: Told): Promise<PaidByLink> {
  const answer = told.kind === 'answered' ? told.answer : await lateAnswers.wait(told.answerKey);
  return answer === null ? { kind: 'waiting' } : readAnswer(answer);
}

/** What was stored for the payer is the transaction, or an error, as the API shows it. */
function readAnswer({ statusCode, body }: Answer): PaidByLink {
  const told = JSON.parse(body) as { readonly id: TransactionId; readonly reason: Reason };
  return statusCode < 400
    ? { kind: 'payment', transactionId: told.id }
    : { kind: 'refused', reason: told.reason };
}
