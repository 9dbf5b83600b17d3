/**
 * The page that a payer opens, as the build of packages/checkout left it, with what is known of the link written into it.
 * The state goes along, so that the page stands after one request for the document, one for its script, one for its style.
 */
import type { CheckoutState } from '@plexy-pay/checkout/state';
import { escaped, type Language, word } from '@plexy-pay/payer-pages';

/**
 * Its own script and style, and requests to where it came from. No form is ever sent by the browser itself, so that a page
 * whose script has not come yet cannot put a card anywhere.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  // The merchant's logo, and the empty icon, which keeps browsers from asking for one.
  "img-src 'self' data:",
  "form-action 'none'",
  "base-uri 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

/** @param origins whose pages may frame it */
export function shellPolicy(origins: readonly string[]): string {
  return `${POLICY}; frame-ancestors ${origins.length === 0 ? "'none'" : origins.join(' ')}`;
}

/** @param built the index.html of the build */
export function checkoutShell(built: string, state: CheckoutState, language: Language): string {
  const title =
    state.status === 'not_found'
      ? word(language, 'payment.unknown.title')
      : word(language, 'checkout.title', { shop: state.merchant.name });
  const stateJson = JSON.stringify(state);
  // By functions: a merchant's text may hold what `replace` takes for a reference.
  return built
    .replace('<html lang="en">', () => `<html lang="${language}">`)
    .replace(
      /<title>.*?<\/title>/,
      () => `<title>${escaped(title)}</title>\n    <meta name="state" content="${escaped(stateJson)}" />`,
    )
    .replace(
      '<noscript></noscript>',
      () =>
        `<noscript><main class="frame"><p>${escaped(word(language, 'checkout.noScript'))}</p></main></noscript>`,
    );
}
