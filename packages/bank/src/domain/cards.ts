import type { DeclineCode } from './authorization.ts';
import type { FaultMode } from './faults.ts';

/** What a card number makes the bank do. Every number not in the table approves. */
export interface CardBehaviour {
  /** Asks for 3-D Secure first; `declineCode` then applies after the payer's approval. */
  readonly threeDS?: true;
  readonly declineCode?: DeclineCode;
  /** The issuer's word on a charge by the merchant alone, after a first payment that was approved. */
  readonly declineUnattended?: DeclineCode;
  /** How the answer to the authorization goes wrong. */
  readonly fault?: Exclude<FaultMode, 'none' | 'down'>;
}

export interface TestCard extends CardBehaviour {
  readonly number: string;
  readonly shows: string;
}

/** The well-known public test numbers, then numbers of our own for what no public number covers. */
export const testCards: readonly TestCard[] = [
  { number: '4242424242424242', shows: 'approved (Visa)' },
  { number: '5555555555554444', shows: 'approved (Mastercard)' },
  { number: '378282246310005', shows: 'approved (American Express)' },
  { number: '2200000000000004', shows: 'approved (Mir)' },
  { number: '4000000000000002', shows: 'declined', declineCode: 'card_declined' },
  { number: '4000000000009995', shows: 'insufficient funds', declineCode: 'insufficient_funds' },
  { number: '4000000000009987', shows: 'lost card', declineCode: 'lost_card' },
  { number: '4000000000009979', shows: 'stolen card', declineCode: 'stolen_card' },
  { number: '4000000000000069', shows: 'expired card', declineCode: 'expired_card' },
  { number: '4000000000000127', shows: 'wrong cvc', declineCode: 'incorrect_cvc' },
  { number: '4000000000000119', shows: 'processing error', declineCode: 'processing_error' },
  { number: '4000000000003220', shows: '3-D Secure, then approved', threeDS: true },
  {
    number: '4000008400001629',
    shows: '3-D Secure, then declined',
    threeDS: true,
    declineCode: 'card_declined',
  },
  {
    number: '4000000000000341',
    shows: 'approved; insufficient funds when its merchant charges it',
    declineUnattended: 'insufficient_funds',
  },
  {
    number: '4000000000700080',
    shows: 'approved; stolen card when its merchant charges it',
    declineUnattended: 'stolen_card',
  },
  { number: '4000000000700015', shows: 'slow bank: approved after 3 s', fault: 'slow' },
  { number: '4000000000700023', shows: 'time-out that had worked', fault: 'timeout_worked' },
  { number: '4000000000700031', shows: 'time-out that had not worked', fault: 'timeout_not_worked' },
  { number: '4000000000700049', shows: 'connection cut before the work', fault: 'cut_before' },
  { number: '4000000000700056', shows: 'connection cut after the work', fault: 'cut_after' },
  { number: '4000000000700064', shows: 'garbage answer after the work', fault: 'garbage' },
  { number: '4000000000700072', shows: 'delivered twice at once, one effect', fault: 'duplicate' },
];

/** Without their numbers: what a card does is stored, what its number is never. */
const behaviours: ReadonlyMap<string, CardBehaviour> = new Map(
  testCards.map(({ number, shows: _shows, ...behaviour }) => [number, behaviour]),
);

export function behaviourOf(number: string): CardBehaviour {
  return behaviours.get(number) ?? {};
}

/** The check digit rule that every card number follows: it catches a mistyped digit. */
export function passesLuhn(number: string): boolean {
  let sum = 0;
  for (let index = 0; index < number.length; index++) {
    const digit = Number(number[number.length - 1 - index]);
    const doubled = index % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

/** A card is good until the last moment of the month printed on it. */
export function isExpired(expiryMonth: number, expiryYear: number, now: Date): boolean {
  return now.getTime() >= Date.UTC(expiryYear, expiryMonth, 1);
}

const brands: ReadonlyArray<readonly [RegExp, string]> = [
  [/^4/, 'Visa'],
  [/^(5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, 'Mastercard'],
  [/^3[47]/, 'American Express'],
  [/^220[0-4]/, 'Mir'],
  [/^62/, 'UnionPay'],
];

/** The name that the payer knows the card by. */
export function brandOf(number: string): string {
  return brands.find(([pattern]) => pattern.test(number))?.[1] ?? 'Card';
}
