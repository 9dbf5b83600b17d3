import type { FastifyReply, FastifyRequest } from 'fastify';
import Type, { type Static } from 'typebox';
import type { Deps } from '../app/deps.ts';
import type { Authorize } from '../core/command.ts';
import { statusFilterOf } from '../core/lifecycle.ts';
import { parseCurrency } from '../core/values/currency.ts';
import { parseTransactionId, parseUuid, type TransactionId } from '../core/values/ids.ts';
import { parseIin } from '../core/values/iin.ts';
import { parseAmount } from '../core/values/money.ts';
import { parseOrderReference } from '../core/values/orderReference.ts';
import { parsed } from '../core/values/parse.ts';
import { parsePhone } from '../core/values/phone.ts';
import { parseReturnUrl } from '../core/values/returnUrl.ts';
import { checkCustomerOf } from '../customers/requireCustomer.ts';
import type { Rendering } from '../engine/caller.ts';
import { networkOf } from '../http/addresses.ts';
import type { App } from '../http/baseApp.ts';
import { callerOf, merchantCallerOf } from '../http/caller.ts';
import { clientAddressOf } from '../http/clientAddress.ts';
import { openCursor, sealCursor } from '../http/cursor.ts';
import { ApiError, fieldError } from '../http/errors.ts';
import { idempotencyKeyOf } from '../http/idempotencyKey.ts';
import { valuesOf } from '../http/parseFields.ts';
import { readRecent, timeOfId } from '../http/recentRead.ts';
import { refusalError } from '../http/refusals.ts';
import * as schemas from '../http/schemas.ts';
import { sendJson, sendTold } from '../http/send.ts';
import { merchantOf, PAYMENTS, VIEWER } from '../identity/auth.ts';
import { authorizeWallet, type WalletPayment } from './authorizeWallet.ts';
import { isFinal, OPERATIONS, type Operation, operate } from './operate.ts';
import { findTransaction, listWalletPayments } from './transactionsSql.ts';
import { WalletReads } from './walletReads.ts';
import { WALLET_RENDERING, walletAnswer, walletTransactionJson } from './walletViews.ts';

const AuthorizeBody = Type.Object(
  {
    amount: schemas.Amount,
    phoneNumber: Type.String({
      description: "The customer's phone number, E.164.",
      examples: ['+77010000001'],
    }),
    iin: Type.String({ description: "The customer's IIN, 12 digits.", examples: ['900101300017'] }),
    orderReference: Type.String({
      description: '1 to 255 characters; recommended unique.',
      examples: ['ORDER-100045'],
    }),
    currency: Type.String({ description: 'ISO 4217 code.', examples: ['KZT'] }),
    returnUrl: Type.Optional(
      Type.String({
        description:
          'Where the customer goes back to after confirming on their page, with `transactionId` added. As for cards: one of the origins that are set up for the merchant; a sandbox takes any.',
        examples: ['https://shop.example/return'],
      }),
    ),
    customerId: Type.Optional(
      Type.String({ description: 'One of your customers, who is not erased; not asked for by anybody.' }),
    ),
  },
  schemas.closed,
);

const IdParams = Type.Object({
  wallet_transaction_id: Type.String({ examples: ['wt_01JDM3Z7V8H8Q2X9K0R1ABCD12'] }),
});

const ListQuery = Type.Object(
  {
    limit: schemas.Limit,
    cursor: schemas.Cursor,
    orderReference: Type.Optional(Type.String({ description: 'Only payments with this order reference.' })),
    status: schemas.StatusFilterText,
  },
  schemas.closed,
);

const security = [{ merchantApiKey: [] }];
const tags = ['Wallet'];

/** The wallet API of the specification. */
export function walletRoutes(app: App, deps: Deps): void {
  authorizeRoute(app, deps);
  for (const operation of OPERATIONS) operationRoute(app, deps, operation);
  getRoute(app, deps);
  listRoute(app, deps);
}

function authorizeRoute(app: App, deps: Deps): void {
  app.post(
    '/v1/wallet/authorize',
    {
      config: PAYMENTS,
      schema: {
        operationId: 'authorizeWallet',
        summary: 'Authorize a payment',
        description:
          'Holds the amount on the customer’s wallet in this currency. A payment that the wallet refuses is recorded, too: a 201 with status FAILED and its failureCode. After five wrong IINs for a phone number, every pair with it is answered as a wrong one, for a minute and then longer each time, up to an hour; so is every pair of a merchant that guesses.',
        tags,
        security,
        headers: schemas.RequiredIdempotencyHeader,
        body: AuthorizeBody,
        response: { 201: Type.Ref('WalletTransaction'), '4xx': Type.Ref('Error'), '5xx': Type.Ref('Error') },
      },
    },
    async (request, reply) => {
      const key = idempotencyKeyOf(request, true);
      const payment = parsePayment(request.body);
      const caller = merchantCallerOf(deps, request, { key, path: '/v1/wallet/authorize' });
      const network = networkOf(clientAddressOf(request));
      const told =
        (await checkCustomerOf(deps, caller, payment.customerId)) ??
        (await authorizeWallet(deps, caller, network, payment, AUTHORIZED));
      return sendTold(deps, request, reply, told);
    },
  );
}

const AUTHORIZED: Rendering<Authorize> = {
  render: (outcome) => walletAnswer(201, outcome),
  usual: ({ transactionId: id, amount, currency, orderReference }) => ({
    statusCode: 201,
    body: walletTransactionJson(
      { id, status: 'authorized', statusReason: null, orderReference, currency },
      amount,
    ),
  }),
};

const BODIES = {
  capture: Type.Object({ amount: schemas.Amount, final: schemas.Final }, schemas.closed),
  cancel: schemas.AmountBody,
  refund: schemas.AmountBody,
} as const;

function operationRoute(app: App, deps: Deps, operation: Operation): void {
  app.post(
    `/v1/wallet/:wallet_transaction_id/${operation}`,
    {
      config: PAYMENTS,
      schema: {
        operationId: `${operation}Wallet`,
        ...TEXTS[operation],
        tags,
        security,
        params: IdParams,
        headers: schemas.IdempotencyHeader,
        body: BODIES[operation],
        response: {
          200: Type.Ref('WalletTransaction'),
          '4xx': Type.Ref('Error'),
          '5xx': Type.Ref('Error'),
        },
      },
    },
    async (request, reply) => {
      const key = idempotencyKeyOf(request, false);
      const id = walletIdOf(request.params.wallet_transaction_id);
      const { amount } = valuesOf({ amount: parseAmount(request.body.amount) });
      const caller = callerOf(deps, request, { key, path: `/v1/wallet/${id}/${operation}` });
      const asked = { amount, final: isFinal(request.body) };
      const told = await operate(deps, caller, operation, id, asked, 'wallet', WALLET_RENDERING);
      return sendTold(deps, request, reply, told);
    },
  );
}

function getRoute(app: App, deps: Deps): void {
  const reads = new WalletReads(deps.pool, deps.turns.common);
  app.get(
    '/v1/wallet/transaction/:wallet_transaction_id',
    {
      // They wait for their turn in `reads`, together.
      config: { ...VIEWER, turn: 'none' },
      schema: {
        operationId: 'getWalletTransaction',
        summary: 'Get a wallet transaction',
        description: 'Its status and details; the amount is the authorized one.',
        tags,
        security,
        params: IdParams,
        response: { 200: Type.Ref('WalletTransaction'), '4xx': Type.Ref('Error'), '5xx': Type.Ref('Error') },
      },
    },
    async (request, reply) => {
      const { merchantId } = merchantOf(request);
      const id = walletIdOf(request.params.wallet_transaction_id);
      const transaction = await reads.find(merchantId, id);
      if (transaction === null) throw await noWalletPayment(deps, merchantId, id);
      return sendJson(reply, 200, walletTransactionJson(transaction, transaction.amount));
    },
  );
}

function listRoute(app: App, deps: Deps): void {
  app.get(
    '/v1/wallet/transactions',
    {
      config: VIEWER,
      schema: {
        operationId: 'listWalletTransactions',
        summary: 'List wallet transactions',
        description: 'Newest first, in pages.',
        tags,
        security,
        querystring: ListQuery,
        response: {
          200: Type.Object({
            items: Type.Array(Type.Ref('WalletTransaction')),
            nextCursor: schemas.NextCursor,
          }),
          '4xx': Type.Ref('Error'),
          '5xx': Type.Ref('Error'),
        },
      },
    },
    async (request, reply) => sendJson(reply, 200, await listPage(deps, request, reply, request.query)),
  );
}

const TEXTS = {
  capture: {
    summary: 'Capture a payment',
    description:
      'Debits the amount, at most what is held, and releases the rest. With `final: false` the rest stays held and the payment is still PROCESSING, until the last capture or a cancel of the rest.',
  },
  cancel: {
    summary: 'Cancel a payment',
    description: 'Releases the amount. All of what is held ends the payment, a part leaves the rest held.',
  },
  refund: {
    summary: 'Refund a payment',
    description:
      'Gives the amount back, at most what was captured and not refunded before. Send an Idempotency-Key: without one, a request that is sent twice refunds twice.',
  },
} as const;

/** @throws ApiError 400 naming every field that is wrong */
function parsePayment(body: Static<typeof AuthorizeBody>): WalletPayment {
  const { phoneNumber: phone, ...fields } = valuesOf({
    amount: parseAmount(body.amount),
    phoneNumber: parsePhone(body.phoneNumber),
    iin: parseIin(body.iin),
    orderReference: parseOrderReference(body.orderReference),
    currency: parseCurrency(body.currency),
    returnUrl: body.returnUrl === undefined ? parsed(null) : parseReturnUrl(body.returnUrl),
    customerId: body.customerId === undefined ? parsed(null) : parseUuid<'CustomerId'>(body.customerId),
  });
  return { phone, ...fields };
}

/**
 * A payment's id in either spelling: who asks here about a card payment or a refund has only the other one. Unknown
 * and malformed ids are told apart by nobody. @throws ApiError 404
 */
function walletIdOf(text: string): TransactionId {
  const id = parseTransactionId(text);
  if (!id.ok) throw new ApiError('transaction_not_found');
  return id.value;
}

/** Here are wallet payments only; of another transaction of the merchant's own the message says what it is. */
async function noWalletPayment(deps: Deps, merchantId: string, id: TransactionId): Promise<ApiError> {
  const other = await deps.turns.common.run(merchantId, () => findTransaction(deps.pool, id));
  if (other?.merchantId !== merchantId) return new ApiError('transaction_not_found');
  const { details } = refusalError(
    other.type === 'refund' ? 'transaction_is_refund' : 'transaction_is_card_payment',
    other,
  );
  const [detail] = details;
  return new ApiError(
    'transaction_not_found',
    `there is no such wallet payment: this ${detail?.message}`,
    details,
  );
}

async function listPage(
  deps: Deps,
  request: FastifyRequest,
  reply: FastifyReply,
  query: Static<typeof ListQuery>,
): Promise<string> {
  const { merchantId } = merchantOf(request);
  const list = `wallet transactions of ${merchantId}`;
  const limit = query.limit ?? 20;
  const { status } = query;
  const { cursor: before, orderReference } = valuesOf({
    cursor: query.cursor === undefined ? parsed(null) : openCursor(deps.secrets, list, query.cursor),
    orderReference:
      query.orderReference === undefined ? parsed(null) : parseOrderReference(query.orderReference),
  });
  const filter = status === undefined ? null : statusFilterOf(status);
  if (status !== undefined && filter === null)
    throw fieldError('invalid_status', 'status', 'is not a transaction status');
  const wanted = {
    merchantId,
    limit: limit + 1,
    before,
    orderReference,
    status: filter,
  };
  // Whoever asks what an order has may be about to pay again.
  const rows = await (orderReference === null
    ? readRecent(deps, request, reply, { kind: 'list', after: timeOfId(before) }, (pool) =>
        listWalletPayments(pool, wanted),
      )
    : listWalletPayments(deps.pool, wanted));
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  const nextCursor =
    rows.length > limit && last !== undefined ? sealCursor(deps.secrets, list, last.id) : null;
  const texts = items.map((transaction) => walletTransactionJson(transaction, transaction.amount));
  return `{"items":[${texts.join(',')}],"nextCursor":${JSON.stringify(nextCursor)}}`;
}
