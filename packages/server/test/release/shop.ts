/** A shop in production: a merchant with a key, and a wallet with money to take. */
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { PlexyPay } from '@plexy-pay/sdk';

type Answer = Awaited<ReturnType<PlexyPay['wallet']['authorize']>>;

export interface Shop {
  /** Holds 150.00 KZT on the wallet. */
  authorize(orderReference: string): Promise<Answer>;
}

/** Sets it up through operators' API. */
export async function openShop(adminUrl: string, operatorKey: string, url: string): Promise<Shop> {
  const { admin } = new PlexyPay({ apiKey: operatorKey, baseUrl: adminUrl });
  const merchant = await admin.merchants.create({ name: 'Shop' });
  const { apiKey } = await admin.apiKeys.issue(merchant.id, { name: 'shop' });
  const [phoneNumber, iin] = ['+77010000001', '900101300017'];
  const holder = await admin.walletHolders.create({ phoneNumber, iin });
  const wallet = await admin.walletHolders.createWallet(holder.id, { currency: 'KZT' });
  await admin.wallets.deposit(wallet.id, { amount: 20_000 });
  const { wallet: payments } = new PlexyPay({ apiKey, baseUrl: url });
  const order = { amount: 15_000, currency: 'KZT', phoneNumber, iin };
  return { authorize: (orderReference) => payments.authorize({ ...order, orderReference }) };
}

/** For a program that does not say which one it has taken. */
export async function freePort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return String(port);
}
