/** What the server says is wrong with a field, in the reader's language. */
import { PlexyPayError } from '@plexy-pay/sdk';
import { en } from './i18n/en.ts';
import type { Key, Translate } from './i18n/index.tsx';

/** The server's own words for the rules that people break in forms and filters; `{name}` is what differs. */
export const RULES: Readonly<Record<string, Key>> = {
  'must be a URL': 'rule.url',
  'must be a URL of at most {most} characters': 'rule.page',
  'must start with http:// or https://, or with the scheme of an app': 'rule.page',
  'must start with http:// or https://': 'rule.url',
  'must not hold credentials': 'rule.noPassword',
  'expiresAt must be a time in the future, at most one year (365 days) from now': 'rule.linkEnd',
  'must begin with https://': 'rule.https',
  'must begin with https:// in production': 'rule.https',
  'must begin with https:// or http://': 'rule.url',
  'must be at most {most} characters long': 'rule.tooLong',
  'must lead to a public address': 'rule.publicAddress',
  'must not have port 0': 'rule.publicAddress',
  'must not hold a name or password; use bearerToken': 'rule.noCredentials',
  'must not have a fragment': 'rule.noFragment',
  'must be printable ASCII without spaces': 'rule.ascii',
  'must be an e-mail address': 'rule.email',
  'must have {least} to {most} characters': 'rule.passwordLength',
  'must have 5 different characters or more': 'rule.passwordVariety',
  'is too easy to guess{why}': 'rule.passwordGuessed',
  'must not be empty': 'rule.empty',
  'must not consist of blanks and invisible characters only': 'rule.empty',
  'must not contain control characters, such as line breaks': 'rule.controlCharacters',
  'must not contain half of a surrogate pair': 'rule.controlCharacters',
  'must have 10 digits after +7': 'rule.phone',
  'must begin with + and the country code, or with 8 7 or 7 7 for Kazakhstan': 'rule.phone',
  'must be a phone number of its country in full, such as +77010000001': 'rule.phone',
  'must contain only digits, +, spaces, dots, dashes and parentheses, and no extension': 'rule.phone',
  'must be 12 digits': 'rule.iinLength',
  'must have a century digit (the 7th) from 1 to 6': 'rule.iin',
  'must begin with a real birth date, YYMMDD': 'rule.iin',
  'must have the right check digit (the 12th)': 'rule.iin',
  'must be a current ISO 4217 currency code, such as KZT': 'rule.currency',
  'must be in upper case: {upperCase}': 'rule.currency',
  'must be an integer in minor units, from 0 to {most}': 'rule.amount',
  'must be a positive integer in minor units': 'rule.amount',
  'must be at most {most}': 'rule.atMost',
  'must be a UUID': 'rule.id',
  'must be the tag of a language, such as kk or ru-KZ': 'rule.locale',
  'is that of another customer of yours': 'rule.taken',
  'is not one of your customers': 'rule.noCustomer',
  'is a customer whose data was erased': 'rule.noCustomer',
  'must be a transaction id: a UUID, or wt_ and 26 characters': 'rule.id',
  'must be a failure code': 'rule.failureCode',
  'must be transaction statuses, separated by commas': 'rule.choice',
  'must be one of: {values}': 'rule.choice',
  'must be a time of RFC 3339 with its zone, as 2027-01-31T00:00:00Z or 2027-01-31T05:00:00+05:00{why}':
    'rule.time',
  'must be within the years 1 to 9999 in UTC': 'rule.time',
  'must not be less than {name}From': 'rule.reversed',
  'must be later than from': 'rule.reversed',
  'must not be before from': 'rule.reversed',
  'must be more than captureDelay ({limit})': 'rule.moreThanDelay',
  'must be less than authorizationTtl ({limit})': 'rule.lessThanHold',
  'must be an IP address, or a network such as 10.0.0.0/8{entry}': 'rule.network',
  'must begin at {network} (entry {line})': 'rule.networkBegins',
  'must be the name of a time zone in IANA’s database, such as Asia/Almaty': 'rule.timeZone',
  'must be an origin as in https://shop.example, or the scheme of an app as in myapp://': 'rule.returnTarget',
};

/** What is said of a field by the schema of its request. */
export const SCHEMA_RULES: Readonly<Record<string, Key>> = {
  'must be integer': 'rule.integer',
  'must be equal to constant': 'rule.choice',
  'must be >= {least}': 'rule.atLeast',
  'must be <= {most}': 'rule.atMost',
  'must NOT have more than {most} characters': 'rule.tooLong',
  'must NOT have more than {most} items': 'rule.tooMany',
  'must NOT have duplicate items (items ## {one} and {other} are identical)': 'rule.duplicate',
};

const PATTERNS = Object.entries({ ...RULES, ...SCHEMA_RULES }).map(([rule, key]) => {
  const literal = rule.replace(/[.*+?^$()|[\]\\]/g, '\\$&');
  return [new RegExp(`^${literal.replace(/\{(\w+)\}/g, '(?<$1>.*)')}$`, 'u'), key] as const;
});

/** Whether what is wrong at this path is wrong with this field: `url`, or a part of it such as `events.3`. */
export function isOfField(path: string, field: string): boolean {
  return path === field || path.startsWith(`${field}.`);
}

/** @returns null when nothing is wrong with this field */
export function fieldError(error: unknown, field: string, t: Translate): string | null {
  if (!(error instanceof PlexyPayError)) return null;
  const detail = error.details.find(({ path }) => isOfField(path, field));
  if (detail === undefined) return null;
  const text = ruleText(detail.message, t);
  const line = /\.(\d+)$/.exec(detail.path)?.[1];
  return line === undefined ? text : t('rule.line', { line: Number(line) + 1, rule: text });
}

function ruleText(message: string, t: Translate): string {
  for (const [pattern, key] of PATTERNS) {
    const found = pattern.exec(message);
    if (found !== null) return t(key, found.groups ?? {});
  }
  return t('rule.other');
}

/** The key of the server's words for a reason. */
export function keyOfReason(reason: string | null): Key | null {
  const key = `reason.${reason}`;
  return Object.hasOwn(en, key) ? (key as Key) : null;
}
