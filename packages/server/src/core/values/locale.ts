import { type Parsed, parsed, refused } from './parse.ts';

const MAX_LENGTH = 35;

/** The tag of a language, as of BCP 47, in its canonical spelling: `kk`, `ru-KZ`, `zh-Hant-TW`. */
export function parseLocale(text: string): Parsed<string> {
  const rule = 'must be the tag of a language, such as kk or ru-KZ';
  if (text.length > MAX_LENGTH) return refused(rule);
  try {
    const [locale] = Intl.getCanonicalLocales(text);
    return locale === undefined ? refused(rule) : parsed(locale);
  } catch {
    return refused(rule);
  }
}
