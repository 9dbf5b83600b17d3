import type { FastifyReply, FastifyRequest } from 'fastify';
import Type, { type Static } from 'typebox';
import type { Deps } from '../app/deps.ts';
import { findDefaultCard } from '../cards/cardsOnFileSql.ts';
import { parseExpiry, RecurringBody, recurringOf, type UseOfCard } from '../cards/recurring.ts';
import { RECURRING_TYPES } from '../core/transaction.ts';
import { parseCurrency } from '../core/values/currency.ts';
import { parseUuid } from '../core/values/ids.ts';
import { parseAmount } from '../core/values/money.ts';
import { parseOrderReference } from '../core/values/orderReference.ts';
import { type Parsed, parsed } from '../core/values/parse.ts';
import { parseReturnUrl } from '../core/values/returnUrl.ts';
import { parseText } from '../core/values/text.ts';
import type { Rendering } from '../engine/caller.ts';
import { parseAddress } from '../http/addresses.ts';
import type { App } from '../http/baseApp.ts';
import { merchantCallerOf } from '../http/caller.ts';
import { fieldError } from '../http/errors.ts';
import { idempotencyKeyOf } from '../http/idempotencyKey.ts';
import { valuesOf } from '../http/parseFields.ts';
import * as schemas from '../http/schemas.ts';
import { sendTold } from '../http/send.ts';
import { merchantOf, PAYMENTS } from '../identity/auth.ts';
import { BrowserBody, parseBrowser } from './browser.ts';
import { CardBody, holdsCardNumber, parseCard } from './cardInput.ts';
import { type CardPayment, payByCard } from './payByCard.ts';
import { transactionAnswer } from './transactionViews.ts';

const PaymentBody = Type.Object(
  {
    amount: schemas.Amount,
    currency: Type.String({ description: 'ISO 4217 code.', examples: ['KZT'] }),
    orderReference: Type.String({ description: '1 to 255 characters.', examples: ['ORDER-100045'] }),
    description: Type.Optional(Type.String({ description: '1 to 1,000 characters, shown to the payer.' })),
    card: Type.Optional(CardBody),
    cardTokenId: Type.Optional(
      Type.String({ description: 'A card that was used before, in place of `card`.' }),
    ),
    captureMode: Type.Optional(
      Type.Enum(['manual', 'automatic'], { description: 'Default: as the merchant is set up.' }),
    ),
    customerId: Type.Optional(Type.String({ description: 'One of your customers, who is not erased.' })),
    storeId: Type.Optional(Type.String({ description: 'One of the merchant’s stores.' })),
    terminalId: Type.Optional(Type.String({ description: 'One of the merchant’s terminals.' })),
    returnUrl: Type.Optional(
      Type.String({
        description:
          'Where the payer comes back to after 3-D Secure: a page, or an app by its own scheme, such as `myapp://pay/return`. Without it 3-D Secure is impossible.',
      }),
    ),
    recurringType: Type.Optional(Type.Enum([...RECURRING_TYPES])),
    recurring: Type.Optional(RecurringBody),
    initiator: Type.Optional(
      Type.Enum(['customer', 'merchant'], {
        description:
          '`merchant`: nobody is there. It charges the `cardTokenId` of the `customerId`, who has agreed to that by a first payment; without card, `returnUrl`, `payerIp` and `browser`. Default: `customer`.',
      }),
    ),
    payerIp: Type.Optional(Type.String({ description: 'IPv4 or IPv6 address of the payer.' })),
    browser: Type.Optional(BrowserBody),
  },
  schemas.closed,
);
type PaymentBody = Static<typeof PaymentBody>;

const MERCHANT_INITIATED = '/v1/payments/recurring/merchant/initiated';
const { amount, currency, orderReference, description, ...others } = PaymentBody.properties;
const { captureMode, storeId, terminalId, recurringType } = others;
const MerchantInitiatedBody = Type.Object(
  {
    ...{ amount, currency, orderReference, description, captureMode, storeId, terminalId, recurringType },
    customerId: Type.String({ description: 'UUID of one of the merchant’s customers.' }),
    cardTokenId: Type.Optional(
      Type.String({ description: 'One of the customer’s cards on file. Default: their default card.' }),
    ),
  },
  schemas.closed,
);

/** Card payments. */
export function paymentRoutes(app: App, deps: Deps): void {
  app.post(
    '/v1/payments',
    {
      config: PAYMENTS,
      schema: {
        operationId: 'createPayment',
        summary: 'Pay by card',
        tags: ['Payments'],
        security: [{ merchantApiKey: [] }],
        headers: schemas.RequiredIdempotencyHeader,
        body: PaymentBody,
        response: { 201: Type.Ref('Transaction'), '4xx': Type.Ref('Error'), '5xx': Type.Ref('Error') },
      },
    },
    async (request, reply) => {
      const key = idempotencyKeyOf(request, true);
      refuseNumberElsewhere(request.body, key);
      return send(deps, request, reply, '/v1/payments', key, parsePayment(deps, request.body));
    },
  );
  app.post(
    MERCHANT_INITIATED,
    {
      config: PAYMENTS,
      schema: {
        operationId: 'createMerchantInitiatedPayment',
        summary: 'Charge a card on file without its customer',
        description:
          'The next payment of a customer who has agreed to it by a first one, without cvc and 3-D Secure. Its `parentTransactionId` is that first payment. `POST /v1/payments` with `"initiator": "merchant"` does the same.',
        tags: ['Payments'],
        security: [{ merchantApiKey: [] }],
        headers: schemas.RequiredIdempotencyHeader,
        body: MerchantInitiatedBody,
        response: { 201: Type.Ref('Transaction'), '4xx': Type.Ref('Error'), '5xx': Type.Ref('Error') },
      },
    },
    async (request, reply) => {
      const key = idempotencyKeyOf(request, true);
      const { body } = request;
      const cardTokenId = body.cardTokenId ?? (await defaultCardOf(deps, request, body.customerId));
      const payment = parsePayment(deps, { ...body, cardTokenId, initiator: 'merchant' });
      // Which card is the default may change: the request is what was asked.
      return send(deps, request, reply, MERCHANT_INITIATED, key, { ...payment, fingerprintBody: body });
    },
  );
}

async function send(
  deps: Deps,
  request: FastifyRequest,
  reply: FastifyReply,
  path: string,
  key: string | null,
  { fingerprintBody, ...payment }: ParsedPayment,
): Promise<FastifyReply> {
  const caller = merchantCallerOf(deps, request, { key, path, fingerprintBody });
  const told = await payByCard(deps, caller, payment, RENDERING);
  return sendTold(deps, request, reply, told);
}

/** Without any, an id that no card has: what is refused then is refused once everything else is known to be right. */
async function defaultCardOf(
  { reserved, turns }: Deps,
  request: FastifyRequest,
  customerId: string,
): Promise<string> {
  const id = parseUuid(customerId);
  const { merchantId } = merchantOf(request);
  const card = id.ok
    ? await turns.payments.run(merchantId, () => findDefaultCard(reserved, merchantId, id.value))
    : null;
  return card?.id ?? '';
}

const RENDERING: Rendering = { render: (outcome, balance) => transactionAnswer(201, outcome, balance) };

/** The other fields are stored and logged by somebody: none of them may hold the card's number. */
function refuseNumberElsewhere({ card, ...rest }: PaymentBody, idempotencyKey: string | null): void {
  if (card === undefined) return;
  for (const [path, value] of Object.entries({ ...rest, 'Idempotency-Key': idempotencyKey })) {
    if (typeof value === 'string' && holdsCardNumber(value, card.number))
      throw fieldError('invalid_request', path, 'must not hold the card number');
  }
}

/** What a request says by itself. */
interface ParsedPayment extends CardPayment {
  /** With what stands for the card: keyed, and without the cvc. */
  readonly fingerprintBody: unknown;
}

/** @throws ApiError 400 naming every field that is wrong */
function parsePayment({ secrets }: Deps, body: PaymentBody): ParsedPayment {
  const { card: cardBody, cardTokenId, ...rest } = body;
  const browser = parseBrowser(body.browser);
  const values = valuesOf({
    amount: parseAmount(body.amount),
    currency: parseCurrency(body.currency),
    orderReference: parseOrderReference(body.orderReference),
    description: optional(body.description, (text) => parseText(text, { max: 1_000 })),
    customerId: optional(body.customerId, parseUuid<'CustomerId'>),
    storeId: optional(body.storeId, parseUuid<'StoreId'>),
    terminalId: optional(body.terminalId, parseUuid<'TerminalId'>),
    returnUrl: optional(body.returnUrl, parseReturnUrl),
    payerIp: optional(body.payerIp, parseAddress),
    'recurring.expiry': parseExpiry(body.recurring?.expiry),
  });
  const { captureMode = null, recurringType = null } = body;
  const { 'recurring.expiry': until, ...given } = values;
  const recurring = body.recurring === undefined ? null : recurringOf(body.recurring, until);
  refuseContradictions(body);
  const use: UseOfCard = {
    cardUse: body.initiator === 'merchant' ? 'merchant' : recurring === null ? null : 'cof_initial',
    consentUntil: recurring?.until ?? null,
  };
  const fields = { ...given, captureMode, recurringType, ...use };
  const more = { browser, cvc: null, frequencyDays: recurring?.frequencyDays ?? null };
  if (cardBody !== undefined && cardTokenId === undefined) {
    const card = parseCard(cardBody);
    const { expiryMonth, expiryYear, holder } = card;
    const fingerprint = `${secrets.firstCardHash(card.number)} ${expiryMonth}/${expiryYear} ${holder ?? ''}`;
    return { fields, card, ...more, fingerprintBody: { ...rest, card: fingerprint } };
  }
  if (cardBody === undefined && cardTokenId !== undefined)
    return { fields, card: cardTokenId, ...more, fingerprintBody: { ...rest, cardTokenId } };
  throw fieldError('invalid_request', 'card', 'is required, or cardTokenId in its place; not both');
}

/** What only somebody who is there can have. */
const PAYERS_OWN = ['card', 'returnUrl', 'payerIp', 'browser', 'recurring'] as const;

/** @throws ApiError 400 naming what does not go together, or is missing */
function refuseContradictions(body: PaymentBody): void {
  if (body.initiator !== 'merchant') {
    if (body.recurring === undefined) return;
    if (body.customerId === undefined)
      throw fieldError('missing_field', 'customerId', 'is required with recurring');
    // A merchant alone has the token. Who agrees is there, and can be asked by the bank.
    if (body.cardTokenId !== undefined && body.returnUrl === undefined)
      throw fieldError(
        'missing_field',
        'returnUrl',
        'is required with recurring and a cardTokenId: its customer is there',
      );
    return;
  }
  const wrong = PAYERS_OWN.find((name) => body[name] !== undefined);
  if (wrong !== undefined)
    throw fieldError('invalid_request', wrong, 'cannot be given when the merchant is the initiator');
  for (const name of ['customerId', 'cardTokenId'] as const)
    if (body[name] === undefined)
      throw fieldError('missing_field', name, 'is required when the merchant is the initiator');
}

function optional<T>(text: string | undefined, parse: (text: string) => Parsed<T>): Parsed<T | null> {
  return text === undefined ? parsed(null) : parse(text);
}
