/** How the dashboard's files are served; what is in them has tests of its own. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { pino } from 'pino';
import { readConfig } from '../../src/app/config.ts';
import { dashboardRoutes } from '../../src/app/dashboardRoutes.ts';
import type { Deps } from '../../src/app/deps.ts';
import { type App, createBaseApp } from '../../src/http/baseApp.ts';

let folder: string;
let app: App;
before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'plexy-dashboard-'));
  app = createBaseApp({ logger: pino({ level: 'silent' }), config: readConfig({}) } as unknown as Deps);
  dashboardRoutes(app, path.join(folder, 'dist'), { mode: 'sandbox', oidc: null });
  await app.ready();
});
after(async () => {
  await app.close();
  await rm(folder, { recursive: true });
});

async function build(): Promise<void> {
  await mkdir(path.join(folder, 'dist/assets'), { recursive: true });
  await writeFile(path.join(folder, 'secret.txt'), 'secret');
  await writeFile(path.join(folder, 'dist/index.html'), '<!doctype html><head><title>Page</title></head>');
  await writeFile(path.join(folder, 'dist/icon.svg'), '<svg xmlns="http://www.w3.org/2000/svg"/>');
  await writeFile(path.join(folder, 'dist/assets/app-1a2b.js'), 'let plain;');
  await writeFile(path.join(folder, 'dist/assets/app-1a2b.js.gz'), gzipSync('let plain;'));
}

test('until it is built a page says how to build it', async () => {
  const reply = await app.inject('/dashboard');
  assert.equal(reply.statusCode, 503);
  assert.match(reply.body, /npm run build -w packages\/dashboard/);
  await build();
  assert.equal((await app.inject('/dashboard')).statusCode, 200);
});

test('every path without an extension is the page, with a nonce of its own and no inline script', async () => {
  const nonces = new Set<string>();
  for (const url of ['/dashboard', '/dashboard/', '/dashboard/transactions/1', '/dashboard/sign-in?to=x']) {
    const { statusCode, headers, body } = await app.inject(url);
    assert.deepEqual([statusCode, headers['cache-control']], [200, 'no-cache'], url);
    const policy = String(headers['content-security-policy']);
    const nonce = /style-src 'self' 'nonce-([\w+/=]{22,})'/.exec(policy)?.[1] ?? '';
    assert.ok(body.includes(`<meta property="csp-nonce" nonce="${nonce}">`), policy);
    nonces.add(nonce);
    assert.match(policy, /default-src 'none'; script-src 'self';.* frame-ancestors 'none'/);
    assert.doesNotMatch(policy, /unsafe/);
  }
  assert.equal(nonces.size, 4);
});

test('the page knows what the identity provider is called, whatever that is', async () => {
  const named = createBaseApp({
    logger: pino({ level: 'silent' }),
    config: readConfig({}),
  } as unknown as Deps);
  const { oidc } = readConfig({
    ...{ OIDC_ISSUER: 'https://login.example.com', OIDC_CLIENT_ID: 'plexy', OIDC_CLIENT_SECRET: 'secret' },
    OIDC_NAME: `A"><script>$&$'`,
  });
  dashboardRoutes(named, path.join(folder, 'dist'), { mode: 'production', oidc });
  const { body } = await named.inject('/dashboard');
  const name = 'A&quot;&gt;&lt;script&gt;$&amp;$&#39;';
  assert.ok(body.includes(`<meta name="identity-provider" content="${name}"><title>`), body);
  assert.ok(!(await app.inject('/dashboard')).body.includes('identity-provider'));
  await named.close();
});

test('assets are cached for good and compressed, other files are asked for again', async () => {
  const asset = await app.inject('/dashboard/assets/app-1a2b.js');
  assert.equal(asset.headers['cache-control'], 'public, max-age=31536000, immutable');
  assert.match(String(asset.headers['content-type']), /javascript/);
  const headers = { 'accept-encoding': 'gzip' };
  const packed = await app.inject({ url: '/dashboard/assets/app-1a2b.js', headers });
  assert.equal(packed.headers['content-encoding'], 'gzip');
  const icon = await app.inject('/dashboard/icon.svg');
  assert.deepEqual([icon.statusCode, icon.headers['cache-control']], [200, 'public, max-age=0']);
});

test('nothing else is served: no missing file, no file outside, no bare index.html', async () => {
  for (const url of ['assets/none.js', 'index.html', '../secret.txt', '%2e%2e/secret.txt', '..%2fsecret.txt'])
    assert.doesNotMatch((await app.inject(`/dashboard/${url}`)).body, /secret$|Page/, url);
  const missing = await app.inject('/dashboard/assets/none.js');
  assert.deepEqual([missing.statusCode, missing.json().reason], [404, 'not_found']);
});

test('people who open the root are led to the dashboard; programs still get the error in JSON', async () => {
  const accept = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
  const browser = await app.inject({ url: '/', headers: { accept } });
  assert.deepEqual([browser.statusCode, browser.headers.location], [302, '/dashboard']);
  for (const headers of [{}, { accept: '*/*' }, { accept: 'application/json' }]) {
    const reply = await app.inject({ url: '/', headers });
    assert.equal(reply.statusCode, 404);
    assert.equal(reply.headers.vary, 'accept');
  }
});
