import { CURRENCIES } from '@plexy-pay/money';
import { type Static, Type } from 'typebox';
import { faultModes, operations } from '../domain/faults.ts';

const uuid = Type.String({ pattern: '^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$' });
const amount = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });
const operationId = Type.String({ pattern: '^[0-9A-Za-z._:-]{1,100}$' });
const merchantId = Type.String({ minLength: 1, maxLength: 100 });
const strict = { additionalProperties: false };

export const AuthorizationParams = Type.Object({ id: uuid });
export const OperationParams = Type.Object({ operationId });

/** What EMV 3-D Secure wants to know of the payer's browser, to judge the risk of the payment. */
const Browser = Type.Object(
  {
    userAgent: Type.String({ maxLength: 2048 }),
    language: Type.String({ maxLength: 35 }),
    screenWidth: Type.Optional(Type.Integer({ minimum: 0, maximum: 999_999 })),
    screenHeight: Type.Optional(Type.Integer({ minimum: 0, maximum: 999_999 })),
    colorDepth: Type.Optional(Type.Enum([1, 4, 8, 15, 16, 24, 32, 48])),
    timezoneOffset: Type.Optional(Type.Integer({ minimum: -840, maximum: 840 })),
    javaScriptEnabled: Type.Boolean(),
  },
  strict,
);

const cvc = Type.String({ pattern: '^[0-9]{3,4}$' });

const CardToken = Type.Object(
  { token: Type.String({ minLength: 1, maxLength: 100 }), cvc: Type.Optional(cvc) },
  strict,
);

const Card = Type.Object(
  {
    number: Type.String({ pattern: '^[0-9]{12,19}$' }),
    expiryMonth: Type.Integer({ minimum: 1, maximum: 12 }),
    expiryYear: Type.Integer({ minimum: 2000, maximum: 2099 }),
    cvc: Type.Optional(cvc),
    holder: Type.Optional(Type.String({ maxLength: 255 })),
  },
  strict,
);

/** What a card is kept for, or who charges one that was kept. */
const OnFile = Type.Union([
  Type.Object(
    {
      use: Type.Literal('first'),
      frequencyDays: Type.Optional(Type.Integer({ minimum: 1, maximum: 366 })),
      until: Type.Optional(Type.String({ maxLength: 40 })),
    },
    strict,
  ),
  Type.Object({ use: Type.Literal('payer') }, strict),
  Type.Object(
    {
      use: Type.Literal('merchant'),
      reason: Type.Optional(Type.Enum(['subscription', 'installment', 'unscheduled'])),
      networkReference: Type.Optional(Type.String({ pattern: '^[0-9]{15}$' })),
    },
    strict,
  ),
]);

export const AuthorizeBody = Type.Object(
  {
    id: uuid,
    merchantId,
    merchantName: Type.String({ minLength: 1, maxLength: 255 }),
    amount,
    // Of no other the bank knows how large an amount of minor units is.
    currency: Type.String({ enum: [...CURRENCIES] }),
    card: Type.Union([Card, CardToken]),
    threeDS: Type.Boolean(),
    returnUrl: Type.Optional(Type.String({ maxLength: 2048 })),
    orderReference: Type.Optional(Type.String({ maxLength: 255 })),
    description: Type.Optional(Type.String({ maxLength: 1000 })),
    notificationUrl: Type.Optional(Type.String({ maxLength: 2048 })),
    payerIp: Type.Optional(Type.String({ maxLength: 100 })),
    browser: Type.Optional(Browser),
    onFile: Type.Optional(OnFile),
  },
  strict,
);
export type AuthorizeBody = Static<typeof AuthorizeBody>;

export const CaptureBody = Type.Object({ operationId, amount, final: Type.Optional(Type.Boolean()) }, strict);
export const ReversalBody = Type.Object({ operationId, amount: Type.Optional(amount) }, strict);
export const RefundBody = Type.Object({ operationId, amount }, strict);

/** Query values are text: numbers are not coerced anywhere, so that a body's `"100"` is refused. */
export const BooksQuery = Type.Object(
  {
    merchantId: Type.Optional(merchantId),
    cursor: Type.Optional(uuid),
    limit: Type.Optional(Type.String({ pattern: '^([1-9][0-9]{0,2}|1000)$' })),
  },
  strict,
);

export const FaultBody = Type.Object(
  {
    merchantId: Type.Union([merchantId, Type.Null()]),
    mode: Type.Enum([...faultModes]),
    delayMs: Type.Optional(Type.Integer({ minimum: 0, maximum: 60_000 })),
    probability: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
    seed: Type.Optional(Type.Integer({ minimum: 0, maximum: 2_147_483_647 })),
    operations: Type.Optional(Type.Array(Type.Enum([...operations]), { maxItems: operations.length })),
  },
  strict,
);
export type FaultBody = Static<typeof FaultBody>;
