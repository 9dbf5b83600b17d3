export { isLanguage, LANGUAGES, type Language, languageOf, minutesText, moneyText } from './language.ts';
export { escaped, type PayerPage, pagePolicy, payerPage } from './page.ts';
export { type Word, word } from './words.ts';
