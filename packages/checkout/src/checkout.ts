/**
 * What the page is about: how the link stands, and the attempt that is on its way.
 *
 *   form ──submit──► sending ──answer──► what the server says: paid, declined, the bank's page…
 *                      │  ▲
 *              no answer  again, with the same attemptId: it is paid once
 *                      ▼  │
 *                    unanswered
 */
import { useEffect, useState } from 'preact/hooks';
import { type Attempt, ownAttempt, readState, sendAttempt } from './api.ts';
import { PLACE, tellParent } from './place.ts';
import type { CheckoutState, LinkState } from './state.ts';

/** How often it is asked how what is under way ends. */
const POLL_MS = { paying: 1_000, confirmation: 2_000, challenge: 3_000 } as const;
/** An attempt without an answer is sent again by itself after these; then only when the payer wants it. */
const RETRIES_MS = [1_000, 3_000, 8_000];
/** When the server was not reached, the state is asked for again after this. */
const STATE_RETRY_MS = 3_000;
/** For so long after the bank's page it is not offered again. */
const JUST_BACK_MS = 20_000;
/** A browser's timers hold no more than this. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export type Sending =
  | { readonly kind: 'sending' }
  | { readonly kind: 'unanswered'; readonly reason: 'trouble' | 'unreached' };

/** What the server had against what was typed. */
export interface Refused {
  readonly method: Attempt['method'];
  readonly fields: readonly string[];
}

export function isLink(state: CheckoutState | null): state is LinkState {
  return state !== null && state.status !== 'not_found';
}

function isUnderWay({ status }: LinkState): boolean {
  return status === 'paying' || status === 'challenge' || status === 'confirmation';
}

export class Checkout {
  /** Null: not known yet, since this tab has made an attempt that the page did not know of. */
  state: CheckoutState | null;
  sending: Sending | null = null;
  refused: Refused | null = null;
  /** Whether this tab saw the payment being made, or came back from the bank: only then it goes on by itself. */
  sawItHappen: boolean;
  /** The bank's page is being opened. */
  leaving = false;
  /** The payer has just come back from the bank, which may take a moment to say how it went. */
  justBack: boolean;

  readonly #initial: CheckoutState;
  /** With the card, until there is an answer: it is nowhere else in the page by then. */
  #attempt: Attempt | null = null;
  #retries = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #onChange: () => void = () => undefined;

  /**
   * @param initial what the page came with: as everybody sees the link
   * @param cameBack from the bank's page
   */
  constructor(initial: CheckoutState, cameBack: boolean) {
    this.#initial = initial;
    this.state = isLink(initial) && ownAttempt.read() !== null ? null : initial;
    this.sawItHappen = cameBack;
    this.justBack = cameBack;
  }

  /** @returns ends it */
  start(onChange: () => void): () => void {
    this.#onChange = onChange;
    const ended = new AbortController();
    const { signal } = ended;
    const look = (): void => {
      if (this.#attempt === null && document.visibilityState === 'visible') void this.refresh();
    };
    document.addEventListener('visibilitychange', look, { signal });
    addEventListener('online', () => (this.#attempt === null ? look() : void this.send()), { signal });
    addEventListener(
      'pageshow',
      ({ persisted }) => {
        // A page that the browser kept still shows what it was left with.
        if (!persisted) return;
        this.leaving = false;
        look();
      },
      { signal },
    );
    const back = setTimeout(() => {
      this.justBack = false;
      this.#changed();
    }, JUST_BACK_MS);
    if (this.state === null) void this.refresh();
    else this.#changed();
    return () => {
      ended.abort();
      clearTimeout(back);
      clearTimeout(this.#timer);
    };
  }

  submit(attempt: Attempt): void {
    if (this.#attempt !== null) return;
    this.#attempt = attempt;
    this.#retries = 0;
    this.refused = null;
    ownAttempt.keep(attempt.body.attemptId);
    void this.send();
  }

  /** Sends the attempt, again where it had no answer. */
  async send(): Promise<void> {
    const attempt = this.#attempt;
    if (attempt === null || this.sending?.kind === 'sending') return;
    this.sending = { kind: 'sending' };
    this.#changed();
    const answer = await sendAttempt(attempt);
    if (answer.kind === 'trouble' || answer.kind === 'unreached')
      this.sending = { kind: 'unanswered', reason: answer.kind };
    else {
      this.#attempt = null;
      this.sending = null;
      if (answer.kind === 'refused') {
        ownAttempt.forget();
        this.refused = { method: attempt.method, fields: answer.fields };
      } else this.#answered(attempt, answer.state);
    }
    this.#changed();
  }

  /** After a decline: another attempt. */
  async tryAgain(): Promise<void> {
    const { state } = this;
    ownAttempt.forget();
    this.sawItHappen = false;
    if ((await this.refresh()) || !isLink(state)) return;
    // There is no connection; by the time the form is filled in there may be one.
    this.#show({ ...state, status: 'open', isOwn: false, reason: null });
  }

  /** To the bank's page. Out of a frame, in which a bank would not be shown, it is another window; this one waits. */
  leave(url: string): void {
    if (!/^https?:/i.test(url)) return;
    if (PLACE === 'frame') {
      open(url, '_blank', 'noopener');
      return;
    }
    this.leaving = true;
    this.#changed();
    location.assign(url);
  }

  /** Asks how the link stands. @returns whether there was an answer */
  async refresh(): Promise<boolean> {
    const next = await readState(ownAttempt.read());
    // What an attempt is answered with is newer.
    if (this.#attempt !== null) return true;
    if (next !== null) this.#show(next);
    // Rather than nothing: as everybody sees it.
    else this.#show(this.state ?? this.#initial, STATE_RETRY_MS);
    return next !== null;
  }

  #answered({ method }: Attempt, state: CheckoutState): void {
    if (isLink(state) && state.isOwn) this.sawItHappen = true;
    else ownAttempt.forget();
    this.state = state;
    // Somebody else had the link for a moment, perhaps: nothing was made of this attempt.
    if (state.status === 'open') this.refused = { method, fields: [] };
    // Browsers open another window only when the payer clicks.
    if (PLACE === 'frame') return;
    if (isLink(state) && state.status === 'challenge' && state.isOwn && state.redirectUrl !== null)
      this.leave(state.redirectUrl);
  }

  #show(next: CheckoutState, againMs?: number): void {
    if (isLink(this.state) && this.state.isOwn && isUnderWay(this.state)) this.sawItHappen = true;
    this.state = next;
    this.#changed(againMs);
  }

  /** Tells the page, and sees to what is to be done next. */
  #changed(againMs?: number): void {
    clearTimeout(this.#timer);
    if (this.sending?.kind === 'unanswered') {
      const retryMs = RETRIES_MS[this.#retries];
      if (retryMs !== undefined)
        this.#timer = setTimeout(() => {
          this.#retries += 1;
          void this.send();
        }, retryMs);
    } else if (this.sending === null && !this.leaving && isLink(this.state)) {
      const waitMs = againMs ?? waitOf(this.state);
      if (waitMs !== null) this.#timer = setTimeout(() => void this.refresh(), waitMs);
    }
    if (this.state !== null && this.sending === null) tellParent(this.state);
    this.#onChange();
  }
}

/** When something will have changed: what is under way ends some time, a lock and a link at theirs. */
function waitOf(state: LinkState): number | null {
  const { status, lockedUntil, expiresAt, now } = state;
  if (status === 'paying' || status === 'confirmation' || status === 'challenge') return POLL_MS[status];
  const end = status === 'locked' ? lockedUntil : status === 'open' ? expiresAt : null;
  if (end === null) return null;
  // A second later, so that the server has passed it, too.
  return Math.min(LONGEST_TIMER_MS, Math.max(1_000, Date.parse(end) - Date.parse(now) + 1_000));
}

/** The page's one checkout; whoever uses it is drawn again whenever it changes. */
export function useCheckout(initial: CheckoutState, cameBack: boolean): Checkout {
  const [checkout] = useState(() => new Checkout(initial, cameBack));
  const [, draw] = useState(0);
  useEffect(() => checkout.start(() => draw((count) => count + 1)), [checkout]);
  return checkout;
}
