/** What a payer does with a link, and what time does, without waiting for either. */
import { setTimeout as pause } from 'node:timers/promises';
import type { FastifyReply, FastifyRequest } from 'fastify';
import Type, { type Static } from 'typebox';
import type { Deps } from '../app/deps.ts';
import type { ChangeLink } from '../core/command.ts';
import type { PaymentLink } from '../core/link.ts';
import type { PaymentMethod } from '../core/transaction.ts';
import { parsePublicLinkId, publicLinkIdOf } from '../core/values/ids.ts';
import { parseIin } from '../core/values/iin.ts';
import { refuseBody } from '../http/adminCommon.ts';
import type { App } from '../http/baseApp.ts';
import { ApiError } from '../http/errors.ts';
import { exactJson } from '../http/exactJson.ts';
import * as schemas from '../http/schemas.ts';
import { sendJson } from '../http/send.ts';
import { MANAGER, merchantOf } from '../identity/auth.ts';
import { readClock } from '../installation/installationSql.ts';
import { findLink } from '../links/linksSql.ts';
import { linkView } from '../links/linkViews.ts';
import { type PaidByLink, payLinkByCard, payLinkByWallet } from '../links/payLink.ts';
import { parseCard } from '../payments/cardInput.ts';
import { SEED_CUSTOMERS } from './fixtures.ts';

const PATH = '/v1/sandbox/payment-links/:id';
const Params = Type.Object({ id: Type.String({ description: 'Of a payment link or a session.' }) });
const PayBody = Type.Object(
  {
    method: Type.Optional(
      Type.Enum(['card', 'wallet'], { description: 'Default: the first that the link takes.' }),
    ),
  },
  schemas.closed,
);
const SANDBOX = { tags: ['Sandbox'], security: [{ merchantApiKey: [] }] };
const RESPONSE = {
  200: Type.Union([Type.Ref('PaymentLink'), Type.Ref('PaymentSession')]),
  '4xx': Type.Ref('Error'),
  '5xx': Type.Ref('Error'),
};

/** The card of a payer whose bank approves. */
const APPROVED = { number: '4242424242424242', expiryMonth: 12, expiryYear: 2040, cvc: '123' };
/** The time that a link is given before it ends: it must end later than now. */
const EXPIRES_IN_MS = 100;
const EXPIRY_LIMIT_MS = 5_000;
const EXPIRY_POLL_MS = 50;

export function sandboxLinkRoutes(app: App, deps: Deps): void {
  app.post(
    `${PATH}/pay`,
    {
      config: MANAGER,
      schema: {
        ...SANDBOX,
        operationId: 'sandboxPayLink',
        summary: 'Sandbox: pay a link or a session as a payer would',
        params: Params,
        body: PayBody,
        response: RESPONSE,
      },
    },
    async (request, reply) => {
      const link = await requireAnyLink(deps, request, request.params.id);
      const paid = await payAs(deps, link, request.body);
      if (paid.kind === 'refused') throw new ApiError(paid.reason);
      return sendLink(deps, reply, link);
    },
  );
  app.post(
    `${PATH}/expire`,
    {
      config: MANAGER,
      schema: {
        ...SANDBOX,
        operationId: 'sandboxExpireLink',
        summary: 'Sandbox: let a link’s or a session’s time be over',
        params: Params,
        response: RESPONSE,
      },
    },
    async (request, reply) => {
      refuseBody(request);
      const link = await requireAnyLink(deps, request, request.params.id);
      await expire(deps, link);
      return sendLink(deps, reply, link);
    },
  );
}

/** @throws ApiError 404 */
async function requireAnyLink(deps: Deps, request: FastifyRequest, text: string): Promise<PaymentLink> {
  const key = parsePublicLinkId(text);
  const { merchantId } = merchantOf(request);
  const link = key.ok ? await findLink(deps.pool, merchantId, key.value.kind, key.value.id) : null;
  if (link === null) throw new ApiError('payment_link_not_found');
  return link;
}

async function payAs(
  deps: Deps,
  link: PaymentLink,
  { method: asked }: Static<typeof PayBody>,
): Promise<PaidByLink> {
  const method: PaymentMethod = asked ?? link.paymentMethods[0] ?? 'wallet';
  const attempt = { attemptId: crypto.randomUUID(), returnUrl: link.url };
  if (method === 'card')
    return payLinkByCard(deps, link, {
      ...{ ...attempt, card: parseCard(APPROVED), keepsCard: false, browser: null, payerIp: null },
    });
  const payer = SEED_CUSTOMERS.find(({ approval, frozen }) => approval === 'none' && !frozen);
  const iin = payer === undefined ? null : parseIin(payer.iin);
  if (payer === undefined || iin?.ok !== true) throw new Error('no customer of the seed simply pays');
  return payLinkByWallet(deps, link, { ...attempt, phone: payer.phone, iin: iin.value, network: 'sandbox' });
}

/** By the link's own end, so that everything happens as it does in time. */
async function expire(deps: Deps, { id, kind, merchantId }: PaymentLink): Promise<void> {
  for (let inMs = EXPIRES_IN_MS; ; inMs *= 2) {
    const expiresAt = (await readClock(deps.pool)) + inMs;
    const command: ChangeLink = { kind: 'extend_link', link: { id, kind }, expiresAt };
    const outcome = await deps.engine.run(command, { actor: 'api', merchantId, paymentMethod: null });
    if (outcome.kind !== 'refused') break;
    // On a busy machine the end was over before the engine came to it.
    if (outcome.refusal !== 'expiry_out_of_range' || inMs > EXPIRY_LIMIT_MS)
      throw new ApiError(outcome.refusal);
  }
  // A payment that is under way ends first: then it is answered as it is.
  for (const limit = Date.now() + EXPIRY_LIMIT_MS; Date.now() < limit; await pause(EXPIRY_POLL_MS)) {
    const link = await findLink(deps.pool, merchantId, kind, id);
    if (link?.status !== 'active') return;
  }
}

async function sendLink(deps: Deps, reply: FastifyReply, { id, kind, merchantId }: PaymentLink) {
  const link = await findLink(deps.pool, merchantId, kind, id);
  if (link === null) throw new Error(`link ${publicLinkIdOf({ id, kind })} went away`);
  return sendJson(reply, 200, exactJson(linkView(link)));
}
