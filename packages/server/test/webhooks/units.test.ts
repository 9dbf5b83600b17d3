/** The pure parts of webhooks: ids, signatures, the schedule of retries, and which addresses are allowed. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import type { LookupFunction } from 'node:net';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { messageIdOf, parseMessageId } from '../../src/core/values/ids.ts';
import { guardedLookup, isAllowedAddress, isForbiddenHost } from '../../src/webhooks/addresses.ts';
import { isGivenUp, RETRY_DELAYS_MS, retryDelay } from '../../src/webhooks/schedule.ts';
import { generateSecret, keyOfSecret, signedHeaders } from '../../src/webhooks/sign.ts';

const DOCS = new URL('../../../../docs/', import.meta.url);

test('an id spells its event, and no other', () => {
  fc.assert(
    fc.property(fc.uuid(), fc.integer({ min: 0, max: 0x7fffffff }), (transactionId, seq) => {
      const id = messageIdOf({ transactionId, seq });
      assert.match(id, /^msg_[0-9A-HJKMNP-TV-Z]{32}$/);
      assert.deepEqual(parseMessageId(id), { ok: true, value: { transactionId, seq } });
    }),
  );
  for (const text of ['', 'msg_', 'msg_U'.padEnd(36, '0'), `msg_${'0'.repeat(31)}`, `msg_${'Z'.repeat(32)}`])
    assert.equal(parseMessageId(text).ok, false, text);
});

describe('signatures', () => {
  const body = '{"name":"transaction.charged","data":{"balance":90071992547409930001,"text":"Алматы ₸"}}';
  const sign = (secrets: readonly string[], at = Math.floor(Date.now() / 1_000)) =>
    signedHeaders(secrets.map(keyOfSecret), 'msg_1', at, body);

  test('the official library verifies them, and nothing that was changed', () => {
    const secret = generateSecret();
    const headers = sign([secret]);
    new Webhook(secret).verify(body, headers);
    assert.throws(() => new Webhook(secret).verify(`${body} `, headers));
    assert.throws(() => new Webhook(secret).verify(body, { ...headers, 'webhook-id': 'msg_2' }));
    assert.throws(() => new Webhook(generateSecret()).verify(body, headers));
    assert.throws(() => new Webhook(secret).verify(body, sign([secret], 1_000_000_000)));
  });

  test('either of two secrets verifies what was signed with both', () => {
    const [current, old] = [generateSecret(), generateSecret()];
    const headers = sign([current, old]);
    for (const secret of [current, old]) new Webhook(secret).verify(body, headers);
    assert.equal(headers['webhook-signature'].split(' ').length, 2);
  });
});

describe('the schedule of retries', () => {
  test('lasts as long as the documentation says', async () => {
    const [limits, guide] = await Promise.all(
      ['limits.md', 'webhooks.md'].map((name) => readFile(new URL(name, DOCS), 'utf8')),
    );
    const days = RETRY_DELAYS_MS.reduce((sum, ms) => sum + ms, 0) / 86_400_000;
    assert.ok(days > 2 && days < 2.25, `${days} days`);
    assert.equal(RETRY_DELAYS_MS.length, 8);
    assert.match(limits ?? '', /tried again, eight times in a little over two days/);
    assert.match(
      (guide ?? '').replaceAll('\n', ' '),
      /each 20 % more or less, in all a little over two days/,
    );
  });

  test('5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 10 h, 24 h, each within 20 %, and then none', () => {
    assert.deepEqual(
      RETRY_DELAYS_MS.map((ms) => ms / 1_000),
      [5, 300, 1_800, 7_200, 18_000, 36_000, 36_000, 86_400],
    );
    for (const [i, delay] of RETRY_DELAYS_MS.entries()) {
      assert.equal(retryDelay(i + 1, null, 0), Math.round(delay * 0.8));
      assert.equal(retryDelay(i + 1, null, 0.5), delay);
      assert.equal(retryDelay(i + 1, null, 1), Math.round(delay * 1.2));
    }
    assert.equal(retryDelay(9, null, 0.5), null);
    assert.equal(retryDelay(9, 1_000, 0.5), null);
  });

  test('Retry-After counts when it is longer, and for a day at most', () => {
    assert.equal(retryDelay(1, 60_000, 0.5), 60_000);
    assert.equal(retryDelay(2, 60_000, 0.5), 300_000);
    assert.equal(retryDelay(1, 1e12, 0.5), 86_400_000);
  });

  test('an endpoint is given up after five days of nothing but failures', () => {
    const day = 86_400_000;
    assert.deepEqual([isGivenUp(0, 5 * day - 1), isGivenUp(0, 5 * day)], [false, true]);
  });
});

describe('addresses', () => {
  const PUBLIC = [
    '8.8.8.8',
    '1.1.1.1',
    '172.15.0.1',
    '172.32.0.1',
    '100.63.0.1',
    '100.128.0.1',
    '2606:4700::1111',
    '2a00:1450::1',
  ];
  const LOOPBACK = ['127.0.0.1', '127.255.255.254', '::1', '::ffff:127.0.0.1', '::ffff:7f00:1'];
  const FORBIDDEN = [
    ...['0.0.0.0', '0.1.2.3', '10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', '169.254.169.254'],
    ...[
      '100.64.0.1',
      '100.127.255.255',
      '192.0.0.8',
      '192.0.2.1',
      '198.18.0.1',
      '198.19.255.255',
      '198.51.100.1',
    ],
    ...['168.63.129.16', '::ffff:168.63.129.16'],
    ...['203.0.113.1', '192.88.99.1', '224.0.0.1', '239.255.255.250', '240.0.0.1', '255.255.255.255'],
    ...['::', '::ffff:10.0.0.1', '::ffff:169.254.169.254', '::ffff:8.8.8.8', '::8.8.8.8', '64:ff9b::a00:1'],
    ...[
      '64:ff9b::808:808',
      '64:ff9b:1::1',
      'fe80::1',
      'fec0::1',
      'fc00::1',
      'fd12:3456::1',
      'ff02::1',
      'fd00:ec2::254',
    ],
    ...[
      '2001:db8::1',
      '2002:a00:1::',
      '2001::1',
      '100::1',
      '3fff::1',
      '5f00::1',
      '4000::1',
      'not an address',
      '',
    ],
  ];

  test('public unicast only', () => {
    for (const address of PUBLIC) assert.ok(isAllowedAddress(address, false), address);
    for (const address of [...LOOPBACK, ...FORBIDDEN]) assert.ok(!isAllowedAddress(address, false), address);
  });

  test('in a sandbox this machine as well, and nothing else', () => {
    for (const address of [...PUBLIC, ...LOOPBACK]) assert.ok(isAllowedAddress(address, true), address);
    for (const address of FORBIDDEN) assert.ok(!isAllowedAddress(address, true), address);
  });

  test('a URL’s host in whatever spelling', () => {
    const hosts = [
      '127.1',
      '0x7f000001',
      '2130706433',
      '0177.0.0.1',
      '[::ffff:a00:1]',
      '[64:ff9b::7f00:1]',
      '169.254.169.254.',
    ];
    for (const host of hosts) {
      const { hostname } = new URL(`https://${host}/`);
      assert.ok(isForbiddenHost(hostname, false), `${host} is ${hostname}`);
    }
    assert.ok(!isForbiddenHost('shop.example', false));
  });

  test('a name with any address that is not allowed is not looked up', async () => {
    const look = (addresses: string[], all: boolean) =>
      new Promise((resolve) => {
        const found = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
        const system: LookupFunction = (_name, _options, callback) => callback(null, found);
        guardedLookup(false, system)('shop.example', { all }, (error, ...rest) =>
          resolve(error === null ? rest : (error as NodeJS.ErrnoException).code),
        );
      });
    assert.deepEqual(await look(['8.8.8.8'], false), ['8.8.8.8', 4]);
    assert.deepEqual(await look(['8.8.8.8'], true), [[{ address: '8.8.8.8', family: 4 }]]);
    assert.equal(await look(['8.8.8.8', '10.0.0.1'], true), 'FORBIDDEN_ADDRESS');
    assert.equal(await look(['::1'], false), 'FORBIDDEN_ADDRESS');
    assert.equal(await look([], true), 'FORBIDDEN_ADDRESS');
  });
});
