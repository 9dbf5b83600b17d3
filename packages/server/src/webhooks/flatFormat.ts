/**
 * How the deployed API of 2023 tells a shop what became of its session's payment: one flat object in major units, signed with
 * the API key that made the session. Its clients read the outcome and nothing else.
 */
import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { majorOf } from '../core/values/decimal.ts';
import { parseWithSource } from '../core/values/exactJson.ts';

/** Whether the payment succeeded, and whether it was captured. What is refunded later does not change either. */
const OUTCOMES: Readonly<Record<string, { readonly success: boolean; readonly settled: boolean }>> = {
  'transaction.authorized': { success: true, settled: false },
  'transaction.charged': { success: true, settled: true },
  'transaction.rejected': { success: false, settled: false },
  'transaction.failed': { success: false, settled: false },
  'transaction.cancelled': { success: false, settled: false },
};

/** Payments' outcomes. A refund that failed is no payment that failed. */
export function tellsFlat({
  name,
  isRefund,
}: {
  readonly name: string;
  readonly isRefund: boolean;
}): boolean {
  return !isRefund && Object.hasOwn(OUTCOMES, name);
}

/** What is used of a webhook's body as our own API has it. */
interface Message {
  readonly name: string;
  readonly data: {
    readonly id: string;
    readonly merchantReference: string;
    readonly amount: number;
    readonly currency: string;
    readonly retrievalReferenceNumber: string | null;
    readonly paymentMethod: string;
    readonly failureMessage: string | null;
  };
}

/** @throws Error for an event that is not told */
export function flatBodyOf(message: string): string {
  const { name, data }: Message = JSON.parse(message);
  const outcome = OUTCOMES[name];
  if (outcome === undefined) throw new Error(`${name} is no outcome of a payment`);
  const { id, merchantReference, amount, currency, failureMessage } = data;
  return JSON.stringify({
    ...{ id, orderReference: merchantReference },
    amount: JSON.rawJSON(majorOf(BigInt(amount), currency)),
    ...{ currency, ...outcome },
    ...{ externalReference: data.retrievalReferenceNumber, paymentMethod: data.paymentMethod },
    message: failureMessage,
  });
}

/** The API key signs without its prefix. */
export function flatKeyOf(apiKey: string): KeyObject {
  return createSecretKey(apiKey.replace(/^pr_/, ''), 'utf8');
}

/** The amount is signed as it stands in the body: written shortest, as whoever reads it as a number writes it again. */
export function flatHeadersOf(key: KeyObject, body: string): Record<string, string> {
  const asItStands = (_key: string, value: unknown, { source }: { readonly source?: string }): unknown =>
    typeof value === 'number' ? source : value;
  const told = parseWithSource(body, asItStands) as Readonly<Record<string, unknown>>;
  const signed = `${told.id}${told.amount}${told.currency}${told.orderReference}${told.success}`;
  return { 'x-signature': createHmac('sha256', key).update(signed).digest('hex') };
}
