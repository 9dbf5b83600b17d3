/** What an operator does before the first payment: a merchant with a key, and customers with money. */
import assert from 'node:assert/strict';
import { createOperatorKeyCommand } from '../../../packages/server/src/commands/operatorKey.ts';
import { iinOf } from '../../../packages/server/test/support/operator.ts';
import { request } from '../../../packages/server/test/support/sandbox.ts';
import type { Customer } from './load.ts';

export interface Merchant {
  readonly id: string;
  readonly apiKey: string;
  readonly customers: readonly Customer[];
}

/** @param adminUrl the operators' API of a node @param deposit of each customer, in minor units */
export async function makeMerchant(
  adminUrl: string,
  databaseUrl: string,
  { customers, deposit }: { customers: number; deposit: number },
): Promise<Merchant> {
  const operatorKey = await makeOperatorKey(databaseUrl);
  // biome-ignore lint/suspicious/noExplicitAny: answers of several shapes
  const make = async (path: string, body: object): Promise<any> => {
    const reply = await request(adminUrl, 'POST', `/v1/admin${path}`, { apiKey: operatorKey, body });
    assert.ok(reply.status < 300, `${path}: ${reply.text}`);
    return reply.body;
  };
  const { id } = await make('/merchants', { name: 'Failover' });
  const { apiKey } = await make(`/merchants/${id}/api-keys`, { name: 'load' });
  const made: Customer[] = [];
  for (let n = 0; n < customers; n += 1) {
    const customer = { phoneNumber: `+7702${String(n).padStart(7, '0')}`, iin: iinOf(n) };
    const holder = await make('/wallet-holders', customer);
    const wallet = await make(`/wallet-holders/${holder.id}/wallets`, { currency: 'KZT' });
    await make(`/wallets/${wallet.id}/deposit`, { amount: deposit });
    made.push(customer);
  }
  return { id, apiKey, customers: made };
}

async function makeOperatorKey(databaseUrl: string): Promise<string> {
  let said = '';
  let key = '';
  const output = {
    out: (text: string) => {
      key = text;
    },
    error: (text: string) => {
      said = text;
    },
  };
  assert.equal(await createOperatorKeyCommand('failover', { DATABASE_URL: databaseUrl }, output), 0, said);
  return key;
}
