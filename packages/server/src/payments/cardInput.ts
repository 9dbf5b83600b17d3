import cardValidator from 'card-validator';
import Type, { type Static } from 'typebox';
import { type Parsed, parsed, refused } from '../core/values/parse.ts';
import { parseText } from '../core/values/text.ts';
import { ApiError, type ErrorDetail, fieldError } from '../http/errors.ts';
import { closed } from '../http/schemas.ts';

export const CardBody = Type.Object(
  {
    number: Type.String({
      description: 'Digits; spaces and dashes are ignored.',
      examples: ['4242424242424242'],
    }),
    expiryMonth: Type.Integer({ minimum: 1, maximum: 12, examples: [12] }),
    expiryYear: Type.Integer({ minimum: 2000, maximum: 2099, examples: [2030] }),
    cvc: Type.Optional(Type.String({ examples: ['123'] })),
    holder: Type.Optional(Type.String({ examples: ['AIGERIM SADYKOVA'] })),
  },
  { ...closed, description: 'The card. It is held in memory only; what is kept is a token.' },
);

export interface Card {
  readonly number: string;
  readonly brand: string;
  readonly last4: string;
  readonly expiryMonth: number;
  readonly expiryYear: number;
  readonly cvc: string | null;
  readonly holder: string | null;
}

/**
 * A card whose number passes the Luhn check and belongs to a known brand.
 * @throws ApiError 400 naming the fields; no message ever holds what was sent
 */
export function parseCard(body: Static<typeof CardBody>): Card {
  const number = body.number.replace(/[ -]/g, '');
  const { isValid, card } = cardValidator.number(number);
  const details: ErrorDetail[] = [];
  const check = (path: string, result: Parsed<unknown>): void => {
    if (!result.ok) details.push({ path: `card.${path}`, message: result.error });
  };
  if (!isValid || card === null || !/^\d{12,19}$/.test(number)) {
    check('number', refused('must be a card number of a known brand with a right check digit'));
  }
  if (body.cvc !== undefined) check('cvc', parseCvc(body.cvc, card?.code.size ?? 3));
  if (body.holder !== undefined) check('holder', parseText(body.holder, { max: 100 }));
  if (details.length > 0 || card === null) {
    throw new ApiError(
      'invalid_card',
      details.map(({ path, message }) => `${path} ${message}`).join('; '),
      details,
    );
  }
  const { expiryMonth, expiryYear, cvc = null, holder = null } = body;
  return { number, brand: card.type, last4: number.slice(-4), expiryMonth, expiryYear, cvc, holder };
}

/**
 * A card is good to the end of its month, wherever that is: the last time zone is UTC-12.
 * @throws ApiError 400 when it was before
 */
export function refuseExpired({ expiryYear, expiryMonth }: Card, now: number): void {
  const end = Date.UTC(expiryYear, expiryMonth, 1) + 12 * 3_600_000;
  if (now >= end)
    throw fieldError('invalid_card', 'card.expiryYear', 'must not be in the past, together with expiryMonth');
}

/** Whether a text spells this number, whatever stands between its digits, also as a part of a URL. */
export function holdsCardNumber(text: string, number: string): boolean {
  const digits = number.replace(/\D/g, '');
  const plain = text.replace(/%[0-9a-f]{2}/gi, (code) =>
    String.fromCharCode(Number.parseInt(code.slice(1), 16)),
  );
  return (
    digits.length >= 12 && [text, plain].some((spelt) => spelt.replace(/[^0-9a-z]/gi, '').includes(digits))
  );
}

function parseCvc(cvc: string, size: number): Parsed<true> {
  return cardValidator.cvv(cvc, size).isValid ? parsed(true) : refused(`must be ${size} digits`);
}
