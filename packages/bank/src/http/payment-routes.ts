import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply } from 'fastify';
import { type AuthorizeCommand, type Bank, conflict, type OperationCommand } from '../bank.ts';
import { type FaultPlan, faultPlans } from '../domain/faults.ts';
import type { FaultSwitches } from '../fault-switches.ts';
import type { Answer, Deliverer } from './delivery.ts';
import type { News, Notifier } from './notifier.ts';
import {
  AuthorizationParams,
  AuthorizeBody,
  CaptureBody,
  OperationParams,
  RefundBody,
  ReversalBody,
} from './schemas.ts';
import * as wire from './wire.ts';

export interface PaymentRoutesOptions {
  readonly bank: Bank;
  readonly faults: FaultSwitches;
  readonly deliverer: Deliverer;
  readonly notifier: Notifier;
  readonly publicUrl: () => string;
}

/** What an acquirer calls: every route may be struck by a fault. */
export const paymentRoutes: FastifyPluginAsyncTypebox<PaymentRoutesOptions> = async (app, options) => {
  app.register(authorizationRoutes, options);
  app.register(operationRoutes, options);
  app.register(inquiryRoutes, options);
};

const authorizationRoutes: FastifyPluginAsyncTypebox<PaymentRoutesOptions> = async (app, options) => {
  const { bank, faults, deliverer, publicUrl } = options;

  app.post('/authorizations', { schema: { body: AuthorizeBody } }, async ({ body }, reply) => {
    const returnUrl = readReturnUrl(body.returnUrl);
    if (body.threeDS && !returnUrl) {
      return reply.code(400).send({
        error: 'invalid_request',
        message: 'returnUrl must be an http or https address when threeDS is true',
      });
    }
    if (body.onFile?.use === 'merchant' && (body.threeDS || !('token' in body.card) || body.card.cvc)) {
      return reply.code(400).send({
        error: 'invalid_request',
        message: 'a merchant charges a card by its token, without cvc and threeDS',
      });
    }
    const command = toCommand(body, returnUrl);
    const plan =
      faults.strike('authorize', command.merchantId, command.id) ?? (await cardFault(bank, command));
    const work = async (): Promise<Answer> => {
      const answer = await bank.authorize(command);
      return answer === conflict ? conflicting : ok(wire.authorizeAnswer(command, answer, publicUrl()));
    };
    return deliverer.deliver(reply, plan, work, () => tell(options, command.id, null));
  });

  app.post(
    '/authorizations/:id/complete',
    { schema: { params: AuthorizationParams } },
    async (request, reply) => {
      const id = request.params.id.toLowerCase();
      const plan = faults.strike('complete', await merchantOf(options, id, 'authorization'), id);
      return deliverer.deliver(reply, plan, async () =>
        ok(wire.authorizationState(id, await bank.complete(id), publicUrl())),
      );
    },
  );
};

const operationRoutes: FastifyPluginAsyncTypebox<PaymentRoutesOptions> = async (app, options) => {
  const { bank, faults, deliverer } = options;
  const params = AuthorizationParams;

  async function plan(command: OperationCommand): Promise<FaultPlan | undefined> {
    const operation = command.kind === 'reversal' ? 'reverse' : command.kind;
    const merchantId = await merchantOf(options, command.authorizationId, 'authorization');
    return faults.strike(operation, merchantId, command.operationId);
  }
  async function operate(command: OperationCommand): Promise<Answer> {
    const operation = await bank.operate(command);
    return operation === conflict ? conflicting : ok(wire.operationState(operation));
  }
  async function deliver(reply: FastifyReply, command: OperationCommand): Promise<unknown> {
    const onUnheard = () => tell(options, command.authorizationId, command.operationId);
    return deliverer.deliver(reply, await plan(command), () => operate(command), onUnheard);
  }

  app.post(
    '/authorizations/:id/captures',
    { schema: { params, body: CaptureBody } },
    async (request, reply) => {
      const { operationId, amount, final = true } = request.body;
      const command = operation('capture', request.params.id, operationId, amount, final);
      return deliver(reply, command);
    },
  );

  app.post(
    '/authorizations/:id/reversals',
    { schema: { params, body: ReversalBody } },
    async (request, reply) => {
      const command = operation('reversal', request.params.id, request.body.operationId, request.body.amount);
      return deliver(reply, command);
    },
  );

  app.post(
    '/authorizations/:id/refunds',
    { schema: { params, body: RefundBody } },
    async (request, reply) => {
      const command = operation('refund', request.params.id, request.body.operationId, request.body.amount);
      return deliver(reply, command);
    },
  );
};

const inquiryRoutes: FastifyPluginAsyncTypebox<PaymentRoutesOptions> = async (app, options) => {
  const { bank, faults, deliverer, publicUrl } = options;

  app.get('/authorizations/:id', { schema: { params: AuthorizationParams } }, async (request, reply) => {
    const id = request.params.id.toLowerCase();
    const plan = faults.strike('inquire', await merchantOf(options, id, 'authorization'), id);
    return deliverer.deliver(reply, plan, async () =>
      ok(wire.authorizationState(id, await bank.know(id), publicUrl())),
    );
  });

  app.get('/operations/:operationId', { schema: { params: OperationParams } }, async (request, reply) => {
    const { operationId } = request.params;
    const plan = faults.strike('inquire', await merchantOf(options, operationId, 'operation'), operationId);
    return deliverer.deliver(reply, plan, async () => {
      const found = await bank.operation(operationId);
      return ok(found ? wire.operationState(found) : { operationId, status: 'not_found' });
    });
  });
};

/** Tells whoever asked for the authorization that there is news of it. */
async function tell(
  { bank, notifier }: PaymentRoutesOptions,
  authorizationId: string,
  operationId: News['operationId'],
): Promise<void> {
  notifier.notify(await bank.notificationUrl(authorizationId), { authorizationId, operationId });
}

async function merchantOf(options: PaymentRoutesOptions, id: string, of: 'authorization' | 'operation') {
  return (await options.bank.merchantOf(id, of)) ?? options.faults.senderOf(id);
}

function ok(body: object): Answer {
  return { statusCode: 200, body };
}

const conflicting: Answer = {
  statusCode: 409,
  body: { error: 'idempotency_conflict', message: 'this id was used for another request; nothing was done' },
};

function operation(
  kind: OperationCommand['kind'],
  id: string,
  operationId: string,
  amount: number | undefined,
  final = true,
): OperationCommand {
  const authorizationId = id.toLowerCase();
  return {
    kind,
    authorizationId,
    operationId,
    amount: amount === undefined ? undefined : BigInt(amount),
    final,
  };
}

function toCommand(body: AuthorizeBody, returnUrl: string | null): AuthorizeCommand {
  const { merchantId, merchantName, currency, card, threeDS } = body;
  return {
    id: body.id.toLowerCase(),
    merchantId,
    merchantName,
    amount: BigInt(body.amount),
    currency,
    card,
    threeDS,
    returnUrl,
    orderReference: body.orderReference ?? null,
    description: body.description ?? null,
    notificationUrl: readReturnUrl(body.notificationUrl),
    onFile: onFileOf(body),
  };
}

function onFileOf({ onFile }: AuthorizeBody): AuthorizeCommand['onFile'] {
  if (onFile === undefined) return null;
  return onFile.use === 'merchant'
    ? { use: 'merchant', networkReference: onFile.networkReference ?? null }
    : { use: onFile.use };
}

/** The address as a browser spells it; nothing but http and https may become a redirect. */
function readReturnUrl(text: string | undefined): string | null {
  const url = text === undefined ? null : URL.parse(text);
  return url && /^https?:$/.test(url.protocol) ? url.href : null;
}

/**
 * The fault that a card number asks for. One that strikes after the work strikes the first delivery
 * only: whoever asks again with the same id gets the answer.
 */
async function cardFault(bank: Bank, command: AuthorizeCommand): Promise<FaultPlan | undefined> {
  const { fault } = await bank.behaviour(command);
  if (!fault) return undefined;
  const plan = faultPlans[fault];
  const repeated = plan.works > 0 && (await bank.know(command.id)).known !== 'nothing';
  return repeated ? undefined : plan;
}
