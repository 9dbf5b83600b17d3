/** People who are signed in, for tests. */
import assert from 'node:assert/strict';
import { Secret, TOTP } from 'otpauth';
import { type CallOptions, type Reply, request } from './sandbox.ts';

export const PASSWORD = 'sandbox';
export const ADMIN = 'merchant@demo.test';
export const MANAGER = 'manager@demo.test';
export const VIEWER = 'viewer@demo.test';
export const OPERATOR = 'operator@demo.test';
export const OTHER_ADMIN = 'merchant@other.test';

export interface Browser {
  readonly email: string;
  /** `plexy_session=…`. */
  readonly cookie: string;
  /** A request with the session, and with this server's Origin unless `headers` has another. */
  call(method: string, path: string, options?: CallOptions): Promise<Reply>;
  /** The same browser, at another node. */
  at(url: string): Browser;
}

export async function signIn(url: string, email: string, password = PASSWORD): Promise<Browser> {
  const reply = await attempt(url, email, password);
  assert.equal(reply.status, 200, reply.text);
  return browserOf(url, email, cookieOf(reply));
}

export function attempt(
  url: string,
  email: string,
  password: string,
  headers: Record<string, string> = {},
  code?: string,
): Promise<Reply> {
  const body = { email, password, ...(code === undefined ? {} : { code }) };
  return request(url, 'POST', '/v1/session', { apiKey: null, body, headers });
}

/** What an authenticator app shows, so many steps of 30 s from now. Each step's code works once. */
export function codeOfApp(secret: string, steps = 0): string {
  const totp = new TOTP({ secret: Secret.fromBase32(secret) });
  return totp.generate({ timestamp: Date.now() + steps * 30_000 });
}

/** Sets up an authenticator app, whose present code is used up by that. */
export async function setUpApp(browser: Browser): Promise<{ secret: string; recoveryCodes: string[] }> {
  const begun = await browser.call('POST', '/v1/session/totp', { body: {} });
  assert.equal(begun.status, 200, begun.text);
  const { secret } = begun.body;
  const confirmed = await browser.call('POST', '/v1/session/totp/confirm', {
    body: { code: codeOfApp(secret) },
  });
  assert.equal(confirmed.status, 200, confirmed.text);
  return { secret, recoveryCodes: confirmed.body.recoveryCodes };
}

export function cookieOf(reply: Reply): string {
  return (reply.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
}

function browserOf(url: string, email: string, cookie: string): Browser {
  return {
    email,
    cookie,
    call: (method, path, options = {}) =>
      request(url, method, path, {
        ...options,
        apiKey: null,
        headers: { cookie, origin: url, ...options.headers },
      }),
    at: (other) => browserOf(other, email, cookie),
  };
}
