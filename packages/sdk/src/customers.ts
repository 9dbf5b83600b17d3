import type { RequestOptions } from './options.ts';
import type { List } from './pagination.ts';
import { pathOf } from './paths.ts';
import { Resource } from './resource.ts';
import type {
  CreateCustomerBody,
  Customer,
  CustomerExport,
  CustomerTotals,
  ListCustomersQuery,
  ListTransactionsByCustomerQuery,
  Transaction,
  UpdateCustomerBody,
} from './types.generated.ts';

/** The merchant's own customers, with a merchant's key. Give their `id` as `customerId` with payments and links. */
export class CustomersResource extends Resource {
  create(body: CreateCustomerBody = {}, options?: RequestOptions): Promise<Customer> {
    return this.postTo('Customer', '/v1/customers', body, options);
  }

  /** Also one that was erased: an id, and when. */
  get(id: string, options?: RequestOptions): Promise<Customer> {
    return this.getFrom('Customer', pathOf`/v1/customers/${id}`, options);
  }

  /** Newest first; with `query` those whose reference, name, e-mail address or phone number begins so. */
  list(query: ListCustomersQuery = {}, options?: RequestOptions): List<Customer> {
    return this.listOf('/v1/customers', { ...query }, options);
  }

  /** Fields that are absent stay, `null` takes one away. */
  update(id: string, body: UpdateCustomerBody, options?: RequestOptions): Promise<Customer> {
    return this.patchAt('Customer', pathOf`/v1/customers/${id}`, body, options);
  }

  /** Erases the personal data, for good. Payments go on pointing at the id. */
  erase(id: string, options?: RequestOptions): Promise<Customer> {
    return this.deleteAt('Customer', pathOf`/v1/customers/${id}`, options);
  }

  /** All that is kept of them, to be given to them when they ask. */
  export(id: string, options?: RequestOptions): Promise<CustomerExport> {
    return this.getFrom('CustomerExport', pathOf`/v1/customers/${id}/export`, options);
  }

  /** Their payments and refunds, newest first. */
  transactions(
    id: string,
    query: ListTransactionsByCustomerQuery = {},
    options?: RequestOptions,
  ): List<Transaction> {
    return this.listOf(pathOf`/v1/customers/${id}/transactions`, { ...query }, options);
  }

  /** What they spent, by currency. */
  totals(id: string, options?: RequestOptions): List<CustomerTotals> {
    return this.listOf(pathOf`/v1/customers/${id}/totals`, {}, options);
  }
}
