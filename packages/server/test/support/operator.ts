/** Short ways for tests to do what operators do. */
import assert from 'node:assert/strict';
import { OPERATOR_KEY, type Reply, type Sandbox } from './sandbox.ts';

export const DEMO_STORE = '01900000-0000-7000-8000-000000000001';
export const OTHER_STORE = '01900000-0000-7000-8000-000000000002';
/** Customer 1's wallets. */
export const KZT_WALLET = '01900000-0000-7000-8000-d00000000001';
export const CUSTOMER_1 = '01900000-0000-7000-8000-c00000000001';
export const UNKNOWN_ID = '01900000-0000-7000-8000-00000000ffff';

export type Operate = (
  method: string,
  path: string,
  body?: unknown,
  idempotencyKey?: string,
) => Promise<Reply>;

/** Calls below /v1/admin with the sandbox's operator key. */
export function operatorOf(sandbox: Sandbox): Operate {
  return (method, path, body, idempotencyKey) =>
    sandbox.call(method, `/v1/admin${path}`, {
      apiKey: OPERATOR_KEY,
      ...(body === undefined ? {} : { body }),
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    });
}

/** Fails unless the answer is this error, naming this field. */
export function assertError(reply: Reply, status: number, reason: string, path?: string): void {
  assert.deepEqual([reply.status, reply.body?.reason], [status, reason], reply.text);
  assert.deepEqual([reply.body.source, typeof reply.body.requestId], ['admin', 'string']);
  if (path !== undefined) {
    const paths = reply.body.details.map((detail: { path: string }) => detail.path);
    assert.ok(paths.includes(path), `${path} is not among ${paths}`);
    assert.match(reply.body.message, new RegExp(path));
  }
}

/** A valid IIN: a birth date in the 2000s and a running number, with its check digit. */
export function iinOf(number: number): string {
  for (let serial = number * 7; ; serial += 1) {
    const eleven = `0102035${String(serial).padStart(4, '0')}`;
    const sum = (weights: readonly number[]): number =>
      weights.reduce((total, weight, i) => total + weight * Number(eleven[i]), 0) % 11;
    const first = sum([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    const check = first === 10 ? sum([3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2]) : first;
    if (check < 10) return `${eleven}${check}`;
  }
}

let customers = 0;

/** A new customer with an empty wallet. */
export async function newWallet(
  operate: Operate,
  currency = 'KZT',
  requiresConfirmation = false,
): Promise<{ walletId: string; phoneNumber: string; iin: string }> {
  customers += 1;
  const phoneNumber = `+7702${String(customers).padStart(7, '0')}`;
  const iin = iinOf(customers);
  const customer = await operate('POST', '/wallet-holders', { phoneNumber, iin });
  assert.equal(customer.status, 201, customer.text);
  const path = `/wallet-holders/${customer.body.id}/wallets`;
  const wallet = await operate('POST', path, { currency, requiresConfirmation });
  assert.equal(wallet.status, 201, wallet.text);
  return { walletId: wallet.body.id, phoneNumber, iin };
}
