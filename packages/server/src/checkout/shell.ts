/**
 * The page that a payer opens, as the build of packages/checkout left it, with what is known of the link written into it.
 * The state, the script and the style go along, so that the page stands after one answer.
 */
import { createHash } from 'node:crypto';
import { amountText } from '@plexy-pay/checkout/amount';
import type { CheckoutState } from '@plexy-pay/checkout/state';
import { escaped, type Language, word } from '@plexy-pay/payer-pages';

/**
 * Its own script and style, by what is in them, and requests to where it came from. No form is ever sent by the browser
 * itself, so that a page whose script has not come yet cannot put a card anywhere.
 */
const POLICY = [
  "default-src 'none'",
  "connect-src 'self'",
  // The merchant's logo, and the empty icon, which keeps browsers from asking for one.
  "img-src 'self' data:",
  "form-action 'none'",
  "base-uri 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

/** The build's document, and what its script and its style are known by. */
export interface BuiltPage {
  readonly html: string;
  readonly policy: string;
}

/** @param html the index.html of the build, with script and style in it */
export function builtPageOf(html: string): BuiltPage {
  const hashesOf = (inner: RegExp): string =>
    [...html.matchAll(inner)]
      .map(([, text = '']) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`)
      .join(' ');
  const script = hashesOf(/<script[^>]*>(.*?)<\/script>/gs);
  const style = hashesOf(/<style>(.*?)<\/style>/gs);
  return { html, policy: `${POLICY}; script-src ${script}; style-src ${style}` };
}

/** @param origins whose pages may frame it */
export function shellPolicy({ policy }: BuiltPage, origins: readonly string[]): string {
  return `${policy}; frame-ancestors ${origins.length === 0 ? "'none'" : origins.join(' ')}`;
}

export function checkoutShell({ html }: BuiltPage, state: CheckoutState, language: Language): string {
  const title =
    state.status === 'not_found'
      ? word(language, 'payment.unknown.title')
      : word(language, 'checkout.title', { shop: state.merchant.name });
  const meta = (name: string, content: string): string =>
    `\n    <meta name="${name}" content="${escaped(content)}" />`;
  const amount =
    state.status === 'not_found' ? '' : meta('amount', amountText(state.amount, state.currency, language));
  // By functions: a merchant's text may hold what `replace` takes for a reference.
  return html
    .replace('<html lang="en">', () => `<html lang="${language}">`)
    .replace(
      /<title>.*?<\/title>/,
      () => `<title>${escaped(title)}</title>${meta('state', JSON.stringify(state))}${amount}`,
    )
    .replace(
      '<noscript></noscript>',
      () =>
        `<noscript><main class="frame"><p>${escaped(word(language, 'checkout.noScript'))}</p></main></noscript>`,
    );
}
