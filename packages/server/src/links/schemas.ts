/** What the routes about payment links and sessions take and answer. Objects of answers have names. */
import Type from 'typebox';
import { RecurringBody } from '../cards/recurring.ts';
import { LINK_LOCALES, LINK_STATUSES } from '../core/link.ts';
import { MAX_METADATA_KEYS } from '../core/values/metadata.ts';
import { Amount, Cursor, closed, Limit } from '../http/schemas.ts';

const Maybe = <T extends Type.TSchema>(schema: T, description?: string) =>
  Type.Union([schema, Type.Null()], description === undefined ? {} : { description });
const Text = Type.String();
const Time = Type.String({ format: 'date-time', examples: ['2026-11-28T09:30:00.000Z'] });
const Minor = Type.Integer({ description: 'Minor units.' });
const Sum = Type.Integer({ format: 'bigint', description: 'Minor units. May exceed 2^53.' });
const Methods = Type.Array(Type.Enum(['card', 'wallet']));

const Metadata = Type.Record(Type.String(), Type.Unknown(), {
  description: `Anything, kept as it is: up to ${MAX_METADATA_KEYS} keys and 16 KB of JSON. Of it, \`successUrl\`, \`failureUrl\` and \`cancelUrl\` say where the payer goes afterwards, unchanged.`,
  examples: [{ successUrl: 'https://shop.example/paid?order=100045', cartId: 7 }],
});

const terms = {
  amount: Amount,
  currency: Type.String({ description: 'ISO 4217 code.', examples: ['KZT'] }),
  orderReference: Type.String({
    description: '1 to 255 characters. Several links may have the same one.',
    examples: ['ORDER-100045'],
  }),
  description: Type.Optional(Maybe(Text, '1 to 1,000 characters, shown to the payer.')),
  metadata: Type.Optional(Metadata),
  customerId: Type.Optional(Maybe(Text, 'One of your customers, who is not erased: by its id.')),
  autoClearing: Type.Optional(
    Type.Boolean({
      description:
        'Whether a payment is captured by itself soon after its authorization: after an hour, unless the operator has set another time for you. `false`: you capture or cancel it; after 5 days it is captured by itself. Default: true.',
    }),
  ),
  recurring: Type.Optional(RecurringBody),
  validation: Type.Optional(Type.Boolean({ description: 'Kept and shown; default: false.' })),
  paymentMethods: Type.Optional(
    Type.Array(Type.Enum(['card', 'wallet']), {
      minItems: 1,
      uniqueItems: true,
      description: 'What the payer may choose from. Default: everything that can be paid with here.',
    }),
  ),
  locale: Type.Optional(
    Type.Union([Type.Enum([...LINK_LOCALES]), Type.Null()], {
      description: 'The checkout’s language. Default: that of the payer’s browser.',
    }),
  ),
};

export const LinkBody = Type.Object(
  {
    ...terms,
    expiresAt: Type.Optional(
      Type.String({
        description: 'RFC 3339, in the future, at most one year (365 days) ahead. Default: in 24 hours.',
        examples: ['2027-01-31T00:00:00Z'],
      }),
    ),
    reusable: Type.Optional(
      Type.Boolean({ description: 'Whether any number of payments may be made by it. Default: false.' }),
    ),
  },
  closed,
);

export const SessionBody = Type.Object(terms, closed);

export const LinkPatch = Type.Object(
  { expiresAt: Type.String({ description: 'RFC 3339, in the future, at most one year (365 days) ahead.' }) },
  closed,
);

const range = {
  createdFrom: Type.Optional(Type.String({ description: 'Created then or later: RFC 3339.' })),
  createdTo: Type.Optional(Type.String({ description: 'Created then or earlier: RFC 3339.' })),
};

export const LinkQuery = Type.Object(
  {
    status: Type.Optional(Type.Enum([...LINK_STATUSES])),
    orderReference: Type.Optional(Type.String({ description: 'Exactly this one.' })),
    ...range,
    limit: Limit,
    cursor: Cursor,
  },
  closed,
);

export const SumsQuery = Type.Object(range, closed);

export const PageQuery = Type.Object({ limit: Limit, cursor: Cursor }, closed);

const link = {
  amount: Minor,
  currency: Text,
  description: Maybe(Text),
  orderReference: Text,
  status: Type.Enum([...LINK_STATUSES]),
  url: Type.String({ description: 'Where the payer pays.' }),
  expiresAt: Time,
  createdAt: Time,
  updatedAt: Time,
  metadata: Metadata,
  customerId: Maybe(
    Text,
    'One of your customers. Of links that were made before there were customers: the text that they were made with.',
  ),
  autoClearing: Type.Boolean(),
  validation: Type.Boolean(),
  createdBy: Type.Enum(['api', 'user', 'operator']),
  reusable: Type.Boolean(),
  paymentMethods: Methods,
  locale: Maybe(Type.Enum([...LINK_LOCALES])),
  transactionId: Maybe(
    Type.String({ format: 'uuid' }),
    'The payment that paid it. Always null of one that is reusable.',
  ),
  recurring: Maybe(
    Type.Object({
      type: Type.Enum(['cof_initial']),
      frequency: Maybe(Type.Integer(), 'Days.'),
      expiry: Maybe(Time),
    }),
    'What its payer agrees to, where its payment is the first of several.',
  ),
};

export const PaymentLink = Type.Object(
  { id: Type.String({ examples: ['pl_019a2a21f46f706ea202a75adabcbb80'] }), ...link },
  { $id: 'PaymentLink', description: 'What a payer is sent to be paid by.' },
);

export const PaymentSession = Type.Object(
  { id: Type.String({ format: 'uuid' }), ...link },
  { $id: 'PaymentSession', description: 'A payment link for one payer now: 30 minutes, never reusable.' },
);

export const PaymentLinkEvent = Type.Object(
  {
    seq: Type.Integer({ minimum: 1, description: '1, 2, 3 … without gaps.' }),
    name: Type.String({ examples: ['payment_link.paid'] }),
    status: Type.Enum([...LINK_STATUSES], { description: 'Of the link after this.' }),
    expiresAt: Time,
    actor: Type.Enum(['api', 'user', 'operator', 'customer', 'engine']),
    at: Time,
  },
  { $id: 'PaymentLinkEvent', description: 'One entry of a payment link’s history.' },
);

const Counted = Type.Object({ count: Type.Integer(), amount: Sum });

export const PaymentLinkSums = Type.Object(
  {
    currency: Text,
    active: Counted,
    paid: Counted,
    expired: Counted,
    cancelled: Counted,
  },
  {
    $id: 'PaymentLinkSums',
    description: 'How many links of a currency have each status, and what they are for.',
  },
);

export const LINK_OBJECTS = [PaymentLink, PaymentSession, PaymentLinkEvent, PaymentLinkSums];
