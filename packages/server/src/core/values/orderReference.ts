import type { Brand, Parsed } from './parse.ts';
import { parseText } from './text.ts';

/** The merchant's reference of an order. It need not be unique. */
export type OrderReference = Brand<'OrderReference'>;

export const MAX_ORDER_REFERENCE_LENGTH = 255;

export function parseOrderReference(text: string): Parsed<OrderReference> {
  return parseText(text, { max: MAX_ORDER_REFERENCE_LENGTH }) as Parsed<OrderReference>;
}
