/**
 * The currencies of ISO 4217, and amounts in their minor units. Server, bank, SDK, CLI and dashboard have this one
 * copy; the published SDK holds it within itself.
 */

/**
 * ISO 4217 list one up to amendment 180 (in force since 2026-01-01), by the number of digits of the
 * minor unit. Left out, because nobody can pay with them: funds (BOV CHE CHW CLF COU MXV USN UYI UYW),
 * metals, units of account, testing and "no currency" (XAD XAG XAU XBA XBB XBC XBD XDR XPD XPT XSU XTS
 * XUA XXX). The runtime's own table (Intl) differs from ISO's in 17 currencies.
 */
const CODES_BY_EXPONENT: readonly (readonly [exponent: number, codes: string])[] = [
  [0, 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF'],
  [
    2,
    'AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY ' +
      'COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG ' +
      'HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP ' +
      'MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR ' +
      'SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD ' +
      'UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG',
  ],
  [3, 'BHD IQD JOD KWD LYD OMR TND'],
];

const EXPONENTS: ReadonlyMap<string, number> = new Map(
  CODES_BY_EXPONENT.flatMap(([exponent, codes]) => codes.split(' ').map((code) => [code, exponent] as const)),
);

/** Every currency that can be used, in alphabetical order. */
export const CURRENCIES: readonly string[] = [...EXPONENTS.keys()].sort();

/** The number of digits of the minor unit: 2 for KZT, 0 for JPY, 3 for KWD; null for what is no such currency. */
export function exponentOf(currency: string): number | null {
  return EXPONENTS.get(currency) ?? null;
}

/** Minor units as a decimal text that Intl takes without rounding: `123456n` with 2 digits is `1234.56`. */
export function decimalOf(amount: number | bigint, exponent: number): `${number}` {
  const minor = BigInt(amount);
  // The digits are moved as text, never through a floating-point number.
  const digits = (minor < 0n ? -minor : minor).toString().padStart(exponent + 1, '0');
  const whole = digits.slice(0, digits.length - exponent);
  const fraction = exponent === 0 ? '' : `.${digits.slice(-exponent)}`;
  return `${minor < 0n ? '-' : ''}${whole}${fraction}` as `${number}`;
}

const formats = new Map<string, Intl.NumberFormat>();

/**
 * Minor units as a payer reads them, with the currency's own sign and ISO's digits: `1250050n` of KZT is `₸12,500.50`.
 * @param locale such as `en` or `ru-RU`
 * @throws RangeError for what is no currency: with other digits the amount would be another one
 */
export function formatMoney(amount: number | bigint, currency: string, locale = 'en'): string {
  const exponent = exponentOf(currency);
  if (exponent === null) throw new RangeError(`${currency} is no currency of ISO 4217 that can be used`);
  const key = `${locale} ${currency}`;
  const digits = { minimumFractionDigits: exponent, maximumFractionDigits: exponent };
  const style = { style: 'currency', currency, currencyDisplay: 'narrowSymbol', ...digits } as const;
  const format = formats.get(key) ?? new Intl.NumberFormat(locale, style);
  formats.set(key, format);
  return format.format(decimalOf(amount, exponent));
}
