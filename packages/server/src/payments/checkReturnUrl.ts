import type { Deps } from '../app/deps.ts';
import { isProtected, leadsToApp, returnTargetOf } from '../core/values/returnUrl.ts';
import { fieldError } from '../http/errors.ts';
import { findMerchant } from '../merchants/merchantsSql.ts';

/**
 * In production a payer is sent only to where the merchant has said; the sandbox sends them to any page, but to no
 * other app. @throws ApiError 400
 */
export async function checkReturnUrl(
  deps: Pick<Deps, 'config' | 'reserved'>,
  merchantId: string,
  returnUrl: string | null,
): Promise<void> {
  if (returnUrl === null || (deps.config.mode === 'sandbox' && !leadsToApp(returnUrl))) return;
  if (deps.config.mode === 'production' && !isProtected(returnUrl))
    throw fieldError('invalid_request', 'returnUrl', 'must begin with https:// in production');
  const merchant = await findMerchant(deps.reserved, merchantId);
  if (merchant?.returnOrigins.includes(returnTargetOf(returnUrl)) === true) return;
  const what = leadsToApp(returnUrl) ? 'app schemes' : 'origins';
  throw fieldError('invalid_request', 'returnUrl', `must have one of the ${what} that are set up for you`);
}
