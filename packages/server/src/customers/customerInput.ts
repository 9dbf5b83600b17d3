/** What a request says of a customer: parsed once, here. */
import type { Static } from 'typebox';
import { parseEmailAddress } from '../core/values/email.ts';
import { parseLocale } from '../core/values/locale.ts';
import { parseMetadata } from '../core/values/metadata.ts';
import { type Parsed, parsed } from '../core/values/parse.ts';
import { parsePhone } from '../core/values/phone.ts';
import { parseText } from '../core/values/text.ts';
import { valuesOf } from '../http/parseFields.ts';
import type { CustomerBody } from './schemas.ts';

type Body = Static<typeof CustomerBody>;

/** What a merchant says of a customer; null: nothing. */
export interface CustomerProfile {
  readonly reference: string | null;
  readonly name: string | null;
  readonly email: string | null;
  readonly phone: string | null;
  readonly locale: string | null;
  /** JSON text, as it came. */
  readonly metadata: string;
}

export const EMPTY_PROFILE: CustomerProfile = {
  ...{ reference: null, name: null, email: null, phone: null, locale: null },
  metadata: '{}',
};

const MAX_LENGTH = 255;
const shortText = (text: string): Parsed<string> => parseText(text, { max: MAX_LENGTH });

const PARSERS = {
  reference: shortText,
  name: shortText,
  email: parseEmailAddress,
  phone: parsePhone,
  locale: parseLocale,
} as const;

/** What is given; the rest is absent. @throws ApiError 400 naming every field that is wrong */
export function parseProfile(body: Body): Partial<CustomerProfile> {
  const fields: Record<string, Parsed<string | null>> = {};
  for (const [name, parse] of Object.entries(PARSERS)) {
    const text = body[name as keyof typeof PARSERS];
    if (text !== undefined) fields[name] = text === null ? parsed(null) : parse(text);
  }
  if (body.metadata !== undefined) fields.metadata = parseMetadata(body.metadata);
  return valuesOf(fields);
}

/** How texts are compared in which case does not count, whatever the database's locale. */
export function searchKeyOf(text: string): string {
  return text.normalize('NFKC').toLowerCase();
}
