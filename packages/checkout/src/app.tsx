import { LANGUAGES, type Language } from '@plexy-pay/payer-pages/language';
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Attempt } from './api.ts';
import { CardForm } from './cardForm.tsx';
import { type Checkout, isLink, useCheckout } from './checkout.ts';
import { LanguageContext, useText } from './form.tsx';
import { keepLanguage } from './language.ts';
import { Notice } from './notice.tsx';
import { LINK_TARGET } from './place.ts';
import { SavedCardChoice, SavedCardForm } from './savedCards.tsx';
import { Paying, Standing } from './standing.tsx';
import type { CardAttempt, CheckoutState, LinkState, Method } from './state.ts';
import { Summary, useMoney } from './summary.tsx';
import { useOnline } from './time.ts';
import { WalletForm } from './walletForm.tsx';
import { word } from './words.ts';

interface AppProps {
  readonly initial: CheckoutState;
  readonly language: Language;
  readonly cameBack: boolean;
}

export function App({ initial, language: first, cameBack }: AppProps) {
  const [language, setLanguage] = useState(first);
  const checkout = useCheckout(initial, cameBack);
  const { state } = checkout;
  useEffect(() => {
    document.documentElement.lang = language;
    document.title = isLink(state)
      ? word(language, 'title', { shop: state.merchant.name })
      : word(language, 'not_found.title');
  }, [language, state]);
  const choose = (next: Language): void => {
    setLanguage(next);
    keepLanguage(next);
  };
  return (
    <LanguageContext.Provider value={language}>
      <Page state={state ?? initial} checkout={checkout} isKnown={state !== null} />
      <LanguageSwitch language={language} choose={choose} />
    </LanguageContext.Provider>
  );
}

interface PageProps {
  readonly state: CheckoutState;
  readonly checkout: Checkout;
  readonly isKnown: boolean;
}

function Page({ state, checkout, isKnown }: PageProps) {
  const text = useText();
  if (!isLink(state))
    return (
      <Frame>
        <Notice icon="bad" title={text('not_found.title')}>
          <p>{text('not_found.text')}</p>
        </Notice>
      </Frame>
    );
  const { sending } = checkout;
  return (
    <Frame summary={<Summary state={state} />}>
      {!isKnown ? (
        <span class="spinner" aria-hidden="true" />
      ) : sending?.kind === 'sending' ? (
        <Paying isOwn />
      ) : sending?.kind === 'unanswered' ? (
        <Unanswered reason={sending.reason} again={() => void checkout.send()} />
      ) : state.status === 'open' ? (
        <Form state={state} checkout={checkout} />
      ) : (
        <Standing state={state} checkout={checkout} />
      )}
    </Frame>
  );
}

function Frame({ summary, children }: { summary?: ComponentChildren; children: ComponentChildren }) {
  return (
    <div class={`frame${summary === undefined ? ' alone' : ''}`}>
      {summary}
      <main>{children}</main>
    </div>
  );
}

function Unanswered({ reason, again }: { readonly reason: 'trouble' | 'unreached'; again(): void }) {
  const text = useText();
  const which = reason === 'trouble' ? 'trouble' : 'unknown';
  return (
    <Notice icon="time" title={text(`${which}.title`)}>
      <p role="alert">{text(`${which}.text`)}</p>
      <button class="primary" type="button" onClick={again}>
        {text('unknown.again')}
      </button>
    </Notice>
  );
}

function Form({ state, checkout }: { readonly state: LinkState; readonly checkout: Checkout }) {
  const text = useText();
  const isOnline = useOnline();
  const amount = useMoney(state);
  const { paymentMethods, merchant, urls, mode, savedCards, canKeepCard, agreement } = state;
  const { refused } = checkout;
  const [method, setMethod] = useState<Method>(
    refused === null ? (paymentMethods[0] ?? 'card') : methodOf(refused.method),
  );
  const [cardId, setCardId] = useState<string | null>(
    refused?.method === 'card' ? null : (savedCards[0]?.id ?? null),
  );
  const saved = savedCards.find(({ id }) => id === cardId) ?? null;
  const attemptId = (): string => crypto.randomUUID();
  const common = { payText: text('pay', { amount }), disabled: !isOnline };
  const refusedOf = (of: Attempt['method']) => (refused?.method === of ? refused.fields : null);
  const ofCard = { shop: merchant.name, agreement };
  return (
    <>
      <h1 class="hidden">{text('title', { shop: merchant.name })}</h1>
      {refused !== null && refused.method === method && (
        <p class="banner bad" role="alert">
          {refused.fields.length > 0
            ? `${text(`error.${methodOf(refused.method)}`)} ${text('error.summary')}`
            : `${text('declined.title')}. ${text('declined.nothing')}`}
        </p>
      )}
      {!isOnline && (
        <p class="banner" role="status">
          <strong>{text('offline.title')}.</strong> {text('offline.text')}
        </p>
      )}
      {paymentMethods.length > 1 && (
        <MethodChoice methods={paymentMethods} method={method} choose={setMethod} />
      )}
      {method === 'card' && savedCards.length > 0 && (
        <SavedCardChoice cards={savedCards} chosen={cardId} choose={setCardId} />
      )}
      {method === 'card' && saved !== null ? (
        <SavedCardForm
          key={saved.id}
          {...common}
          {...ofCard}
          card={saved}
          refused={refusedOf('saved-card')}
          onSend={(sent) =>
            checkout.submit({
              method: 'saved-card',
              body: { attemptId: attemptId(), cardId: saved.id, ...sent, browser: browserOfPayer() },
            })
          }
        />
      ) : method === 'card' ? (
        <CardForm
          {...common}
          {...ofCard}
          asksConsent={canKeepCard || agreement !== null}
          refused={refusedOf('card')}
          onSend={(sent) =>
            checkout.submit({
              method: 'card',
              body: { attemptId: attemptId(), ...sent, browser: browserOfPayer() },
            })
          }
        />
      ) : (
        <WalletForm
          {...common}
          refused={refusedOf('wallet')}
          onSend={(wallet) =>
            checkout.submit({ method: 'wallet', body: { attemptId: attemptId(), ...wallet } })
          }
        />
      )}
      {mode === 'sandbox' && <p class="banner test">{text(method === 'card' ? 'testCard' : 'testWallet')}</p>}
      {urls.cancel !== null && (
        <a class="cancel" href={urls.cancel} target={LINK_TARGET} rel="noreferrer">
          {text('cancel', { shop: merchant.name })}
        </a>
      )}
    </>
  );
}

/** What of the two a payer chooses from an attempt was made by. */
function methodOf(method: Attempt['method']): Method {
  return method === 'wallet' ? 'wallet' : 'card';
}

interface ChoiceProps {
  readonly methods: readonly Method[];
  readonly method: Method;
  choose(method: Method): void;
}

function MethodChoice({ methods, method, choose }: ChoiceProps) {
  const text = useText();
  return (
    <fieldset class="methods">
      <legend class="hidden">{text('method')}</legend>
      {methods.map((one) => (
        <label key={one} class={one === method ? 'chosen' : ''}>
          <input type="radio" checked={one === method} onChange={() => choose(one)} />
          {text(one)}
        </label>
      ))}
    </fieldset>
  );
}

/** What 3-D Secure wants to know of the payer's browser. */
function browserOfPayer(): CardAttempt['browser'] {
  return {
    userAgent: navigator.userAgent,
    language: navigator.language,
    screenWidth: screen.width,
    screenHeight: screen.height,
    colorDepth: screen.colorDepth,
    timezoneOffset: new Date().getTimezoneOffset(),
    javaScriptEnabled: true,
  };
}

function LanguageSwitch({
  language,
  choose,
}: {
  readonly language: Language;
  choose(language: Language): void;
}) {
  const text = useText();
  return (
    <nav aria-label={text('language')}>
      {(Object.keys(LANGUAGES) as Language[]).map((tag) => (
        <button
          key={tag}
          type="button"
          lang={tag}
          aria-pressed={tag === language}
          onClick={() => choose(tag)}
        >
          {LANGUAGES[tag]}
        </button>
      ))}
    </nav>
  );
}
