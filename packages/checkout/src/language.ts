/** The language that this tab's payer has chosen, which a reload and the way back from the bank keep. */
import { isLanguage, type Language } from '@plexy-pay/payer-pages/language';

const STORED = 'checkout language';

export function keepLanguage(language: Language): void {
  try {
    sessionStorage.setItem(STORED, language);
  } catch {
    // It is chosen again, then.
  }
}

/** @param served what the server has chosen, by the address, the link or the browser */
export function languageAtFirst(served: string): Language {
  const isInAddress = new URLSearchParams(location.search).has('lang');
  const chosen = isInAddress ? null : storedLanguage();
  return chosen ?? (isLanguage(served) ? served : 'en');
}

function storedLanguage(): Language | null {
  try {
    const stored = sessionStorage.getItem(STORED) ?? '';
    return isLanguage(stored) ? stored : null;
  } catch {
    return null;
  }
}
