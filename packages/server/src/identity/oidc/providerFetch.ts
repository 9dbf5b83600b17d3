/**
 * Asks the identity provider over HTTP. What it names itself (the addresses of its keys, of its tokens) is followed like any
 * other address from outside: never to this machine, nor to what a cloud offers its machines. An address of a private
 * network is allowed, since that is where operators have their providers.
 */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import type { CustomFetch, CustomFetchOptions } from 'openid-client';
import { boundInterimAnswers } from '../../http/interimAnswers.ts';
import { ForbiddenAddressError, isAllowedAddress, lookupWhere } from '../../webhooks/addresses.ts';

/** An answer that is longer is none: keys and tokens have some KiB. */
const MAX_ANSWER_BYTES = 256 * 1024;
const PRIVATE_RANGES = ['private', 'uniqueLocal', 'carrierGradeNat'];
/** What AWS, Google Cloud and Alibaba Cloud tell their machines at addresses of private networks. */
const METADATA = ['fd00:ec2::254', 'fd20:ce::254', '100.100.100.200'];

/** The provider cannot be reached, or is in trouble itself: another try may succeed. */
export class ProviderUnreachableError extends Error {}

/** @param isLocal whether the provider itself is on this machine, as in a sandbox */
export function isProvidersAddress(address: string, isLocal: boolean): boolean {
  if (isAllowedAddress(address, isLocal)) return true;
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  return PRIVATE_RANGES.includes(parsed.range()) && !METADATA.includes(parsed.toString());
}

/** @param lookup the system's; tests have one of their own */
export function createProviderFetch(isLocal: boolean, lookup?: LookupFunction): CustomFetch {
  const isAllowed = (address: string): boolean => isProvidersAddress(address, isLocal);
  const judged = lookupWhere(isAllowed, lookup);
  return async (address, options) => {
    const url = new URL(address);
    const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
    if (url.protocol !== 'https:' && !isLocal)
      throw new ForbiddenAddressError('the provider must be asked by https');
    if (isIP(host) !== 0 && !isAllowed(host))
      throw new ForbiddenAddressError('the address is not one that a provider may have');
    const answer = await exchange(url, host, judged, options).catch(unreachable);
    const { statusCode = 500 } = answer;
    if (statusCode >= 500) {
      answer.destroy();
      throw new ProviderUnreachableError(`the provider answered ${statusCode}`);
    }
    const headers = new Headers();
    for (const [name, values = []] of Object.entries(answer.headersDistinct))
      for (const value of values) headers.append(name, value);
    const body = await bodyOf(answer).catch(unreachable);
    return new Response(body.length === 0 ? null : body, { status: statusCode, headers });
  };
}

function unreachable(cause: unknown): never {
  if (cause instanceof ForbiddenAddressError) throw cause;
  throw new ProviderUnreachableError('the provider was not reached', { cause });
}

/** Redirects are not followed: `openid-client` refuses them. */
function exchange(
  url: URL,
  hostname: string,
  lookup: LookupFunction,
  { method, headers, body, signal }: CustomFetchOptions,
): Promise<IncomingMessage> {
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
  const payload = body === undefined || body === null ? '' : String(body);
  return new Promise((resolve, reject) => {
    const request = send({
      ...{ hostname, port: url.port, path: `${url.pathname}${url.search}`, method, lookup },
      headers: { ...headers, 'content-length': String(Buffer.byteLength(payload)) },
      ...(signal === undefined ? {} : { signal }),
      // A connection that is kept may just be closed at the other end, and a code is good for one request.
      agent: false,
    });
    boundInterimAnswers(request);
    request.on('error', reject);
    request.on('response', resolve);
    request.end(payload);
  });
}

async function bodyOf(answer: IncomingMessage): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) throw new Error('the provider answered more than an answer has');
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks));
}
