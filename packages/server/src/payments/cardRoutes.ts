import Type, { type Static } from 'typebox';
import type { Deps } from '../app/deps.ts';
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
import { PAYMENTS } from '../identity/auth.ts';
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
    recurringType: Type.Optional(Type.Enum(['subscription', 'installment', 'unscheduled'])),
    payerIp: Type.Optional(Type.String({ description: 'IPv4 or IPv6 address of the payer.' })),
    browser: Type.Optional(BrowserBody),
  },
  schemas.closed,
);
type PaymentBody = Static<typeof PaymentBody>;

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
      const { fingerprintBody, ...payment } = parsePayment(deps, request.body);
      const caller = merchantCallerOf(deps, request, { key, path: '/v1/payments', fingerprintBody });
      const told = await payByCard(deps, caller, payment, RENDERING);
      return sendTold(deps, request, reply, told);
    },
  );
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
  });
  const { captureMode = null, recurringType = null } = body;
  const fields = { ...values, captureMode, recurringType };
  if (cardBody !== undefined && cardTokenId === undefined) {
    const card = parseCard(cardBody);
    const { expiryMonth, expiryYear, holder } = card;
    const fingerprint = `${secrets.firstCardHash(card.number)} ${expiryMonth}/${expiryYear} ${holder ?? ''}`;
    return { fields, card, browser, fingerprintBody: { ...rest, card: fingerprint } };
  }
  if (cardBody === undefined && cardTokenId !== undefined)
    return { fields, card: cardTokenId, browser, fingerprintBody: { ...rest, cardTokenId } };
  throw fieldError('invalid_request', 'card', 'is required, or cardTokenId in its place; not both');
}

function optional<T>(text: string | undefined, parse: (text: string) => Parsed<T>): Parsed<T | null> {
  return text === undefined ? parsed(null) : parse(text);
}
