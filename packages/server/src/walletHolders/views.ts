/** What operators see of wallets and who holds them, never an IIN: times as ISO 8601 in UTC. */
import type { Wallet, WalletTransfer } from '../core/transaction.ts';
import { iso } from '../core/values/time.ts';
import type { WalletHolder } from './walletHoldersSql.ts';

export function walletHolderView({ id, phone, iinLast4, createdAt }: WalletHolder) {
  return { id, phoneNumber: phone, iinLast4, createdAt: iso(createdAt) };
}

/** `customerId`: the holder's id by its name of before. */
export function walletView({ id, holderId, currency, available, held, frozen, approval }: Wallet) {
  const who = { walletHolderId: holderId, customerId: holderId };
  return { id, ...who, currency, available, held, frozen, requiresConfirmation: approval === 'customer' };
}

export function transferView(transfer: WalletTransfer, { available, held }: Wallet) {
  const { id, walletId, kind, amount, currency, reference, createdAt } = transfer;
  return { id, walletId, kind, amount, currency, reference, createdAt: iso(createdAt), available, held };
}
