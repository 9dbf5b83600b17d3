/** What a client says about the device that made a passkey: nothing that it names is asked about it. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  createHash,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { isoCBOR } from '@simplewebauthn/server/helpers';
import { resetSecondFactorCommand } from '../../src/commands/operatorUser.ts';
import { lockRow } from '../support/locks.ts';
import { type Reply, type Sandbox, startSandbox } from '../support/sandbox.ts';
import { attempt, type Browser, MANAGER, OPERATOR, PASSWORD, setUpApp, signIn } from '../support/user.ts';

let sandbox: Sandbox;
let browser: Browser;
/** Where the certificates of these tests say that revoked ones are listed. */
let listener: Server;
let heard: string[];
let directory: string;
before(async () => {
  sandbox = await startSandbox();
  browser = await signIn(sandbox.url, MANAGER);
  listener = createServer((request, response) => {
    heard.push(request.url ?? '');
    response.end();
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  directory = mkdtempSync(join(tmpdir(), 'plexy-attestation-'));
});
beforeEach(async () => {
  heard = [];
  await sandbox.pool.query('DELETE FROM passkey');
});
after(async () => {
  await sandbox.stop();
  listener.close();
  rmSync(directory, { recursive: true });
});

type Statement = Map<string, unknown>;

/** A device that holds one key. */
interface Device {
  readonly privateKey: KeyObject;
  /** To be signed by statements about it. */
  readonly authData: Buffer;
  readonly clientData: Buffer;
}

const sha256 = (bytes: Buffer | string): Buffer => createHash('sha256').update(bytes).digest();

/** @returns the challenge */
async function begin(by = browser): Promise<string> {
  const begun = await by.call('POST', '/v1/session/passkeys/challenge', { body: {} });
  assert.equal(begun.status, 200, begun.text);
  return begun.body.options.challenge;
}

/** A new passkey of a device which says this about itself; all else of it holds. */
async function add(
  fmt: string,
  statementOf: (device: Device) => Statement,
  challenge?: string,
  by = browser,
): Promise<Reply> {
  const given = challenge ?? (await begin(by));
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  const coordinate = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'base64url'));
  // An elliptic curve's key, for ES256, on P-256.
  const key = new Map<number, number | Uint8Array>([
    ...([
      [1, 2],
      [3, -7],
      [-1, 1],
    ] as const),
    ...([
      [-2, coordinate(x)],
      [-3, coordinate(y)],
    ] as const),
  ]);
  const id = randomBytes(16);
  const authData = Buffer.concat([
    ...[sha256(new URL(sandbox.url).hostname), Buffer.from([0x45, 0, 0, 0, 0]), Buffer.alloc(16)],
    ...[Buffer.from([0, id.length]), id, isoCBOR.encode(key)],
  ]);
  const said = { type: 'webauthn.create', challenge: given, origin: sandbox.url };
  const clientData = Buffer.from(JSON.stringify(said));
  const object = new Map<string, unknown>([
    ['fmt', fmt],
    ['attStmt', statementOf({ privateKey, authData, clientData })],
    ['authData', Uint8Array.from(authData)],
  ]);
  const attestationObject = isoCBOR.encode(object as Parameters<typeof isoCBOR.encode>[0]);
  const response = {
    clientDataJSON: clientData.toString('base64url'),
    attestationObject: Buffer.from(attestationObject).toString('base64url'),
  };
  const credential = { id: id.toString('base64url'), rawId: id.toString('base64url'), type: 'public-key' };
  return by.call('POST', '/v1/session/passkeys', {
    body: { name: fmt, response: { ...credential, clientExtensionResults: {}, response } },
  });
}

/** By the device's own key. */
function signed({ privateKey, authData, clientData }: Device): Statement {
  const sig = sign('sha256', Buffer.concat([authData, sha256(clientData)]), privateKey);
  return new Map<string, unknown>([
    ['alg', -7],
    ['sig', Uint8Array.from(sig)],
  ]);
}

/** The same, with a certificate for that key, which says where to ask whether it is revoked, and its issuer's. */
function certified(device: Device): Statement {
  const file = (name: string): string => join(directory, name);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' });
  const issuer = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  writeFileSync(file('device.pem'), device.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  writeFileSync(file('issuer.pem'), issuer.export({ type: 'pkcs8', format: 'pem' }));
  // What Android says of a key: versions, the challenge, an empty id, and two empty lists.
  const values = Buffer.concat([
    Buffer.from('0201030a01000201030a01000420', 'hex'),
    sha256(device.clientData),
    Buffer.from('040030003000', 'hex'),
  ]);
  const description = Buffer.concat([Buffer.from([0x30, values.length]), values]);
  const { port } = listener.address() as AddressInfo;
  writeFileSync(
    file('extensions'),
    `basicConstraints=CA:FALSE
crlDistributionPoints=URI:http://127.0.0.1:${port}/revoked.crl
1.3.6.1.4.1.11129.2.1.17=DER:${description.toString('hex')}
`,
  );
  openssl(
    'req',
    '-x509',
    '-new',
    '-key',
    file('issuer.pem'),
    '-subj',
    '/CN=Issuer',
    '-out',
    file('issuer.crt'),
  );
  const subject = '/C=KZ/O=Nobody/OU=Authenticator Attestation/CN=Device';
  openssl('req', '-new', '-key', file('device.pem'), '-subj', subject, '-out', file('device.csr'));
  const by = ['-CA', file('issuer.crt'), '-CAkey', file('issuer.pem'), '-CAcreateserial'];
  const to = ['-extfile', file('extensions'), '-out', file('device.crt')];
  openssl('x509', '-req', '-in', file('device.csr'), ...by, '-days', '2', ...to);
  const chain = ['device.crt', 'issuer.crt'].map((name) =>
    Uint8Array.from(new X509Certificate(readFileSync(file(name))).raw),
  );
  return signed(device).set('x5c', chain);
}

describe('a new passkey', () => {
  test('is taken from a device that says nothing about itself, or what its own key has signed', async () => {
    for (const [fmt, statement] of [
      ['none', () => new Map()],
      ['packed', signed],
    ] as const) {
      const reply = await add(fmt, statement);
      assert.equal(reply.status, 201, reply.text);
    }
  });

  test('is refused with certificates: nobody is asked at an address that they name', async () => {
    const formats = ['android-key', 'packed', 'fido-u2f', 'tpm', 'apple', 'android-safetynet', 'new'];
    for (const fmt of formats) {
      const reply = await add(fmt, certified);
      assert.deepEqual(heard, [], fmt);
      assert.deepEqual([reply.status, reply.body.reason], [400, 'invalid_request'], `${fmt}: ${reply.text}`);
      assert.equal(reply.body.details[0].path, 'response.response.attestationObject');
    }
    const { rows } = await sandbox.pool.query('SELECT FROM passkey');
    assert.equal(rows.length, 0);
  });

  test('is one of 20 at most, also when several were begun before', async () => {
    await sandbox.pool.query(
      `INSERT INTO passkey (id, user_id, rp_id, credential_id, public_key, counter, transports, name, created_at)
       SELECT gen_random_uuid(), id, 'localhost', decode(lpad(to_hex(n), 8, '0'), 'hex'), '', 0, '{}', 'n', now()
       FROM dashboard_user, generate_series(1, 19) n WHERE email = $1`,
      [MANAGER],
    );
    const challenges = [await begin(), await begin()];
    const replies = await Promise.all(challenges.map((challenge) => add('none', () => new Map(), challenge)));
    assert.deepEqual(replies.map(({ status }) => status).sort(), [201, 422]);
    assert.equal(replies.find(({ status }) => status === 422)?.body.reason, 'too_many_passkeys');
  });

  test('is not kept by a session that ends meanwhile, by access to the database', async () => {
    const operator = await signIn(sandbox.url, OPERATOR);
    const { recoveryCodes } = await setUpApp(operator);
    const challenge = await begin(operator);
    const { rows } = await sandbox.pool.query('SELECT id FROM dashboard_user WHERE email = $1', [OPERATOR]);
    const userId = rows[0].id;
    const account = await lockRow(sandbox.databaseUrl, 'dashboard_user', userId);
    const lines: string[] = [];
    const say = (text: string) => void lines.push(text);
    const env = { DATABASE_URL: sandbox.databaseUrl };
    const reset = resetSecondFactorCommand(OPERATOR, env, { out: say, error: say });
    await account.waitedFor();
    // What whoever had the account wants to keep of it waits behind the reset.
    const added = add('none', () => new Map(), challenge, operator);
    const signedIn = attempt(sandbox.url, OPERATOR, PASSWORD, {}, recoveryCodes[0]);
    await account.waitedFor(3);
    await account.release();
    assert.equal(await reset, 0, lines.join());
    const { status, body } = await added;
    assert.deepEqual([status, body.reason], [401, 'not_signed_in']);
    assert.equal((await signedIn).status, 401);
    const left = await sandbox.pool.query(
      `SELECT (SELECT count(*)::int FROM passkey WHERE user_id = u.id) AS passkeys,
         (SELECT count(*)::int FROM totp WHERE id = u.id) AS apps,
         (SELECT count(*)::int FROM recovery_code WHERE user_id = u.id) AS codes,
         (SELECT count(*)::int FROM api_key WHERE user_id = u.id) AS sessions
       FROM dashboard_user u WHERE id = $1`,
      [userId],
    );
    assert.deepEqual(left.rows, [{ passkeys: 0, apps: 0, codes: 0, sessions: 0 }]);
  });
});
