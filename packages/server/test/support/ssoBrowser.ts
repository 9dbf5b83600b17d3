/** A browser without a window that signs in at an identity provider: cookies, redirects, one form. */
import assert from 'node:assert/strict';
import type { Reply } from './sandbox.ts';

export type SsoReply = Pick<Reply, 'status' | 'body'>;

/** Each browser has an address of its own, so that none has to wait for what others have tried. */
let browsers = 0;

export class SsoBrowser {
  readonly #address: string;
  readonly #url: string;
  readonly #cookies = new Map<string, Map<string, string>>();

  /** @param url of the node, which believes what a proxy on this machine says */
  constructor(url: string) {
    this.#url = url;
    browsers += 1;
    this.#address = `198.18.${browsers >> 8}.${browsers & 255}`;
  }

  /** Begins at the node. @returns where the provider is */
  async begin(body: object = {}, path = '/v1/session/oidc'): Promise<string> {
    const begun = await this.call('POST', path, body);
    assert.equal(begun.status, 200, JSON.stringify(begun.body));
    return begun.body.url;
  }

  /** Signs in at the provider. @returns the address at the node that it sends the browser back to */
  async enter(url: string, login: string | null): Promise<string> {
    let [at, form] = [url, null as URLSearchParams | null];
    for (let i = 0; i < 12; i += 1) {
      if (at.startsWith(`${this.#url}/`)) return at;
      const response = await this.#fetch(at, form === null ? {} : { method: 'POST', body: form });
      const location = response.headers.get('location');
      await response.arrayBuffer();
      if (location !== null) [at, form] = [new URL(location, at).href, null];
      else {
        assert.equal(response.status, 200, `the provider answered ${response.status}`);
        form = new URLSearchParams(login === null ? { cancel: '1' } : { login });
      }
    }
    throw new Error(`the provider leads nowhere: ${at}`);
  }

  /** Follows the provider's redirect to the node. @returns where the node sends the browser then, as a path */
  async comeBack(callback: string): Promise<string> {
    const response = await this.#fetch(callback);
    assert.equal(response.status, 303);
    return response.headers.get('location') ?? '';
  }

  /** All of it, as far as the page that finishes it. */
  async travel(login: string | null, body: object = {}): Promise<string> {
    return this.comeBack(await this.enter(await this.begin(body), login));
  }

  /** Travels, and begins the session. */
  async signIn(login: string, finish: object = {}, begin: object = {}): Promise<SsoReply> {
    assert.match(await this.travel(login, begin), /[?&]oidc=proved$/);
    return this.finish(finish);
  }

  finish(body: object = {}): Promise<SsoReply> {
    return this.call('POST', '/v1/session/oidc/finish', body);
  }

  async call(method: string, path: string, body?: object, origin = this.#url): Promise<SsoReply> {
    const response = await this.#fetch(`${this.#url}${path}`, {
      method,
      headers: { origin, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? null : JSON.parse(text) };
  }

  /** The cookies for the node, by name. */
  get cookies(): Map<string, string> {
    return this.#cookiesOf(this.#url);
  }

  #cookiesOf(url: string): Map<string, string> {
    const { host } = new URL(url);
    const found = this.#cookies.get(host) ?? new Map<string, string>();
    this.#cookies.set(host, found);
    return found;
  }

  async #fetch(url: string, init: RequestInit = {}): Promise<Response> {
    const cookies = this.#cookiesOf(url);
    const headers = new Headers(init.headers);
    headers.set('x-forwarded-for', this.#address);
    if (cookies.size > 0) headers.set('cookie', [...cookies].map((pair) => pair.join('=')).join('; '));
    const response = await fetch(url, { ...init, headers, redirect: 'manual' });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === '' || /max-age=0/i.test(line)) cookies.delete(name);
      else cookies.set(name, value);
    }
    return response;
  }
}
