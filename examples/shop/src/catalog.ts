/** What there is to buy. Prices are integers of the smallest unit: 100 tiyn are 1 tenge. */
export interface Product {
  readonly id: string;
  readonly name: string;
  readonly price: number;
}

export const CURRENCY = 'KZT';

export const CATALOG: readonly Product[] = [
  { id: 'tea', name: 'Tea from Almaty, 250 g', price: 290_000 },
  { id: 'honey', name: 'Altai honey, 500 g', price: 450_000 },
  { id: 'chess', name: 'Chess set, walnut', price: 2_490_000 },
];

export const MOST_OF_ONE = 20;

/** What a form asked for; null when there is no such product, or not so many. */
export function parsePurchase(
  form: Readonly<Record<string, unknown>>,
): { product: Product; quantity: number } | null {
  const product = CATALOG.find(({ id }) => id === form.product);
  const quantity = Number(form.quantity);
  if (product === undefined || !Number.isInteger(quantity) || quantity < 1 || quantity > MOST_OF_ONE)
    return null;
  return { product, quantity };
}
