/** Starts the shop: `npm start -w examples/shop`, beside a Plexy Pay that runs. */
import { randomBytes } from 'node:crypto';
import { PlexyPay } from '@plexy-pay/sdk';
import { Orders } from './orders.ts';
import { Payments } from './payments.ts';
import { createShop } from './shop.ts';

const {
  PLEXY_URL = 'http://127.0.0.1:8080',
  // The key of a sandbox's demo store.
  PLEXY_API_KEY = 'pr_test_demo',
  PORT = '4000',
  SHOP_URL = `http://127.0.0.1:${PORT}`,
  SHOP_PASSWORD,
  SHOP_DATABASE = 'shop.db',
} = process.env;

// Also where it is set to nothing.
const password = SHOP_PASSWORD || randomBytes(9).toString('base64url');
const orders = new Orders(SHOP_DATABASE);
const payments = new Payments(new PlexyPay({ apiKey: PLEXY_API_KEY, baseUrl: PLEXY_URL }), orders, SHOP_URL);
let secret = '';
const app = await createShop({ orders, payments, password, url: SHOP_URL, secret: () => secret });
await app.listen({ host: '127.0.0.1', port: Number(PORT) });
try {
  secret = await payments.listen();
} catch (cause) {
  console.error(
    `Plexy Pay does not answer at ${PLEXY_URL}: ${(cause as Error).message}. Start it first: npm start`,
  );
  process.exit(1);
}
console.log(`The shop:   ${SHOP_URL}\nThe office: ${SHOP_URL}/office, anybody with the password ${password}`);
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void app.close().then(() => orders.close()));
