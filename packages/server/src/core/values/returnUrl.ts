/** Where payers may be sent back to: a shop's page, or a merchant's app by a scheme of its own. */
import { type Parsed, parsed, refused } from './parse.ts';

const MAX_LENGTH = 2_000;
const SCHEME = /^[a-z][a-z0-9+.-]{1,49}$/;

/** They run what they hold, read what is on the machine, or start something that is no app of the merchant's. */
const FORBIDDEN_SCHEMES = new Set(
  `about android-app blob chrome chrome-extension content data edge file filesystem ftp http https intent jar
  javascript mailto market moz-extension ms-settings resource search-ms shell sms ssh tel urn vbscript
  view-source ws wss`.split(/\s+/),
);

/** `myapp` of `myapp://pay`; null for pages, and for what nobody may be sent to. */
function appSchemeOf(text: string): string | null {
  const scheme = /^([^:/]+):\/\//.exec(text)?.[1] ?? '';
  return SCHEME.test(scheme) && !FORBIDDEN_SCHEMES.has(scheme) ? scheme : null;
}

/** An address as a browser spells it. */
export function parseReturnUrl(text: string): Parsed<string> {
  if (text.length > MAX_LENGTH || !URL.canParse(text))
    return refused('must be a URL of at most 2,000 characters');
  const { protocol, href, username, password } = new URL(text);
  if (protocol !== 'https:' && protocol !== 'http:' && appSchemeOf(href) === null)
    return refused('must start with http:// or https://, or with the scheme of an app');
  return username === '' && password === '' ? parsed(href) : refused('must not hold credentials');
}

export function leadsToApp(returnUrl: string): boolean {
  return appSchemeOf(returnUrl) !== null;
}

/** Whether nobody between can read or change it. An address in clear is for development only. */
export function isProtected(returnUrl: string): boolean {
  return !/^http:/i.test(returnUrl);
}

/** What a merchant lists to allow an address: `https://shop.example`, or `myapp://` for all of an app's. */
export function returnTargetOf(returnUrl: string): string {
  const scheme = appSchemeOf(returnUrl);
  return scheme === null ? new URL(returnUrl).origin : `${scheme}://`;
}

/** Whether a merchant may list it: written as browsers do, without a port that is the scheme's own. */
export function isReturnTarget(text: string): boolean {
  if (appSchemeOf(text) !== null) return text === returnTargetOf(text);
  return /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text;
}
