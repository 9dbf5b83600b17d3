/** One batch with requests side by side, decided by itself: what over HTTP only luck brings together. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { v7 as uuidv7 } from 'uuid';
import type { Command } from '../../src/core/command.ts';
import type { TransactionId } from '../../src/core/values/ids.ts';
import { type Once, type Request, runBatch, type Settled } from '../../src/engine/batch.ts';
import { Memory } from '../../src/engine/memory.ts';
import { lateTransactionAnswer } from '../../src/payments/transactionViews.ts';
import { createMerchants, createWallet, type TestWallet } from '../support/ledger.ts';
import { type Sandbox, startSandbox } from '../support/sandbox.ts';

let sandbox: Sandbox;
let wallet: TestWallet;
before(async () => {
  sandbox = await startSandbox();
  wallet = await createWallet(sandbox.pool, { available: 1_000 });
});
after(() => sandbox.stop());

const DEMO_STORE = '01900000-0000-7000-8000-000000000001';

function authorization(amount: bigint): Command {
  const { phoneNumber: phone, iinHash, currency } = wallet;
  const transactionId = uuidv7() as TransactionId;
  const rest = { phone, iinHash, currency, orderReference: 'SIDE-BY-SIDE' };
  return { kind: 'authorize', transactionId, merchantId: DEMO_STORE, amount, ...rest };
}

type More = Partial<
  Pick<Request, 'sender'> & Pick<Once, 'key' | 'fingerprint' | 'scopeId' | 'apiKeyId' | 'render'>
>;

function requestOf(command: Command, { sender, ...more }: More = {}): Request {
  return {
    id: randomUUID(),
    command,
    sender: sender ?? { actor: 'api', merchantId: DEMO_STORE, paymentMethod: 'wallet' },
    once: {
      apiKeyId: null,
      scopeId: DEMO_STORE,
      key: randomUUID(),
      ...{ fingerprint: 'one', otherFingerprints: [], usual: null },
      render: (outcome) =>
        outcome.kind === 'transaction'
          ? { statusCode: 201, body: outcome.transaction.id }
          : { statusCode: 404, body: outcome.kind },
      ...more,
    },
  };
}

async function batchOf(...requests: Request[]): Promise<readonly Settled[]> {
  const client = await sandbox.pool.connect();
  const options = { retry: false, apart: false, gated: false, can: () => true, memory: new Memory() };
  const batch = runBatch(client, requests, lateTransactionAnswer, options);
  return (await batch.finally(() => client.release())).settled;
}

async function held(): Promise<bigint> {
  const { rows } = await sandbox.pool.query('SELECT held FROM account WHERE id = $1', [wallet.id]);
  return rows[0].held;
}

describe('two requests with one key in one batch', () => {
  test('and one fingerprint: one effect, and its answer for both', async () => {
    const before = await held();
    const key = randomUUID();
    const [first, second] = await batchOf(
      requestOf(authorization(7n), { key }),
      requestOf(authorization(7n), { key }),
    );
    assert.equal(first?.kind, 'answered');
    assert.deepEqual(second, { ...first, replayed: true, outcome: null });
    assert.equal((await held()) - before, 7n);
  });

  test('and two fingerprints: the second is refused, whatever the first was answered', async () => {
    const before = await held();
    const key = randomUUID();
    const settled = await batchOf(
      requestOf(authorization(7n), { key, fingerprint: 'one' }),
      requestOf(authorization(9n), { key, fingerprint: 'two' }),
    );
    assert.deepEqual(
      settled.map(({ kind }) => kind),
      ['answered', 'key_reused'],
    );
    assert.equal((await held()) - before, 7n);
  });

  test('and what was not decided: the second is tried again, and gets no other’s refusal', async () => {
    const key = randomUUID();
    const unknown = { kind: 'cancel', amount: 1n, operationId: randomUUID() } as const;
    const settled = await batchOf(
      requestOf({ ...unknown, transactionId: uuidv7() as TransactionId }, { key }),
      requestOf(authorization(9n), { key, fingerprint: 'two' }),
    );
    assert.deepEqual(
      settled.map(({ kind }) => kind),
      ['answered', 'again'],
    );
  });

  test('of two merchants: both are carried out', async () => {
    const before = await held();
    const key = randomUUID();
    const settled = await batchOf(
      requestOf(authorization(7n), { key }),
      requestOf(authorization(9n), { key, scopeId: randomUUID(), fingerprint: 'two' }),
    );
    assert.deepEqual(
      settled.map(({ kind }) => kind),
      ['answered', 'answered'],
    );
    assert.equal((await held()) - before, 16n);
  });
});

describe('what a batch does beside its effects', () => {
  const sender = (merchantId: string) => ({ actor: 'api', merchantId, paymentMethod: null }) as const;
  const captureOf = (transactionId: TransactionId): Command => ({
    ...{ kind: 'capture', transactionId, amount: null, operationId: randomUUID() },
  });

  /** A merchant who has never had money, with payments of these amounts. */
  async function authorizedBy(...amounts: bigint[]): Promise<{ merchantId: string; ids: TransactionId[] }> {
    const [merchant] = await createMerchants(sandbox.pool, 1);
    assert.ok(merchant !== undefined);
    const merchantId = merchant.id;
    const ids: TransactionId[] = [];
    for (const amount of amounts) {
      const command = { ...authorization(amount), merchantId } as Command & { transactionId: TransactionId };
      await batchOf(requestOf(command, { sender: sender(merchantId), scopeId: merchantId }));
      ids.push(command.transactionId);
    }
    return { merchantId, ids };
  }

  test('a command that names a stranger’s payment makes nothing of theirs', async () => {
    const { merchantId, ids } = await authorizedBy(5n);
    const [id] = ids;
    assert.ok(id !== undefined);
    const refused = requestOf(captureOf(id), {
      sender: sender(DEMO_STORE),
      render: (outcome) => ({ statusCode: 404, body: outcome.kind }),
    });
    await batchOf(refused);
    const { rows } = await sandbox.pool.query('SELECT FROM account WHERE owner_id = $1', [merchantId]);
    assert.equal(rows.length, 0);
  });

  test('each answer shows the balance after its own command, whatever was committed before', async () => {
    const { merchantId, ids } = await authorizedBy(5n, 7n, 11n);
    const shown: (bigint | null)[] = [];
    const requests = ids.map((id) =>
      requestOf(captureOf(id), {
        ...{ sender: sender(merchantId), scopeId: merchantId },
        render: (outcome, balance) => {
          shown.push(balance);
          return { statusCode: 200, body: outcome.kind };
        },
      }),
    );
    await batchOf(...requests.slice(0, 1));
    await batchOf(...requests.slice(1));
    assert.deepEqual(shown, [5n, 12n, 23n]);
  });
});
