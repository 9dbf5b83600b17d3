/** What is asked of an identity provider, and what is believed of its answers: a false one, a slow one, one in a wrong place. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { pino } from 'pino';
import { readConfig } from '../../src/app/config.ts';
import { type Server as Node, startServer } from '../../src/app/server.ts';
import { type Departure, NotProvedError, Provider } from '../../src/identity/oidc/provider.ts';
import {
  createProviderFetch,
  isProvidersAddress,
  ProviderUnreachableError,
} from '../../src/identity/oidc/providerFetch.ts';
import { ForbiddenAddressError } from '../../src/webhooks/addresses.ts';
import { CERTIFICATE } from '../support/certificate.ts';
import { createDatabase, stopDatabaseServer, type TestDatabase } from '../support/database.ts';
import { type OidcProvider, startOidcProvider } from '../support/oidcProvider.ts';
import { SsoBrowser } from '../support/ssoBrowser.ts';

const ASKED = { method: 'GET', headers: {}, body: undefined, redirect: 'manual' } as const;

describe('where a provider is asked', () => {
  test('is the internet or a private network, and neither this machine nor what a cloud tells its machines', () => {
    for (const address of [
      '8.8.8.8',
      '10.1.2.3',
      '172.16.0.1',
      '192.168.1.1',
      '100.64.0.1',
      'fd00::1',
      '2606:4700::1',
    ])
      assert.equal(isProvidersAddress(address, false), true, address);
    for (const address of [
      ...[
        '127.0.0.1',
        '::1',
        '0.0.0.0',
        '169.254.169.254',
        'fe80::1',
        '168.63.129.16',
        '224.0.0.1',
        '255.255.255.255',
      ],
      ...['::ffff:169.254.169.254', '::ffff:127.0.0.1', 'nowhere'],
    ])
      assert.equal(isProvidersAddress(address, false), false, address);
    assert.equal(isProvidersAddress('127.0.0.1', true), true);
    assert.equal(isProvidersAddress('169.254.169.254', true), false);
  });

  test('is judged by the address that a name leads to, at each request', async () => {
    const led = createProviderFetch(false, (_name, _options, callback) =>
      callback(null, [{ address: '169.254.169.254', family: 4 }]),
    );
    await assert.rejects(led('https://login.example.com/keys', ASKED), ForbiddenAddressError);
    const fetch = createProviderFetch(false);
    await assert.rejects(fetch('https://169.254.169.254/keys', ASKED), ForbiddenAddressError);
    await assert.rejects(fetch('https://[::1]/keys', ASKED), ForbiddenAddressError);
    await assert.rejects(fetch('http://login.example.com/keys', ASKED), ForbiddenAddressError);
  });
});

/** A server that says whatever it is told to. */
async function serve(
  answer: (request: IncomingMessage, response: ServerResponse, body: string) => void,
): Promise<{ readonly url: string; readonly server: Server }> {
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => {
      body += chunk;
    });
    request.on('end', () => answer(request, response, body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

test('an answer is read to its end, unless that does not come', async () => {
  const { url, server } = await serve((request, response) => {
    if (request.url === '/long') response.end('x'.repeat(300_000));
    else if (request.url === '/down') response.writeHead(502).end('{}');
    else if (request.url === '/moved') response.writeHead(302, { location: '/else' }).end();
    else if (request.url === '/json') response.writeHead(200, { 'x-a': ['1', '2'] }).end('{"a":1}');
  });
  try {
    const fetch = createProviderFetch(true);
    const json = await fetch(`${url}/json`, ASKED);
    assert.deepEqual([await json.json(), json.headers.get('x-a')], [{ a: 1 }, '1, 2']);
    assert.equal((await fetch(`${url}/moved`, ASKED)).status, 302);
    await assert.rejects(fetch(`${url}/long`, ASKED), ProviderUnreachableError);
    await assert.rejects(fetch(`${url}/down`, ASKED), ProviderUnreachableError);
    const silent = { ...ASKED, signal: AbortSignal.timeout(50) };
    await assert.rejects(fetch(`${url}/silence`, silent), ProviderUnreachableError);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

describe('a false answer', () => {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const strange = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const base64 = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const tokenOf = (claims: object, by: KeyObject, alg = 'ES256'): string => {
    const text = `${base64({ alg, kid: 'k' })}.${base64(claims)}`;
    if (alg === 'none') return `${text}.`;
    const signature = sign('sha256', Buffer.from(text), { key: by, dsaEncoding: 'ieee-p1363' });
    return `${text}.${signature.toString('base64url')}`;
  };
  let url = '';
  let server: Server;
  /** What the token endpoint answers next. */
  let idToken = '';
  let proofs: string[] = [];
  let methods: string[] | undefined;
  before(async () => {
    ({ url, server } = await serve((request, response, body) => {
      response.setHeader('content-type', 'application/json');
      if (request.url === '/.well-known/openid-configuration')
        response.end(
          JSON.stringify({
            ...{ issuer: url, authorization_endpoint: `${url}/auth`, token_endpoint: `${url}/token` },
            ...{ jwks_uri: `${url}/keys`, id_token_signing_alg_values_supported: ['ES256'] },
            token_endpoint_auth_methods_supported: methods,
          }),
        );
      else if (request.url === '/keys')
        response.end(
          JSON.stringify({ keys: [{ ...key.publicKey.export({ format: 'jwk' }), kid: 'k', use: 'sig' }] }),
        );
      else {
        proofs.push(
          request.headers.authorization?.split(' ')[0] ??
            new URLSearchParams(body).get('client_secret') ??
            '',
        );
        response.end(JSON.stringify({ access_token: 'a', token_type: 'Bearer', id_token: idToken }));
      }
    }));
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  const provider = () =>
    new Provider({
      ...{ issuer: url, isLocal: true, clientId: 'plexy', clientSecret: 'secret', name: 'n' },
      ...{ scopes: 'openid', acrValues: [], operators: null },
    });
  const departure: Departure = {
    ...{ state: 'state', nonce: 'nonce', codeVerifier: 'v'.repeat(43), maxAge: null, beganAt: 0 },
    redirectUri: 'http://127.0.0.1:1/v1/session/oidc/callback',
  };
  const now = () => Math.floor(Date.now() / 1_000);
  const claims = () => ({ iss: url, sub: 's', aud: 'plexy', nonce: 'nonce', iat: now(), exp: now() + 60 });
  const arrive = (left: Departure = departure) => provider().arrive(left, '?code=c&state=state');

  test('is told from a true one: signature, algorithm, audience, issuer, nonce, time', async () => {
    idToken = tokenOf(claims(), key.privateKey);
    assert.equal((await arrive()).identity.subject, 's');
    const wrong: Record<string, string> = {
      'a key of somebody else': tokenOf(claims(), strange.privateKey),
      'no signature': tokenOf(claims(), key.privateKey, 'none'),
      'another algorithm': tokenOf(claims(), key.privateKey, 'HS256'),
      'another client': tokenOf({ ...claims(), aud: 'another' }, key.privateKey),
      'another issuer': tokenOf({ ...claims(), iss: 'https://evil.example' }, key.privateKey),
      'another nonce': tokenOf({ ...claims(), nonce: 'x' }, key.privateKey),
      'no nonce': tokenOf({ ...claims(), nonce: undefined }, key.privateKey),
      'long ago': tokenOf({ ...claims(), iat: now() - 900, exp: now() - 600 }, key.privateKey),
      'no token': '',
    };
    for (const [what, token] of Object.entries(wrong)) {
      idToken = token;
      await assert.rejects(arrive(), NotProvedError, what);
    }
  });

  test('is one, too, that does not tell how long ago the sign-in was, when that was asked', async () => {
    // Left five minutes ago, and has only now answered what the provider asked a while ago.
    const left = { ...departure, maxAge: 0, beganAt: now() - 300 };
    for (const told of [{}, { auth_time: now() - 600 }, { auth_time: now() + 600 }]) {
      idToken = tokenOf({ ...claims(), ...told }, key.privateKey);
      await assert.rejects(arrive(left), NotProvedError, JSON.stringify(told));
    }
    for (const auth_time of [now() - 290, now()]) {
      idToken = tokenOf({ ...claims(), auth_time }, key.privateKey);
      assert.equal((await arrive(left)).identity.authenticatedAt, auth_time);
    }
  });

  test('the client’s secret is sent as the provider takes it', async () => {
    idToken = tokenOf(claims(), key.privateKey);
    proofs = [];
    await arrive();
    methods = ['client_secret_post'];
    await arrive();
    methods = undefined;
    assert.deepEqual(proofs, ['Basic', 'secret']);
  });

  test('without an end_session_endpoint nobody is sent anywhere to sign out', async () => {
    assert.equal(await provider().signOutUrl('token', 'http://127.0.0.1:1/dashboard'), null);
  });
});

describe('in production', () => {
  const trusted = getCACertificates('default');
  let provider: OidcProvider;
  let database: TestDatabase;
  let node: Node;
  const log: string[] = [];
  const start = (more: Record<string, string> = {}): Promise<Node> =>
    startServer(
      readConfig({
        ...{
          MODE: 'production',
          DATABASE_URL: database.url,
          SECRET_KEY: 'a secret of production, long enough',
        },
        ...{ PORT: '0', ADMIN_PORT: '0', TRUSTED_PROXIES: '127.0.0.1', OIDC_OPERATORS: 'groups=operators' },
        ...{ ...provider.environment, ...more },
      }),
      pino({ level: 'warn' }, { write: (line: string) => void log.push(line) }),
    );
  before(async () => {
    setDefaultCACertificates([...trusted, CERTIFICATE.cert]);
    provider = await startOidcProvider({ tls: CERTIFICATE });
    database = await createDatabase();
    node = await start();
    provider.admit(node.url, node.adminUrl ?? '');
  });
  after(async () => {
    await node?.stop();
    await provider?.stop();
    await database?.drop();
    await stopDatabaseServer();
    setDefaultCACertificates(trusted);
  });

  test('an operator is created by the claim, by https, and sets up a second factor unless the provider has asked for one', async () => {
    const person = { email_verified: true, groups: ['operators'] };
    provider.people.set('weak', { ...person, email: 'weak@acme.test' });
    provider.people.set('strong', { ...person, email: 'strong@acme.test', amr: ['pwd', 'mfa'] });
    const weak = new SsoBrowser(node.adminUrl ?? '');
    const entered = await weak.signIn('weak');
    assert.equal(entered.status, 200, JSON.stringify(entered.body));
    assert.equal(entered.body.mustSetUpSecondFactor, true);
    assert.equal(
      (await weak.call('GET', '/v1/admin/merchants')).body.reason,
      'second_factor_set_up_required',
    );
    // They have no password that they know: the provider is asked again.
    assert.equal((await weak.call('POST', '/v1/session/totp', {})).body.reason, 'password_required');
    assert.equal((await weak.signIn('weak', {}, { again: true })).status, 200);
    assert.equal((await weak.call('POST', '/v1/session/totp', {})).status, 200);
    assert.deepEqual([...weak.cookies.keys()].sort(), ['__Host-plexy_operator', 'plexy_browser']);

    const strong = new SsoBrowser(node.adminUrl ?? '');
    assert.equal((await strong.signIn('strong')).body.mustSetUpSecondFactor, false);
    assert.equal((await strong.call('GET', '/v1/admin/merchants')).status, 200);
  });

  test('what was begun at one node goes on at another, and ends with the first of them', async () => {
    const other = await start();
    try {
      provider.people.set('weak', { email: 'weak@acme.test', email_verified: true, groups: ['operators'] });
      const [url, otherUrl] = [node.adminUrl ?? '', other.adminUrl ?? ''];
      const [here, there] = [new SsoBrowser(url), new SsoBrowser(otherUrl)];
      const callback = await here.enter(await here.begin(), 'weak');
      for (const [name, value] of here.cookies) there.cookies.set(name, value);
      assert.match(await there.comeBack(callback.replace(url, otherUrl)), /oidc=proved$/);
      assert.match(await here.comeBack(callback), /oidc=identity_not_proved$/);
      assert.equal((await there.finish()).status, 200);
    } finally {
      await other.stop();
    }
  });

  test('a wrong secret of the client is told to the log, by a number, and to nobody else', async () => {
    const other = await start({ OIDC_CLIENT_SECRET: 'another secret than the provider has' });
    try {
      provider.admit(other.adminUrl ?? '');
      provider.people.set('weak', { email: 'weak@acme.test', email_verified: true, groups: ['operators'] });
      assert.match(await new SsoBrowser(other.adminUrl ?? '').travel('weak'), /oidc=identity_not_proved$/);
      const line = log.find((one) => one.includes('nobody was signed in at the identity provider')) ?? '{}';
      assert.equal(JSON.parse(line).status, 401);
      assert.ok(!log.join().includes('another secret'));
    } finally {
      await other.stop();
    }
  });

  test('a provider that nobody vouches for is not believed, and a start does not wait for one', async () => {
    setDefaultCACertificates(trusted);
    // Connections to the one of before are open, and were trusted.
    const unknown = await startOidcProvider({ tls: CERTIFICATE });
    const other = await start({ ...unknown.environment });
    try {
      const reply = await new SsoBrowser(other.adminUrl ?? '').call('POST', '/v1/session/oidc', {});
      assert.deepEqual([reply.status, reply.body.reason], [503, 'identity_provider_unavailable']);
      assert.ok(
        log.some((line) => line.includes('DEPTH_ZERO_SELF_SIGNED_CERT') || line.includes('self-signed')),
      );
    } finally {
      await other.stop();
      await unknown.stop();
      setDefaultCACertificates([...trusted, CERTIFICATE.cert]);
    }
  });
});
