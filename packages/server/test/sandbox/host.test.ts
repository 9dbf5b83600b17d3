/** DNS rebinding: a page whose name resolves to this machine must not reach a sandbox, whose keys everybody knows. */
import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { readConfig } from '../../src/app/config.ts';
import { hostCheck } from '../../src/sandbox/host.ts';
import { OPERATOR_KEY, type Sandbox, startSandbox } from '../support/sandbox.ts';

let sandbox: Sandbox;
before(async () => {
  sandbox = await startSandbox({ ALLOWED_HOSTS: 'plexy.internal', PUBLIC_URL: 'https://pay.example' });
});
after(() => sandbox.stop());

/** A request as a browser sends it to a name that it has resolved to this machine. */
function asHost(
  host: string,
  method = 'GET',
  path = '/v1/admin/wallet-holders',
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = { host, origin: `http://${host}`, authorization: OPERATOR_KEY };
    const sent = httpRequest(`${sandbox.url}${path}`, { method, headers }, (response) => {
      let text = '';
      response.on('data', (part: Buffer) => {
        text += part.toString();
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    sent.on('error', reject);
    sent.end();
  });
}

describe('a sandbox', () => {
  test('answers to its own names', async () => {
    const { port } = new URL(sandbox.url);
    for (const name of ['127.0.0.1', 'localhost', 'LOCALHOST', 'plexy.internal', 'pay.example'])
      for (const host of [name, `${name}:${port}`]) {
        const { status, text } = await asHost(host);
        assert.equal(status, 200, `${host} ${text}`);
      }
  });

  for (const [method, path] of [
    ['GET', '/v1/admin/wallet-holders'],
    ['POST', '/v1/webhook-endpoints'],
    ['GET', '/dashboard'],
    ['GET', '/docs'],
    ['GET', '/metrics'],
    ['GET', '/health'],
  ] as const) {
    test(`refuses ${method} ${path} at another name`, async () => {
      for (const host of [
        'rebind.evil.example',
        'rebind.evil.example:8080',
        'localhost.evil.example',
        'a@localhost',
      ]) {
        const { status, text } = await asHost(host, method, path);
        assert.equal(status, 403, `${host} ${text}`);
        assert.equal(JSON.parse(text).reason, 'host_not_allowed');
      }
    });
  }
});

test('addresses need no look-up, so none can be rebound', () => {
  const isOwn = hostCheck(readConfig({}));
  for (const host of ['127.0.0.1:8080', '[::1]:8080', '[::1]', '192.168.1.20:8080', '10.0.0.1'])
    assert.equal(isOwn(host), true, host);
  for (const host of [
    '127.0.0.1.evil.example',
    '0x7f.1',
    '2130706433',
    '[evil]',
    '::1',
    'x/y',
    'localhost:80:80',
  ])
    assert.equal(isOwn(host), false, host);
  assert.equal(isOwn(undefined), true);
  assert.equal(hostCheck(readConfig({ HOST: 'localhost' }))('localhost'), true);
});
