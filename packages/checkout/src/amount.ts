/** The amount as payers read it; the server, which has the page's language, writes it into the page by the same function. */
import { type Language, moneyText } from '@plexy-pay/payer-pages/language';

/** In the page alone, of one amount in one language. */
const known = new Map<string, string>();

function keyOf(amount: string, currency: string, language: Language): string {
  return `${language} ${currency} ${amount}`;
}

/** `15 490,00 ₸`, and the code where the sign may stand for several currencies. @param amount minor units, in digits */
export function amountText(amount: string, currency: string, language: Language): string {
  const before = known.get(keyOf(amount, currency, language));
  if (before !== undefined) return before;
  const text = moneyText(BigInt(amount), currency, language);
  return text.includes(currency) || currency === 'KZT' ? text : `${text} ${currency}`;
}

/** What is known need not be made: a slow phone's browser takes a tenth of a second for the first amount that it writes. */
export function knowAmount(amount: string, currency: string, language: Language, text: string): void {
  known.set(keyOf(amount, currency, language), text);
}
