/** A client has one address, however a proxy in front spells it. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Sandbox, startSandbox } from '../support/sandbox.ts';
import { attempt } from '../support/user.ts';

let sandbox: Sandbox;
before(async () => {
  sandbox = await startSandbox({ TRUSTED_PROXIES: '127.0.0.1, 10.0.0.0/8, 2001:db8:ffff::/48' });
});
after(() => sandbox.stop());

/** How many addresses wrong sign-ins are counted for, when they come through these. */
async function addressesCounted(chains: readonly string[]): Promise<number> {
  await sandbox.pool.query('DELETE FROM sign_in_attempt');
  for (const [i, chain] of chains.entries()) {
    const reply = await attempt(sandbox.url, `nobody${i}@example.test`, 'x', { 'x-forwarded-for': chain });
    assert.equal(reply.status, 401, reply.text);
  }
  const { rows } = await sandbox.pool.query(
    `SELECT count(*)::int AS n FROM sign_in_attempt WHERE starts_with(subject, 'address')`,
  );
  return rows[0].n;
}

test('wrong sign-ins count for one client, whatever port or spelling the proxy adds', async () => {
  const spellings = [
    '203.0.113.8',
    '203.0.113.8:4001',
    '[::ffff:203.0.113.8]:4003',
    '198.51.100.1, 203.0.113.8:4004, [2001:db8:ffff::1]:443, ::ffff:10.0.0.1',
  ];
  assert.equal(await addressesCounted(spellings), 1);
  assert.equal(await addressesCounted(['203.0.113.8:4001', '203.0.113.9:4001']), 2);
});

test('a word that is no address counts for the proxy that wrote it', async () => {
  assert.equal(await addressesCounted(['unknown', '203.0.113.8, b', '']), 1);
  assert.equal(await addressesCounted(['unknown, 10.0.0.1', 'hidden, 10.0.0.2:80']), 2);
});

test('addresses of one network of IPv6 count as one client', async () => {
  assert.equal(await addressesCounted(['2001:db8::1', '[2001:DB8:0:0:9::]:80']), 1);
});

test('the payer’s address is kept, and told the bank, in its one spelling', async () => {
  const reply = await sandbox.call('POST', '/v1/payments', {
    idempotencyKey: 'payer',
    body: {
      ...{ amount: 1_000, currency: 'KZT', orderReference: 'ORDER-1', payerIp: '::ffff:192.0.2.7' },
      card: { number: '4242424242424242', expiryMonth: 12, expiryYear: 2090, cvc: '123' },
    },
  });
  assert.deepEqual([reply.status, reply.body.payerIp], [201, '192.0.2.7'], reply.text);
});
