/** What is kept of a request, so that a merchant's developers can look it up. */

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
const SEPARATED = /(?<![\w-])(?:\d(?:%20|[ +])?){11,18}\d(?![\w-])|(?<![\w-])\d{4}(?:-\d{4}){3}(?![\w-])/g;

/** Numbers as long as a card's or an IIN are masked, wherever somebody has put them. */
export function masked(text: string): string {
  return text.replace(SEPARATED, '•••').slice(0, MAX_LENGTH);
}

/** The path of a URL, without its query. */
export function loggedPath(url: string): string {
  const query = url.indexOf('?');
  return masked(query < 0 ? url : url.slice(0, query));
}
