/** Currencies whose ISO 4217 exponent is not 2. The runtime's own table differs from ISO in places. */
const exponents: ReadonlyMap<string, number> = new Map([
  ...'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'
    .split(' ')
    .map((currency) => [currency, 0] as const),
  ...'BHD IQD JOD KWD LYD OMN TND'.split(' ').map((currency) => [currency, 3] as const),
  ...'CLF UYW'.split(' ').map((currency) => [currency, 4] as const),
]);

/** Minor units as the payer reads them: 1250050n KZT is `₸12,500.50`. */
export function formatMoney(amount: bigint, currency: string): string {
  const exponent = exponents.get(currency) ?? 2;
  const format = new Intl.NumberFormat('en', {
    style: 'currency',
    currency,
    currencyDisplay: 'narrowSymbol',
    minimumFractionDigits: exponent,
    maximumFractionDigits: exponent,
  });
  return format.format(toDecimal(amount, exponent));
}

/** Exact at any size: the digits are moved as text, never through a floating-point number. */
function toDecimal(amount: bigint, exponent: number): `${number}` {
  const digits = amount.toString().padStart(exponent + 1, '0');
  const point = digits.length - exponent;
  return `${digits.slice(0, point)}.${digits.slice(point)}0` as `${number}`;
}
