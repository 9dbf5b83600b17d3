/** How the link stands when there is nothing to fill in. */
import { useEffect, useState } from 'preact/hooks';
import type { Checkout } from './checkout.ts';
import { useText } from './form.tsx';
import { Notice } from './notice.tsx';
import { closePopup, LINK_TARGET, PLACE } from './place.ts';
import type { LinkState } from './state.ts';
import { useMoney } from './summary.tsx';
import { clockText, useSecondsUntil } from './time.ts';
import { isWord } from './words.ts';

interface Props {
  readonly state: LinkState;
  readonly checkout: Checkout;
}

/** The pages of every status but `open`. */
export function Standing({ state, checkout }: Props) {
  switch (state.status) {
    case 'paying':
      return <Paying isOwn={state.isOwn} />;
    case 'challenge':
      return <Challenge state={state} checkout={checkout} />;
    case 'confirmation':
      return <Confirmation state={state} />;
    case 'paid':
      return <Paid state={state} checkout={checkout} />;
    case 'declined':
      return <Declined state={state} checkout={checkout} />;
    case 'locked':
      return <Locked state={state} />;
    case 'expired':
    case 'cancelled':
      return <Over state={state} />;
    case 'open':
      return null;
  }
}

export function Paying({ isOwn }: { readonly isOwn: boolean }) {
  const text = useText();
  const which = isOwn ? 'paying' : 'paying.other';
  return (
    <Notice icon="busy" title={text(`${which}.title`)}>
      <p role="status">{text(`${which}.text`)}</p>
    </Notice>
  );
}

function Challenge({ state: { redirectUrl, isOwn }, checkout }: Props) {
  const text = useText();
  if (checkout.leaving)
    return (
      <Notice icon="busy" title={text('challenge.title')}>
        <p role="status">{text('challenge.leaving')}</p>
      </Notice>
    );
  if (redirectUrl === null || checkout.justBack) return <Paying isOwn={isOwn} />;
  return (
    <Notice icon="note" title={text('challenge.title')}>
      <p>{text('challenge.text')}</p>
      <button class="primary" type="button" onClick={() => checkout.leave(redirectUrl)}>
        {text('challenge.go')}
      </button>
    </Notice>
  );
}

function Confirmation({ state }: { readonly state: LinkState }) {
  const text = useText();
  const amount = useMoney(state);
  return (
    <Notice icon="busy" title={text('confirmation.title')}>
      <p role="status">{text('confirmation.text', { amount, shop: state.merchant.name })}</p>
    </Notice>
  );
}

/** A payer reads what they paid before the shop's page comes. */
const LEAVE_SECONDS = 5;

function Paid({ state, checkout: { sawItHappen } }: Props) {
  const text = useText();
  const amount = useMoney(state);
  const shop = state.merchant.name;
  const { success } = state.urls;
  const isPopup = PLACE === 'popup';
  // The page around a frame has heard of it, and decides.
  const goesOn = sawItHappen && (isPopup || (success !== null && PLACE === 'page'));
  const [seconds, setSeconds] = useState(goesOn ? LEAVE_SECONDS : null);
  useEffect(() => {
    if (seconds === null) return;
    const timer = setTimeout(() => {
      if (seconds > 1) setSeconds(seconds - 1);
      else {
        setSeconds(null);
        if (isPopup) closePopup(success);
        else if (success !== null) leaveTo(success);
      }
    }, 1_000);
    return () => clearTimeout(timer);
  }, [seconds, success, isPopup]);
  return (
    <Notice icon="good" title={text('paid.title')}>
      <p role="status">{text('paid.text', { amount, shop })}</p>
      {isPopup ? (
        <button class="primary" type="button" onClick={() => closePopup(success)}>
          {text('back', { shop })}
        </button>
      ) : (
        <BackLink href={success} shop={shop} />
      )}
      {seconds !== null && (
        <p class="leaving">
          {text('paid.leaving', { shop, seconds: String(seconds) })}{' '}
          <button class="link" type="button" onClick={() => setSeconds(null)}>
            {text('stay')}
          </button>
        </p>
      )}
    </Notice>
  );
}

/** To the shop, which may be an app with a scheme of its own; the server has checked what it is. */
function leaveTo(url: string): void {
  location.assign(url);
}

function BackLink({ href, shop, isQuiet = false }: { href: string | null; shop: string; isQuiet?: boolean }) {
  const text = useText();
  if (href === null) return null;
  return (
    <a class={isQuiet ? 'button' : 'button primary'} href={href} target={LINK_TARGET} rel="noreferrer">
      {text('back', { shop })}
    </a>
  );
}

function Declined({ state, checkout }: Props) {
  const text = useText();
  const { reason, urls, merchant, paymentMethods } = state;
  const key = `reason.${reason}`;
  return (
    <Notice icon="bad" title={text('declined.title')}>
      <p role="status">
        {text(isWord(key) ? key : 'reason.other')} {text('declined.nothing')}
      </p>
      <button class="primary" type="button" onClick={() => void checkout.tryAgain()}>
        {text(paymentMethods.length > 1 ? 'declined.other' : 'declined.again')}
      </button>
      <BackLink href={urls.failure} shop={merchant.name} isQuiet />
    </Notice>
  );
}

function Locked({ state }: { readonly state: LinkState }) {
  const text = useText();
  const seconds = useSecondsUntil(state.lockedUntil, state.now);
  return (
    <Notice icon="time" title={text('locked.title')}>
      <p>{text('locked.text')}</p>
      {seconds !== null && <p class="clock">{text('locked.again', { time: clockText(seconds) })}</p>}
      <BackLink href={state.urls.failure} shop={state.merchant.name} isQuiet />
    </Notice>
  );
}

function Over({ state: { status, merchant, urls } }: { readonly state: LinkState }) {
  const text = useText();
  const which = status === 'expired' ? 'expired' : 'cancelled';
  const shop = merchant.name;
  return (
    <Notice icon={status === 'expired' ? 'time' : 'bad'} title={text(`${which}.title`)}>
      <p>{text(`${which}.text`, { shop })}</p>
      <BackLink href={urls.cancel ?? urls.failure} shop={shop} isQuiet />
    </Notice>
  );
}
