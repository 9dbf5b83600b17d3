/** A card as it is typed: its brand, its grouping, what is wrong with it. The server checks by the same library. */
import cardValidator from 'card-validator';
import type { CardAttempt } from './state.ts';
import type { Word } from './words.ts';

/** Most digits that a card number has. */
const MOST_DIGITS = 19;

export interface TypedCard {
  readonly number: string;
  readonly expiry: string;
  readonly cvc: string;
  readonly holder: string;
}
export type CardField = keyof TypedCard;

export const NO_CARD: TypedCard = { number: '', expiry: '', cvc: '', holder: '' };

export function digitsOf(text: string): string {
  return text.replace(/\D/g, '');
}

/** Beside a number on a narrow phone there is no room for more. */
const SHORT_NAMES: Readonly<Record<string, string>> = { 'American Express': 'Amex', 'Diners Club': 'Diners' };

/** The brand while there can be only one. */
export function brandOf(number: string): { readonly name: string; readonly cvcSize: number } | null {
  const digits = digitsOf(number);
  const { card } = cardValidator.number(digits);
  return digits === '' || card === null
    ? null
    : { name: SHORT_NAMES[card.niceType] ?? card.niceType, cvcSize: card.code.size };
}

/** What a network is called. @param brand as requests call it */
export function brandName(brand: string): string {
  return cardValidator.creditCardType.getTypeInfo(brand)?.niceType ?? brand;
}

export function cvcSizeOfBrand(brand: string): number {
  return cardValidator.creditCardType.getTypeInfo(brand)?.code.size ?? 3;
}

export function cvcSizeOf(number: string): number {
  return brandOf(number)?.cvcSize ?? 3;
}

/** Grouped as it stands on the card: `4242 4242 4242 4242`, `3782 822463 10005`. */
export function groupedNumber(text: string): string {
  const digits = digitsOf(text).slice(0, MOST_DIGITS);
  const gaps = cardValidator.number(digits).card?.gaps ?? [4, 8, 12, 16];
  return [...digits].map((digit, i) => (gaps.includes(i) ? ` ${digit}` : digit)).join('');
}

/** `12 / 35`; a month of one digit is completed, and a year of four (browsers fill in such) is shortened. */
export function groupedExpiry(text: string): string {
  const [first = '', second = ''] = text.split(/[/.-]/).map(digitsOf);
  const isSplit = /[/.-]/.test(text);
  const digits = isSplit && first.length === 1 && second !== '' ? `0${first}${second}` : digitsOf(text);
  const whole = /^[2-9]/.test(digits) ? `0${digits}` : digits;
  const month = whole.slice(0, 2);
  const year = whole.length >= 6 ? whole.slice(4, 6) : whole.slice(2, 4);
  return year === '' ? month : `${month} / ${year}`;
}

/** Where the caret stands after as many digits as before it: grouping moves it otherwise. */
export function caretAfter(text: string, digits: number): number {
  let seen = 0;
  for (let i = 0; i < text.length; i += 1) {
    if (seen === digits) return i;
    if (/\d/.test(text[i] ?? '')) seen += 1;
  }
  return text.length;
}

export interface FieldError {
  readonly word: Word;
  readonly values?: Readonly<Record<string, string>>;
}

type Check = (card: TypedCard, now: Date) => FieldError | null;

/** What is wrong with each field; the order is that on the page. */
export const CARD_CHECKS: Readonly<Record<CardField, Check>> = {
  number: ({ number }) => {
    if (digitsOf(number) === '') return { word: 'error.number.empty' };
    return cardValidator.number(digitsOf(number)).isValid ? null : { word: 'error.number' };
  },
  expiry: ({ expiry }, now) => {
    const digits = digitsOf(expiry);
    if (digits === '') return { word: 'error.expiry.empty' };
    const month = Number(digits.slice(0, 2));
    if (digits.length !== 4 || month < 1 || month > 12) return { word: 'error.expiry' };
    // To the end of its month, wherever that is: the last time zone is UTC-12.
    const end = Date.UTC(yearOf(expiry), month, 1) + 12 * 3_600_000;
    return now.getTime() >= end ? { word: 'error.expired' } : null;
  },
  cvc: ({ number, cvc }) => {
    const size = cvcSizeOf(number);
    return digitsOf(cvc).length === size ? null : { word: 'error.cvc', values: { size: String(size) } };
  },
  holder: ({ holder }) => {
    const text = holder.trim();
    return /\p{L}/u.test(text) && !/\d/.test(text) && text.length <= 100 ? null : { word: 'error.holder' };
  },
};

function yearOf(expiry: string): number {
  return 2000 + Number(digitsOf(expiry).slice(2));
}

/** Of a card that no check has anything against. */
export function cardToSend({ number, expiry, cvc, holder }: TypedCard): CardAttempt['card'] {
  return {
    number: digitsOf(number),
    expiryMonth: Number(digitsOf(expiry).slice(0, 2)),
    expiryYear: yearOf(expiry),
    cvc: digitsOf(cvc),
    holder: holder.trim(),
  };
}
