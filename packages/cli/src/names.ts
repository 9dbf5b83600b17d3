/** People know merchants and stores by their names, and wallet holders by their phones: each may stand where an id is asked for. */
import type { List, PlexyPay } from '@plexy-pay/sdk';
import { UsageError } from './exitCodes.ts';

const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i;
const PHONE = /^\+?[\d\s()-]{7,}$/;

export function merchantIdOf({ admin }: PlexyPay, text: string): Promise<string> {
  return idOf(text, 'merchant', () => admin.merchants.list({ limit: 100 }));
}

export function storeIdOf({ admin }: PlexyPay, merchantId: string, text: string): Promise<string> {
  return idOf(text, 'store', () => admin.stores.list(merchantId, { limit: 100 }));
}

/** @param text an id, or the phone number */
export async function walletHolderIdOf({ admin }: PlexyPay, text: string): Promise<string> {
  if (UUID.test(text) || !PHONE.test(text)) return text;
  const [holder] = await admin.walletHolders.list({ phoneNumber: text }).toArray(1);
  if (holder === undefined) throw new UsageError(`there is no wallet holder with the phone number ${text}`);
  return holder.id;
}

interface Named {
  readonly id: string;
  readonly name: string;
}

async function idOf(text: string, kind: string, all: () => List<Named>): Promise<string> {
  if (UUID.test(text)) return text;
  const found: Named[] = [];
  for await (const item of all()) if (item.name === text) found.push(item);
  const [only, ...others] = found;
  if (only === undefined)
    throw new UsageError(`there is no ${kind} named "${text}": give its id or its exact name`);
  if (others.length === 0) return only.id;
  const ids = found.map(({ id }) => id).join(', ');
  throw new UsageError(`there are ${found.length} ${kind}s named "${text}": give the id, one of ${ids}`);
}
