/** Schemas that several routes share. Each route's schema gives validation, types and OpenAPI. */
import Type from 'typebox';
import { STATUSES, WALLET_STATUSES } from '../core/lifecycle.ts';
import { FAILURE_CODES } from '../core/reasons.ts';
import { REASONS } from './errors.ts';

const closed = { additionalProperties: false };

export const Amount = Type.Integer({
  minimum: 1,
  maximum: Number.MAX_SAFE_INTEGER,
  description: 'Minor units of the currency, such as tiyn for KZT: 1,234.56 KZT is 123456.',
  examples: [15000],
});

/** `bigint` is our own format: the SDK reads these fields exactly. */
export const Balance = Type.Integer({
  format: 'bigint',
  description: 'Minor units of the currency. May exceed 2^53: read it with a parser that keeps every digit.',
});

export const ErrorResponse = Type.Object(
  {
    code: Type.Integer({ minimum: 1, maximum: 5 }),
    message: Type.String({ examples: ['amount must be a positive integer in minor units'] }),
    source: Type.String({ examples: ['wallet'] }),
    type: Type.Enum(['apiError', 'validationError']),
    reason: Type.Enum(Object.keys(REASONS)),
    details: Type.Array(Type.Object({ path: Type.String(), message: Type.String() })),
    requestId: Type.String(),
  },
  { $id: 'Error', description: 'Every error has this shape. `reason` is stable and machine-readable.' },
);

export const WalletTransaction = Type.Object(
  {
    walletTransactionId: Type.String({
      pattern: '^wt_[0-9A-Z]{26}$',
      examples: ['wt_01JDM3Z7V8H8Q2X9K0R1ABCD12'],
    }),
    walletTransactionStatus: Type.Enum([...WALLET_STATUSES]),
    orderReference: Type.String({ examples: ['ORDER-100045'] }),
    amount: Type.Integer({
      description: 'Minor units: of this operation in a POST, else the authorized amount.',
    }),
    currency: Type.String({ examples: ['KZT'] }),
    failureCode: Type.Optional(
      Type.Enum([...FAILURE_CODES], { description: 'Why it failed; only with status FAILED.' }),
    ),
    failureMessage: Type.Optional(Type.String({ description: 'The failureCode in words, for people.' })),
  },
  { $id: 'WalletTransaction' },
);

const Maybe = (schema: Type.TSchema) => Type.Union([schema, Type.Null()]);
const Text = Type.String();
const Time = Type.String({ format: 'date-time' });
const Minor = Type.Integer({ description: 'Minor units.' });
const Wrapped = Maybe(Type.Object({ Value: Type.String() }));

const PendingOperation = Type.Union(
  [
    Type.Object({
      kind: Type.Enum(['authorize', 'complete', 'capture', 'cancel', 'refund'], {
        description: '`complete`: how the payer’s 3-D Secure ended.',
      }),
      amount: Minor,
      requestedAt: Time,
      attempts: Type.Integer({ minimum: 1, description: 'How often the bank was asked so far.' }),
    }),
    Type.Null(),
  ],
  {
    description:
      'What the bank was asked and has not answered yet; other operations are refused with `operation_in_progress` meanwhile. A refund’s is on the refund. Null: nothing.',
  },
);

export const Transaction = Type.Object(
  {
    id: Type.String({ format: 'uuid' }),
    amount: Minor,
    balance: Type.Union([Balance, Type.Null()], {
      description:
        'The merchant’s balance in this currency: after the latest event, if that changed it; else as it is now.',
    }),
    currency: Type.String({ examples: ['KZT'] }),
    status: Type.Enum([...STATUSES]),
    type: Type.Enum(['payment', 'refund']),
    paymentMethod: Type.Enum(['wallet', 'card']),
    payerIp: Maybe(Text),
    merchantReference: Text,
    description: Maybe(Text),
    createdAt: Time,
    updatedAt: Time,
    authedAt: Maybe(Time),
    confirmedAt: Maybe(Time),
    processedAt: Maybe(Time),
    processedAmount: Maybe(Minor),
    storeId: Maybe(Text),
    terminalId: Maybe(Text),
    secure3d: Type.Boolean(),
    parentTransactionId: Type.Union([Text, Type.Null()], {
      description:
        'Of a refund: its payment. Of a payment that the merchant made by a card on file: the first one.',
    }),
    recurringType: Maybe(Text),
    retrievalReferenceNumber: Maybe(Text),
    paymentLinkId: Wrapped,
    paymentSessionId: Wrapped,
    cardTokenId: Wrapped,
    customerId: Wrapped,
    orderReference: Text,
    walletTransactionId: Maybe(Text),
    last4: Maybe(Text),
    cardBrand: Maybe(Text),
    captureMode: Type.Enum(['manual', 'automatic']),
    capturedAmount: Minor,
    releasedAmount: Minor,
    refundedAmount: Minor,
    reservedAmount: Minor,
    expiresAt: Maybe(Time),
    redirectUrl: Maybe(Text),
    pendingOperation: PendingOperation,
    failureCode: Maybe(Type.Enum([...FAILURE_CODES])),
    failureMessage: Maybe(Text),
    retryable: Type.Boolean({
      description:
        'Whether a payment that failed may be tried again as it is, at `retryAfter` at the earliest.',
    }),
    retryAfter: Maybe(Time),
  },
  { $id: 'Transaction', description: 'A payment or a refund, with every field of the webhook’s `data`.' },
);

export const TransactionEvent = Type.Object(
  {
    seq: Type.Integer({ minimum: 1, description: '1, 2, 3 … without gaps.' }),
    name: Type.String({ examples: ['transaction.authorized'] }),
    status: Type.Enum([...STATUSES], { description: 'Of the transaction after this.' }),
    amount: Type.Integer({ description: 'What this itself was about, in minor units.' }),
    capturedAmount: Minor,
    releasedAmount: Minor,
    refundedAmount: Minor,
    balance: Type.Union([Balance, Type.Null()], {
      description: 'The merchant’s balance after this, where it was changed by it; else null.',
    }),
    actor: Type.Enum(['api', 'user', 'operator', 'customer', 'engine']),
    user: Type.Union([Type.Object({ id: Text, name: Text }), Type.Null()], {
      description: 'Who, if it was a user of the merchant.',
    }),
    reason: Maybe(Text),
    at: Time,
  },
  {
    $id: 'TransactionEvent',
    description: 'One entry of a history; the three amounts are in all until then.',
  },
);

export const AmountBody = Type.Object({ amount: Amount }, closed);

/** Of a capture, besides its amount. */
export const Final = Type.Optional(
  Type.Boolean({
    description:
      'Whether the hold ends with this capture, and what it leaves is released: true by default. `false`: the rest stays held, and more captures may follow; the payment stays `authorized` until the last one, a cancel of the rest, or its expiry.',
  }),
);

/** What one answer shows and is stored nowhere: a repeated request gets null in its place. */
export function shownOnce(description: string, options: { readonly examples?: string[] } = {}) {
  return Type.Union([Type.String(), Type.Null()], {
    description: `${description} Shown only in this answer: null when the request is repeated with its Idempotency-Key.`,
    ...options,
  });
}

export const IdempotencyHeader = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      description:
        'Up to 255 printable ASCII characters. The same key and request get the same answer again.',
    }),
  ),
});

export const RequiredIdempotencyHeader = Type.Object({
  'idempotency-key': Type.String({
    description:
      'Required. Up to 255 printable ASCII characters, a UUID v4 for instance; unique per logical operation.',
    examples: ['8b7f2a7e-2c5b-4d6e-9c3f-acde12345678'],
  }),
});

export const Limit = Type.Optional(
  Type.Integer({ minimum: 1, maximum: 100, default: 20, description: 'The most items to return.' }),
);
export const Cursor = Type.Optional(Type.String({ description: 'The nextCursor of the page before.' }));
export const NextCursor = Type.Union([Type.String(), Type.Null()], {
  description: 'Cursor of the next page; null on the last one.',
});
export const StatusFilterText = Type.Optional(
  Type.String({ description: `One of ${[...WALLET_STATUSES, ...STATUSES, 'failed'].join(', ')}.` }),
);

export { closed };
