/**
 * What `plexy check-connector` is told of a connector: here of our own, against the simulated bank.
 *
 *   BANK_URL=http://127.0.0.1:4000 BANK_SECRET=secret npx plexy check-connector examples/connector/simulatedBank.js
 */
import { HTTP_CONNECTOR } from '@plexy-pay/server/connector/http';

const cardOf = (number) => ({ number, expiryMonth: 12, expiryYear: 2040, cvc: '123', holder: null });

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
};
export default target;
