import { type Brand, type Parsed, parsed, refused } from './parse.ts';

/** The code of a current ISO 4217 currency with minor units, such as `KZT`. */
export type Currency = Brand<'Currency'>;

/**
 * ISO 4217 list one up to amendment 180 (in force since 2026-01-01), by the number of digits of the
 * minor unit. Left out, because nobody can pay with them: funds (BOV CHE CHW CLF COU MXV USN UYI UYW),
 * metals, units of account, testing and "no currency" (XAD XAG XAU XBA XBB XBC XBD XDR XPD XPT XSU XTS
 * XUA XXX).
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
export const CURRENCIES: readonly Currency[] = [...EXPONENTS.keys()].sort() as Currency[];

export function parseCurrency(text: string): Parsed<Currency> {
  if (EXPONENTS.has(text)) {
    return parsed(text as Currency);
  }
  const upperCase = text.toUpperCase();
  return refused(
    EXPONENTS.has(upperCase)
      ? `must be in upper case: ${upperCase}`
      : 'must be a current ISO 4217 currency code, such as KZT',
  );
}

/** The number of digits of the minor unit: 2 for KZT, 0 for JPY, 3 for KWD. */
export function exponentOf(currency: Currency): number {
  const exponent = EXPONENTS.get(currency);
  if (exponent === undefined) {
    throw new Error('a Currency that parseCurrency did not make');
  }
  return exponent;
}

/** An amount in minor units as people read it, without grouping: `1234.56 KZT`. */
export function formatAmount(amount: bigint, currency: Currency): string {
  const exponent = exponentOf(currency);
  const sign = amount < 0n ? '-' : '';
  const digits = (amount < 0n ? -amount : amount).toString().padStart(exponent + 1, '0');
  const whole = digits.slice(0, digits.length - exponent);
  const fraction = exponent === 0 ? '' : `.${digits.slice(-exponent)}`;
  return `${sign}${whole}${fraction} ${currency}`;
}
