/** What one merchant does, or a stranger, is not what another waits for: over HTTP, on a whole server. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { createMerchants, createWallet, type TestMerchant } from '../support/ledger.ts';
import { OTHER_KEY, type Reply, type Sandbox, startSandbox } from '../support/sandbox.ts';

let sandbox: Sandbox;
let merchants: TestMerchant[];
before(async () => {
  sandbox = await startSandbox();
  merchants = await createMerchants(sandbox.pool, 20);
});
after(() => sandbox.stop());

/** Writes so many requests to one connection at once. @returns the status of each answer, in order */
function pipelined(count: number, request: (n: number) => string): Promise<number[]> {
  const { hostname, port } = new URL(sandbox.url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    let text = '';
    const statuses = (): number[] =>
      [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
    socket.on('connect', () => socket.write(Array.from({ length: count }, (_, n) => request(n)).join('')));
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (statuses().length >= count) socket.destroy();
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(statuses()));
  });
}

const list = (apiKey: string) => (): string =>
  `GET /v1/transactions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: ${apiKey}\r\n\r\n`;

describe('requests that one connection sends without waiting', () => {
  test('are answered in their order up to a hundred, and then it is closed', async () => {
    const statuses = await pipelined(1_000, list('pr_test_demo'));
    assert.ok(statuses.length >= 100 && statuses.length < 1_000, `${statuses.length} answers`);
    assert.deepEqual([...new Set(statuses.slice(0, 100))], [200]);
    assert.deepEqual(statuses.slice(100), [429]);
  });

  test('as many as well-behaved clients send are all answered', async () => {
    assert.deepEqual(await pipelined(50, list('pr_test_demo')), Array(50).fill(200));
  });

  test('and that wait for answers one after the other are not counted for ever', async () => {
    for (let i = 0; i < 150; i += 1)
      assert.equal((await sandbox.call('GET', '/v1/wallet/transactions?limit=1')).status, 200);
  });
});

describe('while reads of a merchant wait for a table', () => {
  /** With `table` locked, so that whoever reads it waits. */
  async function withLocked<T>(table: string, work: () => Promise<T>): Promise<T> {
    const locker = await sandbox.pool.connect();
    try {
      // Longer than a session of ours may be idle in a transaction.
      await locker.query('BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0');
      await locker.query(`LOCK ${table} IN ACCESS EXCLUSIVE MODE`);
      return await work();
    } finally {
      await locker.query('ROLLBACK');
      locker.release();
    }
  }

  test('others read and pay, keys are looked up, and what is too much is refused at once', async () => {
    const wallet = await createWallet(sandbox.pool, { available: 1_000 });
    const { phoneNumber, iin } = wallet;
    const reading = await withLocked('request_log', async () => {
      const reads = Array.from({ length: 260 }, () => sandbox.call('GET', '/v1/request-log'));
      const refused = reads.map(async (read) => {
        const reply = await read;
        return reply.status === 429 ? reply : new Promise<never>(() => undefined);
      });
      const first = await Promise.race([...refused, setTimeout(4_000, null)]);
      assert.equal(first?.status, 429, 'waiting is bounded');
      assert.equal(first?.body.reason, 'rate_limited');
      assert.match(first?.headers.get('retry-after') ?? '', /^\d+$/);
      for (const { apiKey } of merchants) {
        const others: Promise<Reply>[] = [
          sandbox.call('GET', '/v1/transactions', { apiKey }),
          sandbox.call('GET', '/v1/statistics', { apiKey }),
          sandbox.authorize({ phoneNumber, iin, amount: 1 }, { apiKey }),
        ];
        assert.deepEqual(
          (await Promise.all(others)).map(({ status }) => status),
          [200, 200, 201],
        );
      }
      assert.equal(
        (await sandbox.authorize({ phoneNumber, iin, amount: 1 })).status,
        201,
        'and its own payments',
      );
      return reads;
    });
    const statuses = (await Promise.all(reading)).map(({ status }) => status);
    assert.ok(
      // What waited for the table longer than a list may take is a 400.
      statuses.every((status) => [200, 400, 429, 503].includes(status)),
      statuses.join(),
    );
  });

  test('it has one query of statistics at a time, whatever it asks for', async () => {
    const { apiKey = '' } = merchants[0] ?? {};
    await withLocked('webhook_endpoint', async () => {
      const issues = sandbox.call('GET', '/v1/issues', { apiKey });
      const more = [3, 2, 1].map((hours) => {
        const to = new Date(Date.now() - hours * 3_600_000).toISOString();
        return sandbox.call('GET', `/v1/statistics?to=${to}`, { apiKey });
      });
      assert.equal(await Promise.race([issues, ...more, setTimeout(700, 'all wait')]), 'all wait');
      assert.equal((await sandbox.call('GET', '/v1/statistics', { apiKey: OTHER_KEY })).status, 200);
      assert.equal(
        (await sandbox.call('GET', '/v1/transactions', { apiKey })).status,
        200,
        'its lists go on',
      );
      return issues;
    });
  });
});

describe('unknown API keys', () => {
  test('from one address are refused without a query beyond a limit, and a key that is known is not', async () => {
    assert.equal((await sandbox.call('GET', '/v1/transactions')).status, 200);
    const replies: Reply[] = [];
    const isRefused = ({ status }: Reply): boolean => status === 429;
    // Twenty more are let through for each second that this takes: a slow machine has to send more of them.
    for (let i = 0; !replies.some(isRefused) && i < 100; i += 1) {
      const tries = Array.from({ length: 100 }, (_, n) =>
        sandbox.call('GET', '/v1/transactions', { apiKey: `pr_test_nobody_${i}_${n}` }),
      );
      replies.push(...(await Promise.all(tries)));
    }
    const refused = replies.filter(isRefused);
    assert.ok(refused.length > 0, 'a limit');
    assert.ok(replies.some(({ body }) => body.reason === 'invalid_api_key'));
    assert.match(refused[0]?.headers.get('retry-after') ?? '', /^\d+$/);
    await setTimeout(1_050);
    assert.equal((await sandbox.call('GET', '/v1/transactions')).status, 200, 'its second is over');
  });

  test('that no key can look like are looked for nowhere', async () => {
    const locker = await sandbox.pool.connect();
    try {
      // Longer than a session of ours may be idle in a transaction.
      await locker.query('BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0');
      await locker.query('LOCK api_key IN ACCESS EXCLUSIVE MODE');
      for (const apiKey of ['nobody', 'pr_test_', 'pr_test_a b', `pr_test_${'x'.repeat(200)}`]) {
        const reply = await sandbox.call('GET', '/v1/transactions', { apiKey });
        assert.deepEqual([reply.status, reply.body.reason], [401, 'invalid_api_key'], apiKey);
      }
    } finally {
      await locker.query('ROLLBACK');
      locker.release();
    }
  });
});
