/** Where the page is shown: by itself, in a frame of a merchant's page, or in a popup that such a page opened. */
import { LINK_ID } from './api.ts';
import type { CheckoutState } from './state.ts';

export type Place = 'page' | 'frame' | 'popup';

const POPUP = `popup ${LINK_ID}`;

/** A popup goes to the bank and comes back by another address, so that the tab has to remember what it is. */
function placeOf(): Place {
  if (window.parent !== window) return 'frame';
  try {
    if (new URLSearchParams(location.search).has('popup')) sessionStorage.setItem(POPUP, '1');
    return sessionStorage.getItem(POPUP) === null ? 'page' : 'popup';
  } catch {
    return 'page';
  }
}

export const PLACE: Place = placeOf();

/** Where links lead that leave the page: a shop within a frame within the shop is no use. */
export const LINK_TARGET = PLACE === 'frame' ? '_top' : undefined;

/** Tells the page around how the link stands. Whose page that may be, the policy of the page's answer says. */
export function tellParent({ status }: CheckoutState): void {
  if (PLACE === 'frame') window.parent.postMessage({ plexyPay: status }, '*');
}

/** Shown by a bank's page, a popup may have lost the right to close itself; then it goes on to the shop. */
export function closePopup(otherwise: string | null): void {
  window.close();
  if (otherwise !== null) setTimeout(() => location.assign(otherwise), 500);
}
