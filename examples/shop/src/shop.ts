/** The shop's pages: Fastify, rendered here. */
import { timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import basicAuth from '@fastify/basic-auth';
import formbody from '@fastify/formbody';
import view from '@fastify/view';
import { formatAmount, PlexyPayError } from '@plexy-pay/sdk';
import { verify, WebhookVerificationError } from '@plexy-pay/sdk/webhooks';
import { Eta } from 'eta';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { CATALOG, CURRENCY, MOST_OF_ONE, parsePurchase } from './catalog.ts';
import type { Order, Orders } from './orders.ts';
import type { Payments } from './payments.ts';

const VIEWS = fileURLToPath(new URL('../views', import.meta.url));

export interface Shop {
  readonly orders: Orders;
  readonly payments: Payments;
  /** Of whoever packs and ships. */
  readonly password: string;
  /** Its own address, as browsers know it. */
  readonly url: string;
  /** Webhooks are signed with it. */
  readonly secret: () => string;
}

export async function createShop(shop: Shop): Promise<FastifyInstance> {
  const app = fastify({ logger: { level: 'warn' } });
  await app.register(view, { engine: { eta: new Eta({ views: VIEWS, autoEscape: true }) }, root: VIEWS });
  await app.register(formbody);
  app.addHook('preHandler', async (request, reply) => {
    const isForm = request.method === 'POST' && request.url !== '/webhooks';
    if (isForm && !isFromHere(request, shop.url))
      await reply.code(403).view('notice', { text: 'Please use our own page.' });
  });
  app.setErrorHandler(sayWhatIsWrong);
  app.get('/style.css', async (_request, reply) =>
    reply.type('text/css').send(await readFile(`${VIEWS}/style.css`)),
  );
  buyersPages(app, shop);
  await app.register(async (inner) => webhooks(inner, shop));
  await app.register(async (inner) => officePages(inner, shop), { prefix: '/office' });
  return app;
}

const show = { price: (amount: number) => `${formatAmount(BigInt(amount), CURRENCY)} ${CURRENCY}` };

function buyersPages(app: FastifyInstance, { orders, payments }: Shop): void {
  app.get('/', (_request, reply) => reply.view('home', { ...show, products: CATALOG, most: MOST_OF_ONE }));

  app.post('/orders', async (request, reply) => {
    const purchase = parsePurchase(request.body as Record<string, unknown>);
    if (purchase === null)
      return reply.code(400).view('notice', { text: 'We have no such product, or not so many.' });
    const { product, quantity } = purchase;
    const title = quantity === 1 ? product.name : `${quantity} × ${product.name}`;
    const order = orders.create(title, product.price * quantity);
    return reply.redirect((await payments.checkout(order)) ?? pageOf(order), 303);
  });

  // Where the checkout sends its payer: whatever the address says, the payment is asked for.
  app.get<{ Params: { id: string } }>('/orders/:id', async ({ params }, reply) => {
    const order = orders.find(params.id);
    if (order === null) return reply.code(404).view('notice', { text: 'There is no such order.' });
    return reply.view('order', { ...show, order: await payments.look(order) });
  });

  app.post<{ Params: { id: string } }>('/orders/:id/pay', async ({ params }, reply) => {
    const order = orders.find(params.id);
    if (order === null) return reply.code(404).view('notice', { text: 'There is no such order.' });
    return reply.redirect((await payments.checkout(order)) ?? pageOf(order), 303);
  });
}

function pageOf({ id }: Order): string {
  return `/orders/${id}`;
}

async function webhooks(app: FastifyInstance, { payments, secret }: Shop): Promise<void> {
  // The signature is of the bytes as they came.
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, body),
  );
  app.post('/webhooks', async (request, reply) => {
    await payments.heard(verify(request.body as Buffer, request.headers, secret()));
    return reply.code(204).send();
  });
}

const MOVES = ['ship', 'cancel', 'refund'] as const;

async function officePages(app: FastifyInstance, { orders, payments, password }: Shop): Promise<void> {
  await app.register(basicAuth, {
    validate: async (_name, given) => {
      if (!isSame(given, password)) throw Object.assign(new Error('wrong password'), { statusCode: 401 });
    },
    authenticate: { realm: 'the office' },
  });
  app.addHook('onRequest', app.basicAuth);

  app.get('/', (_request, reply) => reply.view('office', { ...show, orders: orders.list() }));

  for (const move of MOVES)
    app.post<{ Params: { id: string } }>(`/orders/:id/${move}`, async ({ params }, reply) => {
      await payments[move](orders.require(params.id));
      return reply.redirect('/office', 303);
    });
}

function isSame(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}

/** No other site's page may send our forms with our visitors' browsers, which say where a form comes from. */
function isFromHere({ headers }: FastifyRequest, url: string): boolean {
  const { origin, 'sec-fetch-site': site } = headers;
  return site === undefined ? origin === undefined || origin === new URL(url).origin : site === 'same-origin';
}

function sayWhatIsWrong(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (error instanceof WebhookVerificationError) return reply.code(400).send();
  const statusCode = (error as { statusCode?: number }).statusCode;
  if (statusCode !== undefined && statusCode < 500)
    return reply.code(statusCode).view('notice', { text: (error as Error).message });
  request.log.error(error);
  if (error instanceof PlexyPayError)
    return reply.code(502).view('notice', { text: `The payment says: ${error.message}` });
  return reply.code(500).view('notice', { text: 'Something went wrong here. Nothing was charged twice.' });
}
