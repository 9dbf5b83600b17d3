/**
 * A sandbox has keys that everybody knows. A web page may have its own name resolve to this machine (DNS
 * rebinding) and would then be of the same origin as the sandbox; but its name stays in the Host header. So a
 * sandbox answers to its own names only. An address cannot be rebound: it needs no look-up.
 */
import { isIP } from 'node:net';
import type { Config } from '../app/config.ts';
import { hostnameOf } from '../http/addresses.ts';

/** @returns whether a request with this Host header may be answered; one without comes from no browser */
export function hostCheck({
  host,
  publicUrl,
  allowedHosts,
  hostedHosts,
}: Config): (header: string | undefined) => boolean {
  const names = new Set(
    [host, 'localhost', ...allowedHosts, ...hostedHosts].map((name) => name.toLowerCase()),
  );
  if (publicUrl !== null) names.add(new URL(publicUrl).hostname);
  return (header) => {
    if (header === undefined || header === '') return true;
    const name = hostnameOf(header);
    return name !== null && (isIP(name) !== 0 || names.has(name));
  };
}
