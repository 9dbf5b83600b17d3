/** What a request says of a link: parsed once, here. */
import type { Static } from 'typebox';
import { parseExpiry, recurringOf } from '../cards/recurring.ts';
import type { LinkTerms } from '../core/link.ts';
import type { Millis } from '../core/transaction.ts';
import { parseCurrency } from '../core/values/currency.ts';
import { parseMetadata } from '../core/values/metadata.ts';
import { parseAmount } from '../core/values/money.ts';
import { parseOrderReference } from '../core/values/orderReference.ts';
import { type Parsed, parsed } from '../core/values/parse.ts';
import { parseReturnUrl } from '../core/values/returnUrl.ts';
import { parseText } from '../core/values/text.ts';
import { parseTime } from '../core/values/time.ts';
import { fieldError } from '../http/errors.ts';
import { invalidFields, valuesOf } from '../http/parseFields.ts';
import type { LinkBody } from './schemas.ts';

type Body = Static<typeof LinkBody>;

/** Of `metadata`: where payers are sent, and where events are. */
const PAGES = ['successUrl', 'failureUrl', 'cancelUrl'] as const;
const CALLBACK = 'callbackUrl';
const MAX_URL_LENGTH = 2_000;

export type GivenTerms = Omit<LinkTerms, 'url' | 'paymentMethods' | 'callback'> & {
  readonly expiresAt: Millis | null;
  /** Where the merchant wants what becomes of it; null: nowhere. */
  readonly callbackUrl: string | null;
};

/** @throws ApiError 400 naming every field that is wrong */
export function parseTerms(body: Body): GivenTerms {
  const { metadata = {}, autoClearing = true, validation = false, reusable = false, locale = null } = body;
  const values = valuesOf({
    amount: parseAmount(body.amount),
    currency: parseCurrency(body.currency),
    orderReference: parseOrderReference(body.orderReference),
    description: maybe(body.description, (text) => parseText(text, { max: 1_000 })),
    customerId: maybe(body.customerId, (text) => parseText(text, { max: 255 })),
    expiresAt: maybe(body.expiresAt, parseTime),
    metadata: parseMetadata(metadata),
    'recurring.expiry': parseExpiry(body.recurring?.expiry),
  });
  checkUrls(metadata);
  const { [CALLBACK]: callback } = metadata;
  const callbackUrl = typeof callback === 'string' ? callback : null;
  const { 'recurring.expiry': until, ...given } = values;
  const recurring = body.recurring === undefined ? null : recurringOf(body.recurring, until);
  if (recurring !== null) checkRecurring(body);
  return { ...given, autoClearing, validation, reusable, locale, callbackUrl, recurring };
}

/** Whose card it is must be known, and only a card can be charged later. @throws ApiError 400 */
function checkRecurring({ customerId, reusable, paymentMethods }: Body): void {
  if (customerId === undefined || customerId === null)
    throw fieldError('missing_field', 'customerId', 'is required with recurring');
  if (reusable === true)
    throw fieldError('invalid_request', 'reusable', 'must be false with recurring: it is for one customer');
  if (paymentMethods?.includes('wallet') === true)
    throw fieldError('invalid_request', 'paymentMethods', 'must be card alone with recurring');
}

/** Payers' browsers are sent to some of them. @throws ApiError 400 */
function checkUrls(metadata: Record<string, unknown>): void {
  const details = [...PAGES, CALLBACK].flatMap((name) => {
    const value = metadata[name];
    if (value === undefined || value === null) return [];
    const problem = problemOf(value, name === CALLBACK);
    return problem === null ? [] : [{ path: `metadata.${name}`, message: problem }];
  });
  if (details.length > 0) throw invalidFields(details);
}

function problemOf(value: unknown, isCallback: boolean): string | null {
  const rule = `must be a URL of at most ${MAX_URL_LENGTH.toLocaleString('en')} characters`;
  if (typeof value !== 'string' || /\p{Cc}|\s/u.test(value)) return rule;
  const url = parseReturnUrl(value);
  if (!url.ok) return url.error;
  return isCallback && !/^https?:/i.test(value) ? 'must start with http:// or https://' : null;
}

function maybe<T>(text: string | null | undefined, parse: (text: string) => Parsed<T>): Parsed<T | null> {
  return text === undefined || text === null ? parsed(null) : parse(text);
}

/** What a list, or the sums, is asked for. */
export interface GivenFilter {
  readonly orderReference?: string;
  readonly createdFrom?: string;
  readonly createdTo?: string;
}

/** @throws ApiError 400 naming every parameter that is wrong */
export function parseLinkFilter(query: GivenFilter) {
  const filter = valuesOf({
    orderReference: maybe(query.orderReference, parseOrderReference),
    createdFrom: maybe(query.createdFrom, parseTime),
    createdTo: maybe(query.createdTo, parseTime),
  });
  const { createdFrom, createdTo } = filter;
  if (createdFrom !== null && createdTo !== null && createdFrom > createdTo)
    throw invalidFields(
      [{ path: 'createdTo', message: 'must not be less than createdFrom' }],
      'invalid_request',
    );
  return filter;
}
