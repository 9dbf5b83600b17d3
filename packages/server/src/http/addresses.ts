/** IP addresses as they come in: each has one spelling wherever it is counted, logged or sent on. */
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { type Parsed, parsed, refused } from '../core/values/parse.ts';

/**
 * An address in its one spelling: RFC 5952 for IPv6, without a zone; an IPv4 address that IPv6 carries
 * (`::ffff:192.0.2.1`) is the IPv4 address.
 */
export function parseAddress(text: string): Parsed<string> {
  if (isIP(text) === 0) return refused('must be an IPv4 or IPv6 address');
  return parsed(ipaddr.process(text.replace(/%.*$/, '')).toString());
}

/** What a proxy writes of a client: an address, perhaps in brackets, with a port, or quoted. */
const WITH_PORT = /^"?(?:\[([^\]]+)\](?::\d{1,5})?|([^:]+):\d{1,5})"?$/;

/** The address in a word of `X-Forwarded-For`, in its one spelling; null: it names none. */
export function forwardedAddress(word: string): string | null {
  const text = word.trim();
  const [, bracketed, beforePort] = WITH_PORT.exec(text) ?? [];
  const address = parseAddress(bracketed ?? beforePort ?? text);
  return address.ok ? address.value : null;
}

/** Who an address belongs to: an address of IPv6 is a network, since whoever has one address has 2^64. */
export function networkOf(address: string): string {
  if (isIP(address) !== 6) return address;
  const { parts } = ipaddr.IPv6.parse(address);
  return `${new ipaddr.IPv6([...parts.slice(0, 4), 0, 0, 0, 0]).toString()}/64`;
}

/** The name in a Host header, in lower case: without its port, and without the brackets of an address; null: there is none. */
export function hostnameOf(header: string): string | null {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:@/[\]]+))(?::\d*)?$/i.exec(header);
  const name = match?.[1] ?? match?.[2];
  return name === undefined ? null : name.toLowerCase().replace(/\.$/, '');
}
