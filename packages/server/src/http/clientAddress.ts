/** Where a request comes from. Nobody else looks at Fastify's `request.ip`, which is text from outside. */
import { BlockList, isIPv6 } from 'node:net';
import type { FastifyRequest } from 'fastify';
import { forwardedAddress } from './addresses.ts';

/** What counts in place of an address once the connection is gone. */
const UNKNOWN = 'unknown';

/** @param networks addresses and networks of proxies, whose `X-Forwarded-For` is believed */
export function trustOf(networks: readonly string[]): (word: string | undefined) => boolean {
  const trusted = new BlockList();
  for (const network of networks) {
    const [address = '', prefix] = network.split('/');
    const family = familyOf(address);
    if (prefix === undefined) trusted.addAddress(address, family);
    else trusted.addSubnet(address, Number(prefix), family);
  }
  return (word) => {
    // Without one the connection is gone.
    const address = forwardedAddress(word ?? '');
    return address !== null && trusted.check(address, familyOf(address));
  };
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv6(address) ? 'ipv6' : 'ipv4';
}

/**
 * The client's address in its one spelling: the farthest that a trusted proxy names. Where the proxy names
 * something that is no address, it is the proxy's own.
 */
export function clientAddressOf(request: FastifyRequest): string {
  const named = request.ips ?? [request.ip];
  for (const word of named.toReversed()) {
    const address = forwardedAddress(word ?? '');
    if (address !== null) return address;
  }
  return UNKNOWN;
}
