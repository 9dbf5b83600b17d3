/** A payment from a customer's wallet: from what was asked to what is told. */
import type { Deps } from '../app/deps.ts';
import type { Authorize, LinkKey } from '../core/command.ts';
import type { Minor } from '../core/transaction.ts';
import type { TransactionId } from '../core/values/ids.ts';
import type { Iin } from '../core/values/iin.ts';
import { callOf, type MerchantCaller, type Rendering } from '../engine/caller.ts';
import type { Told } from '../engine/engine.ts';
import { newId } from '../installation/newId.ts';
import { checkReturnUrl } from './checkReturnUrl.ts';

export interface WalletPayment {
  readonly amount: Minor;
  readonly currency: string;
  readonly phone: string;
  readonly iin: Iin;
  readonly orderReference: string;
  readonly returnUrl: string | null;
  /** The merchant's customer, who is there. */
  readonly customerId: string | null;
  /** The payment link that it is made by; its payers come back to this server's own checkout. */
  readonly link?: LinkKey;
}

/**
 * Holds the amount on the customer's wallet, once for each key of the caller.
 * @param network where the caller asks from: who guesses pairs of phone number and IIN there is answered as if each were wrong
 * @throws ApiError when payers may not return there; what the engine throws
 */
export async function authorizeWallet(
  deps: Pick<Deps, 'config' | 'engine' | 'guesses' | 'reserved' | 'secrets'>,
  caller: MerchantCaller,
  network: string,
  { iin, ...payment }: WalletPayment,
  rendering: Rendering<Authorize>,
): Promise<Told> {
  const { engine, guesses, secrets } = deps;
  const { merchantId } = caller;
  if (payment.link === undefined) await checkReturnUrl(deps, merchantId, payment.returnUrl);
  const hashes = guesses.isLocked(merchantId, network)
    ? { iinHash: null }
    : { iinHash: secrets.hashIin(iin), otherIinHashes: secrets.otherIinHashes(iin) };
  const transactionId = newId() as TransactionId;
  const command: Authorize = { kind: 'authorize', transactionId, merchantId, ...payment, ...hashes };
  const told = await engine.runOnce(callOf(caller, command, 'wallet', rendering));
  const outcome = told.kind === 'answered' ? told.outcome : null;
  if (outcome?.kind === 'transaction' && command.iinHash !== null)
    guesses.count(merchantId, network, outcome.transaction.statusReason === 'customer_not_found');
  return told;
}
