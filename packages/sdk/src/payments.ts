import type { RequestOptions } from './options.ts';
import { Resource } from './resource.ts';
import type {
  CreateMerchantInitiatedPaymentBody,
  CreatePaymentBody,
  Transaction,
} from './types.generated.ts';

/** Card payments, with a merchant's key. Amounts are minor units. */
export class PaymentsResource extends Resource {
  /**
   * Pays by card. A payment that is refused has status `rejected`: it does not throw. With status `3d`
   * send the payer's browser to `redirectUrl`.
   */
  create(body: CreatePaymentBody, options?: RequestOptions): Promise<Transaction> {
    return this.postTo('Transaction', '/v1/payments', body, options);
  }

  /**
   * Charges a card that a customer has on file, without them: they have agreed to it by a first payment, with
   * `recurring.type` `cof_initial`. One that fails with `retryable` may be tried again after `retryAfter`.
   */
  charge(body: CreateMerchantInitiatedPaymentBody, options?: RequestOptions): Promise<Transaction> {
    return this.postTo('Transaction', '/v1/payments/recurring/merchant/initiated', body, options);
  }
}
