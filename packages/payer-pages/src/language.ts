/** Which language a payer reads, and amounts and times as that language writes them. */
import { formatMoney } from '@plexy-pay/money';

export const LANGUAGES = { kk: 'Қазақша', ru: 'Русский', en: 'English' } as const;
export type Language = keyof typeof LANGUAGES;

const LOCALES: Readonly<Record<Language, string>> = { kk: 'kk-KZ', ru: 'ru-RU', en: 'en-GB' };

/** Chromium calls Kazakh supported and has none of it ("M11" for a month): there it is written as Russian is. */
function hasKazakh(): boolean {
  return !/\d/.test(new Intl.DateTimeFormat(LOCALES.kk, { month: 'long' }).format(0));
}

/** Asked for when it is needed: to make a format takes a slow phone 20 ms. */
let kazakh: string | undefined;

function localeOf(language: Language): string {
  if (language !== 'kk') return LOCALES[language];
  kazakh ??= hasKazakh() ? LOCALES.kk : LOCALES.ru;
  return kazakh;
}

/** A header longer than this is no list of languages that a browser sends. */
const MAX_HEADER = 1_000;

export function isLanguage(text: string): text is Language {
  return Object.hasOwn(LANGUAGES, text);
}

/**
 * @param chosen by the switch on the page, before what the browser asks for
 * @param acceptLanguage the header: languages with their weights, such as `ru-KZ,ru;q=0.9,en;q=0.8`
 */
export function languageOf(chosen: unknown, acceptLanguage: string | undefined): Language {
  if (typeof chosen === 'string' && isLanguage(chosen)) return chosen;
  const wanted = (acceptLanguage ?? '')
    .slice(0, MAX_HEADER)
    .split(',')
    .map((part) => {
      const [tag = '', ...parameters] = part.trim().toLowerCase().split(';');
      const weight = parameters.map((text) => /^\s*q=([01](?:\.\d{0,3})?)\s*$/.exec(text)?.[1]).find(Boolean);
      return { primary: tag.split('-')[0] ?? '', weight: Number(weight ?? 1) };
    })
    .filter(({ weight }) => weight > 0)
    // Of the same weight the first one wins: the order is kept.
    .sort((a, b) => b.weight - a.weight);
  for (const { primary } of wanted) if (isLanguage(primary)) return primary;
  return 'en';
}

/** `15 490,00 ₸`; with the code behind a sign that may stand for several currencies. */
export function moneyText(amount: bigint, currency: string, language: Language): string {
  return formatMoney(amount, currency, localeOf(language));
}

/** How long is left, in whole minutes: a page without scripts does not know the payer's time zone. */
export function minutesText(ms: number, language: Language): string | null {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return null;
  const style = { style: 'unit', unit: 'minute', unitDisplay: 'long' } as const;
  return new Intl.NumberFormat(localeOf(language), style).format(minutes);
}

/** A day and a time in the time zone of whoever reads it: `28 November at 10:00`. */
export function momentText(at: number, language: Language): string {
  const locale = localeOf(language);
  const month = language === 'kk' && locale !== LOCALES.kk ? '2-digit' : 'long';
  const style = { day: 'numeric', month, hour: '2-digit', minute: '2-digit' } as const;
  return new Intl.DateTimeFormat(locale, style).format(at);
}
