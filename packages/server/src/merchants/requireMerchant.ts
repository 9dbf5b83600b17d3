import { idOf } from '../http/adminCommon.ts';
import { ApiError } from '../http/errors.ts';
import type { Queryable } from '../postgres/pool.ts';
import { findMerchant } from './merchantsSql.ts';

export function merchantIdOf(text: string): string {
  return idOf(text, 'merchant_not_found');
}

/** @throws ApiError 404 */
export async function requireMerchant(db: Queryable, id: string): Promise<void> {
  if ((await findMerchant(db, id)) === null) throw new ApiError('merchant_not_found');
}
