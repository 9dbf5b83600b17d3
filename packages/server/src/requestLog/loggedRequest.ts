/** What is kept of a request, so that a merchant's developers can look it up. */
import { masked } from '../core/values/masking.ts';

export interface RequestLogEntry {
  readonly merchantId: string;
  /** When it was answered, in real time. */
  readonly at: number;
  readonly method: string;
  readonly route: string;
  /** As it was sent, with its query. */
  readonly url: string;
  readonly status: number;
  readonly latencyMs: number;
  readonly requestId: string;
  readonly idempotencyKey: string | null;
  readonly reason: string | null;
  readonly credentialId: string;
}

const MAX_LENGTH = 512;

/** What is kept of a text from outside. */
export function loggedText(text: string): string {
  return masked(text).slice(0, MAX_LENGTH);
}

/** The path of a URL, without its query. */
export function loggedPath(url: string): string {
  const query = url.indexOf('?');
  return loggedText(query < 0 ? url : url.slice(0, query));
}
