/** What operators see of wallets and who holds them, never an IIN: times as ISO 8601 in UTC. */
import type { Wallet, WalletTransfer } from '../core/transaction.ts';
import { iso } from '../core/values/time.ts';
import type { Customer } from './customersSql.ts';

export function customerView({ id, phone, iinLast4, createdAt }: Customer) {
  return { id, phoneNumber: phone, iinLast4, createdAt: iso(createdAt) };
}

export function walletView({ id, customerId, currency, available, held, frozen, approval }: Wallet) {
  return { id, customerId, currency, available, held, frozen, requiresConfirmation: approval === 'customer' };
}

export function transferView(transfer: WalletTransfer, { available, held }: Wallet) {
  const { id, walletId, kind, amount, currency, reference, createdAt } = transfer;
  return { id, walletId, kind, amount, currency, reference, createdAt: iso(createdAt), available, held };
}
