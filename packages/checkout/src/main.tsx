import { isLanguage } from '@plexy-pay/payer-pages/language';
import { render } from 'preact';
import { knowAmount } from './amount.ts';
import { App } from './app.tsx';
import { languageAtFirst } from './language.ts';
import type { CheckoutState } from './state.ts';
import './style.css';

/** The server writes the state into the page, so that it stands without another request. */
function initialState(): CheckoutState {
  const written = document.querySelector<HTMLMetaElement>('meta[name="state"]')?.content;
  return written === undefined ? { status: 'not_found' } : (JSON.parse(written) as CheckoutState);
}

const root = document.getElementById('root');
const served = document.documentElement.lang;
const language = languageAtFirst(served);
const query = new URLSearchParams(location.search);
/** The server adds it to the address when a payer comes back from the bank. */
const cameBack = query.has('transactionId');
if (cameBack) {
  query.delete('transactionId');
  history.replaceState(history.state, '', `${location.pathname}${query.size > 0 ? `?${query}` : ''}`);
}
const initial = initialState();
const amount = document.querySelector<HTMLMetaElement>('meta[name="amount"]')?.content;
if (initial.status !== 'not_found' && amount !== undefined && isLanguage(served))
  knowAmount(initial.amount, initial.currency, served, amount);
if (initial.status !== 'not_found' && initial.merchant.colors !== null) {
  // By script, since the policy allows no style in the document.
  const { documentElement: html } = document;
  html.classList.add('colored');
  for (const [scheme, color] of Object.entries(initial.merchant.colors))
    html.style.setProperty(`--merchant-${scheme}`, color);
}
if (root !== null) render(<App initial={initial} language={language} cameBack={cameBack} />, root);
