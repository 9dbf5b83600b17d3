/** A payment that is the first of several: what its customer agrees to, as a request says it. Parsed once, here. */
import Type, { type Static } from 'typebox';
import type { RecurringTerms } from '../core/link.ts';
import type { CardUse, Millis } from '../core/transaction.ts';
import { type Parsed, parsed, refused } from '../core/values/parse.ts';
import { parseTime } from '../core/values/time.ts';
import { closed } from '../http/schemas.ts';

export const RecurringBody = Type.Object(
  {
    type: Type.Enum(['cof_initial'], {
      description: 'The customer is there, and agrees that the card is kept and charged later without them.',
    }),
    frequency: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 366,
        description: 'The least number of days between two charges; the bank is told.',
        examples: [30],
      }),
    ),
    expiry: Type.Optional(
      Type.String({
        description:
          'Until when the customer agrees: RFC 3339, or a day, which counts as a whole (UTC). Default: until they withdraw it.',
        examples: ['2027-12-31'],
      }),
    ),
  },
  {
    ...closed,
    description:
      'Makes this the first of several payments: once it has succeeded, the merchant may charge the card without its customer. Needs `customerId`.',
  },
);

/** How a payment uses its card. */
export interface UseOfCard {
  readonly cardUse: CardUse | null;
  readonly consentUntil: Millis | null;
}

const DAY = /^\d{4}-\d\d-\d\d$/;
const DAY_MS = 24 * 3_600_000;

/** @returns the end of the agreement; null: it has none */
export function parseExpiry(text: string | undefined): Parsed<Millis | null> {
  if (text === undefined) return parsed(null);
  if (!DAY.test(text)) return parseTime(text);
  const day = parseTime(`${text}T00:00:00Z`);
  return day.ok ? parsed(day.value + DAY_MS) : refused('must be a day that there is, or a time of RFC 3339');
}

export function recurringOf(
  { frequency }: Static<typeof RecurringBody>,
  until: Millis | null,
): RecurringTerms {
  return { frequencyDays: frequency ?? null, until };
}
