import assert from 'node:assert/strict';
import { test } from 'node:test';
import { forwardedAddress, networkOf, parseAddress } from '../../src/http/addresses.ts';

test('every spelling of an address is one address', () => {
  const spellings: Readonly<Record<string, readonly string[]>> = {
    '203.0.113.8': [
      '203.0.113.8',
      ' 203.0.113.8 ',
      '203.0.113.8:4001',
      '"203.0.113.8:4002"',
      '::ffff:203.0.113.8',
      '::FFFF:cb00:7108',
      '[::ffff:203.0.113.8]',
      '[::ffff:203.0.113.8]:443',
      '0:0:0:0:0:ffff:203.0.113.8',
    ],
    '2001:db8::8': [
      '2001:db8::8',
      '2001:DB8:0:0:0:0:0:8',
      '2001:0db8:0000:0000:0000:0000:0000:0008',
      '[2001:db8::8]',
      '[2001:db8::8]:4001',
      '"[2001:db8::8]:4001"',
      '2001:db8::8%eth0',
      '[2001:db8::8%25]',
    ],
  };
  for (const [address, spelt] of Object.entries(spellings))
    for (const text of spelt) assert.equal(forwardedAddress(text), address, text);
});

test('words that are no address are none', () => {
  const words = ['', 'unknown', '_hidden', 'localhost', '203.0.113', '203.0.113.8.9', '010.0.0.1', '0x7f.1'];
  const more = [
    '2130706433',
    '203.0.113.8:',
    '203.0.113.8:port',
    '[203.0.113.8',
    '2001:db8::8::1',
    '::g',
    ':80',
  ];
  for (const word of [...words, ...more]) assert.equal(forwardedAddress(word), null, word);
});

test('a field takes an address alone, and keeps its one spelling', () => {
  assert.deepEqual(parseAddress('::ffff:192.0.2.7'), { ok: true, value: '192.0.2.7' });
  assert.deepEqual(parseAddress('2001:DB8::0001'), { ok: true, value: '2001:db8::1' });
  for (const text of ['192.0.2.7:80', '[2001:db8::1]', ' 192.0.2.7', ''])
    assert.ok(!parseAddress(text).ok, text);
});

test('addresses of IPv6 in one network count as one, however they are shortened', () => {
  assert.equal(networkOf('192.0.2.7'), '192.0.2.7');
  const networks = ['2001:db8::1', '2001:db8::2', '2001:db8:0:0:ffff::'].map(networkOf);
  assert.deepEqual(networks, ['2001:db8::/64', '2001:db8::/64', '2001:db8::/64']);
  assert.notEqual(networkOf('2001:db8:0:1::1'), networkOf('2001:db8::1'));
});
