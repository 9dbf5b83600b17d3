/** The payer's pages of the simulated bank. */
import {
  type Language,
  minutesText,
  moneyText,
  type PayerPage,
  pagePolicy,
  payerPage,
  type Word,
  word,
} from '@plexy-pay/payer-pages';
import type { StoredAuthorization } from '../store/rows.ts';

/** A whole HTML document. */
export type Page = string;

const brand = { name: 'Simulated Bank', note: '3-D Secure' };

/**
 * On every answer of the page; `no-referrer` keeps the token in its address from the shop.
 * `form-action` also judges where a form's answer redirects to, hop by hop in Chromium, and a shop may
 * send its payer on to any address: so it names schemes, and the rest of the policy keeps scripts out.
 */
export const pageHeaders = {
  'content-security-policy': pagePolicy("'self' https: http:"),
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  vary: 'accept-language',
} as const;

export function challengePage(authorization: StoredAuthorization, language: Language, now: Date): Page {
  const { amount, currency, challengeExpiresAt } = authorization;
  const leftMs = challengeExpiresAt === null ? 0 : challengeExpiresAt.getTime() - now.getTime();
  return payerPage({
    language,
    hasSwitch: true,
    brand,
    title: word(language, 'confirm.title'),
    text: word(language, 'confirm.text'),
    money: { text: moneyText(amount, currency, language), currency },
    facts: [
      ...factsOf(authorization),
      ['timeLeft', minutesText(leftMs, language) ?? word(language, 'lessThanMinute')],
    ],
    asks: true,
    hint: word(language, 'bank.test'),
  });
}

function factsOf(authorization: StoredAuthorization): (readonly [Word, string])[] {
  const { merchantName, cardBrand, cardLast4, orderReference, description } = authorization;
  return [
    ['shop', merchantName],
    ...(orderReference === null ? [] : ([['order', orderReference]] as const)),
    ...(description === null ? [] : ([['description', description]] as const)),
    ['card', `${cardBrand} •••• ${cardLast4}`],
  ];
}

export interface BankNotice {
  readonly title: Word;
  readonly text: Word;
  readonly icon: NonNullable<PayerPage['icon']>;
}

/** @param authorization of which it is said, for a payer who finds the way back to the shop by it */
export function noticePage(
  { title, text, icon }: BankNotice,
  language: Language,
  authorization: StoredAuthorization | null,
  hasSwitch: boolean,
): Page {
  const returnUrl = authorization?.returnUrl ?? null;
  const shop = authorization?.merchantName ?? '';
  return payerPage({
    language,
    hasSwitch,
    brand,
    icon,
    title: word(language, title),
    text: word(language, text),
    back: returnUrl === null ? null : { href: returnUrl, label: word(language, 'back', { shop }) },
  });
}
