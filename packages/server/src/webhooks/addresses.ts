/**
 * Which addresses a webhook may be sent to. A merchant chooses the URL, so a server that followed it anywhere
 * could be made to call its own network (SSRF). The address is judged that is connected to, at every
 * connection: a name may resolve to another one each time (DNS rebinding).
 */
import { lookup as systemLookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';

/** Sent to nowhere: the address is none of the public internet. */
export class ForbiddenAddressError extends Error {
  readonly code = 'FORBIDDEN_ADDRESS';
}

/** Of IPv6, only this is given out; ::/96, an IPv4 address in the obsolete spelling, is not in it. */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3');

/** Public by its number, but within Azure the platform itself: health, DNS and what machines are set up with. */
const AZURE_PLATFORM = '168.63.129.16';

/**
 * Whether a webhook may be sent to this address: public unicast only, and loopback where that is allowed.
 * @param address an IPv4 or IPv6 address in any spelling
 */
export function isAllowedAddress(address: string, allowLoopback: boolean): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.parse(address);
  if (allowLoopback && ipaddr.process(address).range() === 'loopback') return true;
  if (parsed.range() !== 'unicast' || parsed.toString() === AZURE_PLATFORM) return false;
  return parsed instanceof ipaddr.IPv4 || parsed.match(GLOBAL_UNICAST);
}

/** Why nothing can ever be sent to this URL, which can be parsed; null: it may be. Where its name leads to is judged at every attempt. */
export function neverSentTo({ protocol, hostname, port }: URL, allowLocal: boolean): string | null {
  if (protocol !== 'https:' && !(allowLocal && protocol === 'http:'))
    return allowLocal ? 'must begin with https:// or http://' : 'must begin with https://';
  if (port === '0') return 'must not have port 0';
  return isForbiddenHost(hostname, allowLocal) ? 'must lead to a public address' : null;
}

/** Whether a URL's host is an address that is not allowed. Names are judged when they are looked up. */
export function isForbiddenHost(hostname: string, allowLoopback: boolean): boolean {
  const address = hostname.replace(/^\[|\]$/g, '');
  return isIP(address) !== 0 && !isAllowedAddress(address, allowLoopback);
}

type Addresses = Parameters<Parameters<LookupFunction>[2]>[1];

/**
 * A look-up for connections that fails when any address of the name is not allowed, and says nothing of it.
 * @param lookup the system's; tests have one of their own
 */
export function guardedLookup(allowLoopback: boolean, lookup?: LookupFunction): LookupFunction {
  return lookupWhere((address) => isAllowedAddress(address, allowLoopback), lookup);
}

/** The same with another rule of which addresses are allowed. */
export function lookupWhere(
  isAllowed: (address: string) => boolean,
  lookup: LookupFunction = systemLookup,
): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, found) => {
      if (error !== null) return callback(error, []);
      const addresses = Array.isArray(found) ? found : [];
      if (addresses.length === 0 || !addresses.every(({ address }) => isAllowed(address)))
        return callback(new ForbiddenAddressError('the name resolves to an address that is not allowed'), []);
      const [first] = addresses;
      if (options.all === true) return callback(null, addresses as Addresses);
      callback(null, first?.address ?? '', first?.family);
    });
  };
}
