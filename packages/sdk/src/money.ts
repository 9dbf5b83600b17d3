import { decimalOf, exponentOf as isoExponentOf } from '@plexy-pay/money';

/** How many digits the currency's minor unit has in ISO 4217; of one that this version does not know 2, as most have. */
export function exponentOf(currency: string): number {
  return isoExponentOf(currency) ?? 2;
}

/** An amount in minor units as people read it: `formatAmount(123456789n, 'KZT')` is `1,234,567.89 KZT`. */
export function formatAmount(amount: number | bigint, currency: string): string {
  const [whole = '', fraction] = decimalOf(amount, exponentOf(currency)).split('.');
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ',');
  return `${grouped}${fraction === undefined ? '' : `.${fraction}`} ${currency}`;
}
