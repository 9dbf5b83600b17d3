/** Who is paid, how much and for what. */
import { momentText } from '@plexy-pay/payer-pages/language';
import { useContext } from 'preact/hooks';
import { amountText } from './amount.ts';
import { LanguageContext, useText } from './form.tsx';
import type { LinkState } from './state.ts';
import { clockText, useSecondsUntil } from './time.ts';

/** More characters than this would not fit in a line of a narrow phone in the usual size. */
const LONG_AMOUNT = 14;

export function useMoney({ amount, currency }: Pick<LinkState, 'amount' | 'currency'>): string {
  return amountText(amount, currency, useContext(LanguageContext));
}

export function Summary({ state }: { readonly state: LinkState }) {
  const text = useText();
  const money = useMoney(state);
  const { merchant, description, orderReference, mode, status } = state;
  return (
    <header class="summary">
      <p class="shop">
        <Mark merchant={merchant} />
        <bdi>{merchant.name}</bdi>
        {mode === 'sandbox' && <span class="badge">{text('test')}</span>}
      </p>
      <p class={money.length > LONG_AMOUNT ? 'amount long' : 'amount'}>{money}</p>
      {description !== null && (
        <p class="description">
          <bdi>{description}</bdi>
        </p>
      )}
      <dl>
        <div>
          <dt>{text('order')}</dt>
          <dd>
            <bdi>{orderReference}</bdi>
          </dd>
        </div>
        {status === 'open' && <TimeLeft state={state} />}
      </dl>
    </header>
  );
}

/** Beside the name, which says it all. */
function Mark({ merchant: { name, logo } }: Pick<LinkState, 'merchant'>) {
  return logo === null ? (
    <span class="mark" aria-hidden="true">
      {[...name.trim()][0]?.toUpperCase()}
    </span>
  ) : (
    <img class="logo" src={logo.url} width={logo.width} height={logo.height} alt="" />
  );
}

function TimeLeft({ state: { expiresAt, now } }: { readonly state: LinkState }) {
  const text = useText();
  const language = useContext(LanguageContext);
  const seconds = useSecondsUntil(expiresAt, now);
  return (
    <div>
      <dt>{text(seconds === null ? 'payBefore' : 'timeLeft')}</dt>
      <dd class={seconds !== null && seconds < 120 ? 'soon' : undefined}>
        {seconds === null ? momentText(Date.parse(expiresAt), language) : clockText(seconds)}
      </dd>
    </div>
  );
}
