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

/**
 * A network in its one spelling, as `10.0.0.0/8` or `2001:db8::/32`; an address stands for itself alone. An address that is none of
 * a network's own is refused: whoever writes `10.1.2.3/8` may mean either.
 */
export function parseNetwork(text: string): Parsed<string> {
  const [word = '', prefix, ...more] = text.trim().split('/');
  const address = parseAddress(word);
  if (!address.ok || more.length > 0 || word.includes('%')) return refused(NO_NETWORK);
  if (prefix === undefined) return parsed(address.value);
  const bits = isIP(address.value) === 6 ? 128 : 32;
  if (!/^(?:0|[1-9]\d{0,2})$/.test(prefix) || Number(prefix) > bits) return refused(NO_NETWORK);
  const [first] = ipaddr.parseCIDR(`${address.value}/${prefix}`);
  const begins =
    first.kind() === 'ipv6'
      ? ipaddr.IPv6.networkAddressFromCIDR(`${address.value}/${prefix}`)
      : ipaddr.IPv4.networkAddressFromCIDR(`${address.value}/${prefix}`);
  if (begins.toString() !== address.value) return refused(`must begin at ${begins.toString()}/${prefix}`);
  return parsed(Number(prefix) === bits ? address.value : `${address.value}/${prefix}`);
}

const NO_NETWORK = 'must be an IP address, or a network such as 10.0.0.0/8';

/** What a proxy writes of a client: an address, perhaps in brackets, with a port, or quoted. */
const WITH_PORT = /^"?(?:\[([^\]]+)\](?::\d{1,5})?|([^:]+):\d{1,5})"?$/;

/** What words were read as: the same few addresses come with every request, and reading one takes as long as routing it. */
const read = new Map<string, string | null>();
const MAX_READ = 10_000;
/** An IPv6 address with brackets, port and quotes, and nothing that anybody would send to fill the memory. */
const MAX_READ_LENGTH = 64;

/** The address in a word of `X-Forwarded-For`, in its one spelling; null: it names none. */
export function forwardedAddress(word: string): string | null {
  const known = read.get(word);
  if (known !== undefined) return known;
  const address = readAddress(word);
  if (word.length <= MAX_READ_LENGTH) {
    if (read.size >= MAX_READ) read.clear();
    // A copy: a piece of a header would keep all of it.
    read.set(Buffer.from(word).toString(), address);
  }
  return address;
}

function readAddress(word: string): string | null {
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
