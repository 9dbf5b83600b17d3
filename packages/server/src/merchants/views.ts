/** What operators see of merchants and their places: times as ISO 8601 in UTC. */
import { iso } from '../core/values/time.ts';
import { logoPathOf } from './logosSql.ts';
import type { Merchant } from './merchantsSql.ts';

export function merchantView({ createdAt, logo, ...merchant }: Merchant) {
  const checkoutLogo = logo === null ? null : logoPathOf(logo);
  return { ...merchant, checkoutLogo, createdAt: iso(createdAt) };
}

/** Of a store or a terminal. */
export function placeView<T extends { readonly createdAt: number }>({ createdAt, ...place }: T) {
  return { ...place, createdAt: iso(createdAt) };
}
