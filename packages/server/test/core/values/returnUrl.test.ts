import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  isReturnTarget,
  leadsToApp,
  parseReturnUrl,
  returnTargetOf,
} from '../../../src/core/values/returnUrl.ts';

describe('an address to come back to', () => {
  for (const [text, target] of [
    ['https://shop.example/back?a=1#b', 'https://shop.example'],
    ['http://127.0.0.1:3000/', 'http://127.0.0.1:3000'],
    ['myapp://pay/return', 'myapp://'],
    ['kz.shop.app://pay', 'kz.shop.app://'],
    ['MyApp://pay', 'myapp://'],
  ] as const) {
    test(`${text} is one`, () => {
      const url = parseReturnUrl(text);
      assert.ok(url.ok);
      assert.equal(returnTargetOf(url.value), target);
      assert.equal(leadsToApp(url.value), !target.startsWith('http'));
      assert.ok(isReturnTarget(target));
    });
  }

  for (const text of [
    'javascript://shop.example/%0aalert(1)',
    'JavaScript://a',
    'java\tscript://a',
    ' javascript://a',
    'javascript:alert(1)',
    'data:text/html,x',
    'data://text/html,x',
    'file:///etc/passwd',
    'vbscript://a',
    'blob:https://shop.example/1',
    'intent://pay#Intent;scheme=other;end',
    'view-source://a',
    'about:blank',
    'wss://shop.example',
    'myapp:pay',
    'x://a',
    'https://u:p@shop.example',
    'myapp://u:p@pay',
    'myapp://pay/'.padEnd(2_001, 'x'),
    'shop.example',
    '',
  ]) {
    test(`${JSON.stringify(text.slice(0, 40))} is none`, () => assert.equal(parseReturnUrl(text).ok, false));
  }

  test('what a merchant lists is written in one way', () => {
    for (const text of [
      'myapp:',
      'myapp://pay',
      'MyApp://',
      'javascript://',
      'https://',
      'https://shop.example/',
      '://',
    ])
      assert.equal(isReturnTarget(text), false, text);
  });
});
