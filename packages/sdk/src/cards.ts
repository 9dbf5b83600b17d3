import type { RequestOptions } from './options.ts';
import type { List } from './pagination.ts';
import { pathOf } from './paths.ts';
import { Resource } from './resource.ts';
import type { CardOnFile, DeletedCard } from './types.generated.ts';

/** The cards that a merchant's customers have on file, with a merchant's key. No number is anywhere. */
export class CardsResource extends Resource {
  /** Newest first. */
  list(customerId: string, options?: RequestOptions): List<CardOnFile> {
    return this.listOf(pathOf`/v1/customers/${customerId}/cards`, {}, options);
  }

  get(customerId: string, cardId: string, options?: RequestOptions): Promise<CardOnFile> {
    return this.getFrom('CardOnFile', pathOf`/v1/customers/${customerId}/cards/${cardId}`, options);
  }

  /** It is charged from then on where none is named. */
  makeDefault(customerId: string, cardId: string, options?: RequestOptions): Promise<CardOnFile> {
    const path = pathOf`/v1/customers/${customerId}/cards/${cardId}`;
    return this.patchAt('CardOnFile', path, { isDefault: true }, options);
  }

  /** The merchant cannot charge it any more without its customer, who still can. */
  withdrawConsent(customerId: string, cardId: string, options?: RequestOptions): Promise<CardOnFile> {
    return this.deleteAt('CardOnFile', pathOf`/v1/customers/${customerId}/cards/${cardId}/consent`, options);
  }

  /** It can be charged no more, and what banks know it by is forgotten. */
  delete(customerId: string, cardId: string, options?: RequestOptions): Promise<DeletedCard> {
    return this.deleteAt('DeletedCard', pathOf`/v1/customers/${customerId}/cards/${cardId}`, options);
  }
}
