/** Talks to the server: the state of the link, and attempts to pay it. */
import type { CardAttempt, CheckoutState, SavedCardAttempt, WalletAttempt } from './state.ts';

/** The link's id, from the page's address. */
export const LINK_ID = location.pathname.split('/')[2] ?? '';

/** The server waits for the bank for ten seconds; after some more the answer is not coming. */
const ANSWER_MS = 30_000;

export type Attempt =
  | { readonly method: 'card'; readonly body: CardAttempt }
  | { readonly method: 'saved-card'; readonly body: SavedCardAttempt }
  | { readonly method: 'wallet'; readonly body: WalletAttempt };

export type Answer =
  | { readonly kind: 'state'; readonly state: CheckoutState }
  /** What was typed is wrong; the fields' names are the request's. */
  | { readonly kind: 'refused'; readonly fields: readonly string[] }
  /** The server said that it cannot now, or it was not reached: the attempt may have been made or not. */
  | { readonly kind: 'trouble' }
  | { readonly kind: 'unreached' };

/** Null: it could not be asked. */
export async function readState(attemptId: string | null): Promise<CheckoutState | null> {
  const query = attemptId === null ? '' : `?attempt=${encodeURIComponent(attemptId)}`;
  try {
    const response = await fetch(`/checkout/${LINK_ID}/state${query}`, {
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    return response.ok || response.status === 404 ? ((await response.json()) as CheckoutState) : null;
  } catch {
    return null;
  }
}

export async function sendAttempt({ method, body }: Attempt): Promise<Answer> {
  try {
    const response = await fetch(`/checkout/${LINK_ID}/${method}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    if (response.ok) return { kind: 'state', state: (await response.json()) as CheckoutState };
    if (response.status === 404) {
      const state = (await response.json()) as CheckoutState;
      // A node of the version before does not know every way to pay, and says so with the same number.
      return state.status === 'not_found' ? { kind: 'state', state } : { kind: 'trouble' };
    }
    return response.status === 400 ? refusedOf(await response.json()) : { kind: 'trouble' };
  } catch {
    return { kind: 'unreached' };
  }
}

function refusedOf(error: { readonly details?: readonly { readonly path: string }[] }): Answer {
  return { kind: 'refused', fields: (error.details ?? []).map(({ path }) => path) };
}

const STORED = `checkout ${LINK_ID}`;

/**
 * The attempt that this tab has made. It says nothing of the card; by it the tab finds its payment again after a reload,
 * after "back", and when it comes back from the bank. Where nothing can be stored, the tab sees what everybody sees.
 */
export const ownAttempt = {
  read(): string | null {
    try {
      return sessionStorage.getItem(STORED);
    } catch {
      return null;
    }
  },
  keep(attemptId: string): void {
    try {
      sessionStorage.setItem(STORED, attemptId);
    } catch {
      // The payment is made all the same.
    }
  },
  forget(): void {
    try {
      sessionStorage.removeItem(STORED);
    } catch {
      // There is nothing.
    }
  },
};
