/** The customer whom a path or a field of a request names. */
import type { Deps } from '../app/deps.ts';
import { parseUuid } from '../core/values/ids.ts';
import { type MerchantCaller, toldBefore } from '../engine/caller.ts';
import type { Told } from '../engine/engine.ts';
import { ApiError, fieldError } from '../http/errors.ts';
import type { Queryable } from '../postgres/pool.ts';
import { type Customer, findCustomer } from './customersSql.ts';

/** The id in a path. Malformed ids, unknown ones and other merchants' are answered alike. @throws ApiError 404 */
export async function requireCustomer(db: Queryable, merchantId: string, text: string): Promise<Customer> {
  const id = parseUuid(text);
  const customer = id.ok ? await findCustomer(db, merchantId, id.value) : null;
  if (customer === null) throw new ApiError('customer_not_found');
  return customer;
}

/**
 * For what is to be made for a customer: the customer must be there, and not erased.
 * @param customerId null: it is for nobody in particular, and nothing is asked
 * @throws ApiError 400 naming the field `customerId`
 */
export async function checkCustomer(
  db: Queryable,
  merchantId: string,
  customerId: string | null,
): Promise<void> {
  if (customerId === null) return;
  const customer = await findCustomer(db, merchantId, customerId);
  if (customer === null) throw fieldError('invalid_request', 'customerId', 'is not one of your customers');
  if (customer.erasedAt !== null)
    throw fieldError('invalid_request', 'customerId', 'is a customer whose data was erased');
}

/**
 * The same for what is made once for each key of the caller: what was made before is told as then, also when the customer was
 * erased since. @returns null: it may be made
 */
export async function checkCustomerOf(
  { reserved, turns }: Pick<Deps, 'reserved' | 'turns'>,
  caller: MerchantCaller,
  customerId: string | null,
): Promise<Told | null> {
  if (customerId === null) return null;
  const { merchantId } = caller;
  try {
    await turns.payments.run(merchantId, () => checkCustomer(reserved, merchantId, customerId));
    return null;
  } catch (error) {
    const told = error instanceof ApiError ? await toldBefore(reserved, caller) : null;
    if (told === null) throw error;
    return told;
  }
}
