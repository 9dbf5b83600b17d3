/**
 * For merchants' pages: opens the checkout in a popup, and says how it ended when that was closed.
 *
 *   <script src="https://pay.example/pay/api.js"></script>
 *   PlexyPayApi.addEventListener('close', ({ status }) => …); // 'success' or 'failure'
 *   PlexyPayApi.openPopup(link.url); // in a click: browsers open no other popups
 *
 * What the popup was closed with nobody can say but the checkout: it is asked in a frame that is not seen, which the
 * merchant's `checkoutOrigins` must allow. Where it does not answer, the page itself goes to the checkout.
 */
(() => {
  const ORIGIN = new URL(document.currentScript.src).origin;
  const CLOSED_POLL_MS = 300;
  const ANSWER_MS = 10_000;
  /** As long as the checkout says one of these, the payment has not ended. */
  const UNDER_WAY = ['paying', 'challenge', 'confirmation'];

  class CloseEvent extends Event {
    constructor(status) {
      super('close');
      this.status = status;
      this.detail = { status };
    }
  }

  /** Asks the checkout how it stands, until it has ended. */
  function watch(url, onEnd) {
    const frame = document.createElement('iframe');
    frame.hidden = true;
    frame.title = 'Plexy Pay';
    const end = (act) => {
      clearTimeout(unanswered);
      removeEventListener('message', hear);
      frame.remove();
      act();
    };
    const hear = ({ origin, source, data }) => {
      if (origin !== ORIGIN || source !== frame.contentWindow || typeof data?.plexyPay !== 'string') return;
      clearTimeout(unanswered);
      if (!UNDER_WAY.includes(data.plexyPay))
        end(() => onEnd(data.plexyPay === 'paid' ? 'success' : 'failure'));
    };
    const unanswered = setTimeout(() => end(() => location.assign(url)), ANSWER_MS);
    addEventListener('message', hear);
    frame.src = url;
    document.body.append(frame);
  }

  class PlexyPayApi extends EventTarget {
    #open = null;

    /** @param redirectUrl the `url` of a payment link or session */
    openPopup(redirectUrl) {
      const url = new URL(redirectUrl, ORIGIN);
      if (url.origin !== ORIGIN) throw new TypeError(`openPopup: the address must begin with ${ORIGIN}`);
      if (this.#open !== null && !this.#open.closed) {
        this.#open.focus();
        return;
      }
      const popupUrl = new URL(url);
      popupUrl.searchParams.set('popup', '1');
      const [width, height] = [480, 760];
      const left = Math.max(0, screenX + (outerWidth - width) / 2);
      const top = Math.max(0, screenY + (outerHeight - height) / 2);
      const popup = open(popupUrl, '_blank', `popup,width=${width},height=${height},left=${left},top=${top}`);
      if (popup === null) {
        location.assign(url);
        return;
      }
      this.#open = popup;
      const poll = setInterval(() => {
        if (!popup.closed) return;
        clearInterval(poll);
        watch(url, (status) => {
          this.#open = null;
          this.dispatchEvent(new CloseEvent(status));
        });
      }, CLOSED_POLL_MS);
    }

    /** The same as `addEventListener`. */
    on(type, listener) {
      this.addEventListener(type, listener);
    }
  }

  window.PlexyPayApi = new PlexyPayApi();
})();
