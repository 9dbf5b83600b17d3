/**
 * What `plexy check-connector` is told of a connector: here of our own, against the simulated bank.
 *
 *   BANK_URL=http://127.0.0.1:4000 BANK_SECRET=secret npx plexy check-connector examples/connector/simulatedBank.js
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { HTTP_CONNECTOR } from '@plexy-pay/server/connector/http';

const cardOf = (number) => ({ number, expiryMonth: 12, expiryYear: 2040, cvc: '123', holder: null });

/** Where the bank's notifications arrive: each as it came, by the payment that it names. */
const arrived = new Map();
const listener = createServer(async (request, response) => {
  const body = Buffer.concat(await request.toArray());
  arrived.set(JSON.parse(body.toString()).authorizationId, { headers: request.headers, body });
  response.writeHead(204).end();
}).listen(0, '127.0.0.1');
await once(listener, 'listening');
// When everything is checked, the program ends.
listener.unref();

/** @type {import('@plexy-pay/server/connector/conformance').ConformanceTarget} */
const target = {
  connector: HTTP_CONNECTOR,
  baseUrl: process.env.BANK_URL ?? 'http://127.0.0.1:4000',
  secret: process.env.BANK_SECRET ?? 'secret',
  timeoutMs: 1_000,
  cards: {
    approved: cardOf('4242424242424242'),
    declined: cardOf('4000000000000002'),
    challenged: cardOf('4000000000003220'),
  },
  // What the payer does on the bank's page.
  answerChallenge: async (redirectUrl, approve) => {
    const body = new URLSearchParams({ decision: approve ? 'approve' : 'decline' });
    await fetch(redirectUrl, { method: 'POST', body, redirect: 'manual' });
  },
  notifications: {
    url: `http://127.0.0.1:${listener.address().port}/`,
    received: async (paymentId) => {
      for (let tries = 0; tries < 200 && !arrived.has(paymentId); tries += 1) await sleep(50);
      return arrived.get(paymentId);
    },
  },
};
export default target;
