/** A client whose host cannot be changed is brought here by DNS and a proxy, and asks for `/v1` at its own host. */
import type { IncomingMessage } from 'node:http';
import { hostnameOf } from '../http/addresses.ts';
import { PREFIX } from './words.ts';

/** As a router understands it: after a host, which a request may name besides (RFC 9112, 3.2.2), and however it is escaped. */
const API = /^(?:https?:\/\/[^/?#]*)?\/(?:v|%76)(?:1|%31)(?=[/?]|$)/i;

/**
 * Where requests are routed to: at these hosts `/v1` is the deployed API, and everything else is what it is everywhere.
 * Null: there are none, and no request needs to be looked at.
 */
export function rewriteOf(hosts: readonly string[]): ((request: IncomingMessage) => string) | null {
  if (hosts.length === 0) return null;
  const names = new Set(hosts);
  return ({ url = '/', headers: { host } }) => {
    if (host === undefined || !API.test(url)) return url;
    const name = hostnameOf(host);
    return name !== null && names.has(name) ? url.replace(API, `${PREFIX}/v1`) : url;
  };
}
