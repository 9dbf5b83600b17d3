/** Payers of payment links, who have no API key: what a checkout does for them. */
import assert from 'node:assert/strict';
import type { Deps } from '../../src/app/deps.ts';
import { parseIin } from '../../src/core/values/iin.ts';
import {
  findCheckoutLink,
  type PaidByLink,
  payLinkByCard,
  payLinkByWallet,
} from '../../src/links/payLink.ts';
import { parseCard } from '../../src/payments/cardInput.ts';
import { VISA } from './cards.ts';
import { CUSTOMER } from './sandbox.ts';

export interface PayerTools {
  /** @param attemptId of another one: the same wish to pay again */
  byWallet(id: string, options?: WalletOptions): Promise<PaidByLink>;
  byCard(id: string, options?: CardOptions): Promise<PaidByLink>;
}

interface WalletOptions {
  readonly attemptId?: string;
  readonly phoneNumber?: string;
  readonly iin?: string;
}

interface CardOptions {
  readonly attemptId?: string;
  readonly number?: string;
}

export function createPayerTools(deps: Deps): PayerTools {
  const linkOf = async (id: string) => {
    const found = await findCheckoutLink(deps, id);
    assert.ok(found !== null, `there is no link ${id}`);
    return found.link;
  };
  const common = (id: string, attemptId: string) => ({
    attemptId,
    returnUrl: `${deps.publicUrl.current}/checkout/${id}`,
  });
  return {
    byWallet: async (id, { attemptId = crypto.randomUUID(), phoneNumber, iin } = {}) => {
      const parsed = parseIin(iin ?? CUSTOMER.iin);
      assert.ok(parsed.ok);
      return payLinkByWallet(deps, await linkOf(id), {
        ...common(id, attemptId),
        phone: phoneNumber ?? CUSTOMER.phoneNumber,
        iin: parsed.value,
        network: '203.0.113.0',
      });
    },
    byCard: async (id, { attemptId = crypto.randomUUID(), number = VISA } = {}) => {
      const card = parseCard({ number, expiryMonth: 12, expiryYear: 2040, cvc: '123' });
      const attempt = {
        ...common(id, attemptId),
        card,
        keepsCard: false,
        browser: null,
        payerIp: '203.0.113.7',
      };
      return payLinkByCard(deps, await linkOf(id), attempt);
    },
  };
}
