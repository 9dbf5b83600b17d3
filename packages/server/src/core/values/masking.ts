/** What must never be kept in a log is masked, wherever somebody has put it: API keys, card numbers, IINs. */
import { parseIin } from './iin.ts';

const MASK = '•••';

const SECRETS = /((?:pr|op)_(?:test|live)_)[\w-]+|(whsec_|cbk_)[\w+/=-]+/g;

/** A number of 12 to 19 digits by itself, with spaces between or in a card's groups. */
const ALONE = /(?<![\w-])(?:\d[ +]?){11,18}\d(?![\w-])|(?<![\w-])\d{4}(?:-\d{4}){3}(?![\w-])/g;

/** Ids of ours have digits in a row by chance, and are what logs are searched for. */
const OUR_ID =
  /(?<![a-z\d])(?:[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}|wt_[\da-z]{26}|msg_[\da-z]{32}|(?:pl|ct)_[\da-f]{32})(?![a-z\d])/
    .source;
/** Digits with whatever people and programs put between them. */
const RUN = /\d(?:[\s+._\p{Pd}\p{Cf}]{0,3}\d){11,}/u.source;
const IDS_AND_RUNS = new RegExp(`(${OUR_ID})|${RUN}`, 'giu');

/**
 * A text without API keys, webhooks' secrets and tokens, and numbers that may be a card's or an IIN. Where a number is part of a
 * word, such as `order-4242424242424242`, its check digit decides: most are an order's.
 */
export function masked(text: string): string {
  const plain = decoded(text).normalize('NFKC');
  const safe = plain
    .replace(SECRETS, `$1$2${MASK}`)
    .replace(IDS_AND_RUNS, (found, id: string | undefined) =>
      id === undefined && holdsNumber(found) ? MASK : found,
    )
    .replace(ALONE, MASK);
  return safe === plain ? text : safe;
}

/** A URL's escapes hide nothing. */
function decoded(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text.replace(/%([\da-f]{2})/gi, (_, code: string) =>
      String.fromCharCode(Number.parseInt(code, 16)),
    );
  }
}

/** Whether some of the groups that follow each other, put together, are a card's number or an IIN. */
function holdsNumber(run: string): boolean {
  const groups = run.match(/\d+/g) ?? [];
  return groups.some((_, from) => {
    let number = '';
    return groups.slice(from).some((group) => {
      number += group;
      return isCardNumber(number) || parseIin(number).ok;
    });
  });
}

function isCardNumber(number: string): boolean {
  if (number.length < 12 || number.length > 19) return false;
  let sum = 0;
  for (let i = 0; i < number.length; i += 1) {
    const digit = number.charCodeAt(number.length - 1 - i) - 48;
    const doubled = i % 2 === 0 ? digit : digit * 2;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}
