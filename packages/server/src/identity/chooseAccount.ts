import type { Deps } from '../app/deps.ts';
import { ApiError } from '../http/errors.ts';
import { findMerchant } from '../merchants/merchantsSql.ts';

/** In place of a merchant's id: the account of an operator. */
const OPERATOR_ACCOUNT = 'operator';

/**
 * Which of the accounts that somebody has proved is signed in to.
 * @returns null when there is none
 * @throws ApiError 422 when there are several, and which is not said
 */
export async function choose<T extends { readonly merchantId: string | null }>(
  { signIns }: Deps,
  proved: readonly T[],
  merchantId: string | undefined,
): Promise<T | null> {
  const idOfAccount = (account: T): string => account.merchantId ?? OPERATOR_ACCOUNT;
  const named = merchantId === undefined ? proved : proved.filter((one) => idOfAccount(one) === merchantId);
  const [first, ...others] = named;
  if (first === undefined) return null;
  if (others.length === 0) return first;
  const details = [];
  for (const account of named) {
    const merchant = account.merchantId === null ? null : await findMerchant(signIns, account.merchantId);
    details.push({ path: 'merchantId', message: `${idOfAccount(account)} ${merchant?.name ?? ''}`.trim() });
  }
  throw new ApiError('merchant_required', undefined, details);
}
