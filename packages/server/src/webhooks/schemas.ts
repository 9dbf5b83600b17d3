/** What the routes about webhooks take and answer. Objects of answers have names. */
import Type from 'typebox';
import { OTHER_EVENTS, WEBHOOK_EVENTS } from '../core/lifecycle.ts';
import { LINK_EVENTS } from '../core/link.ts';
import { Cursor, closed, Limit, NextCursor, shownOnce } from '../http/schemas.ts';
import { ENDPOINT_KINDS } from './endpointsSql.ts';

export const TEST_EVENT = 'webhook.test';
/** Besides those, what the history and the stream alone tell. */
const EVENT_NAMES = [...new Set([...WEBHOOK_EVENTS, ...OTHER_EVENTS])];

const Id = Type.String({ format: 'uuid', examples: ['01900000-0000-7000-8000-000000000001'] });
const MessageId = Type.String({
  pattern: '^msg_[0-9A-Z]{32}$',
  description: 'The `webhook-id`: of one event, the same for every endpoint, attempt and replay.',
  examples: ['msg_0CHJGF9FK3SDEG51T8PJ3XX2AA000002'],
});
const Time = Type.String({ format: 'date-time', examples: ['2026-11-20T09:30:00.000Z'] });
const NullableTime = (description: string) => Type.Union([Time, Type.Null()], { description });
const EventName = Type.Enum(WEBHOOK_EVENTS);
const NamedEvent = Type.Enum([...WEBHOOK_EVENTS, ...LINK_EVENTS]);

const Url = Type.String({
  maxLength: 2048,
  description:
    'https, and resolving to public addresses only, at every attempt. In a sandbox http and this machine as well.',
  examples: ['https://shop.example/webhooks'],
});
const Events = Type.Array(NamedEvent, {
  uniqueItems: true,
  description:
    'Which events to send; none: all of transactions. Those of payment links and sessions, whose `data` is the link, are sent only where they are named.',
  examples: [['transaction.charged', 'transaction.refunded']],
});
const Description = Type.Union([Type.String({ maxLength: 255 }), Type.Null()]);
const BearerToken = Type.Union([Type.String({ minLength: 1, maxLength: 1024 }), Type.Null()], {
  description: 'Sent as `Authorization: Bearer …` with every webhook. Never shown again.',
});

export const EndpointBody = Type.Object(
  {
    url: Url,
    events: Type.Optional(Events),
    description: Type.Optional(Description),
    bearerToken: Type.Optional(BearerToken),
  },
  closed,
);
export const EndpointPatch = Type.Partial(EndpointBody, { ...closed, minProperties: 1 });

const Kind = Type.Enum([...ENDPOINT_KINDS], {
  description:
    '`callback`: made by the `metadata.callbackUrl` of payment links and sessions; `url` is the origin of those addresses. It is sent what becomes of each such link and of its payments.',
});

const endpoint = {
  id: Id,
  kind: Kind,
  url: Url,
  events: Events,
  description: Type.Union([Type.String(), Type.Null()]),
  hasBearerToken: Type.Boolean(),
  status: Type.Enum(['enabled', 'disabled']),
  disabledReason: Type.Union([Type.Enum(['requested', 'gone', 'failing']), Type.Null()], {
    description: '`gone`: it answered 410. `failing`: for five days every attempt failed.',
  }),
  disabledAt: NullableTime('Since when it has been disabled.'),
  failingSince: NullableTime('The first failure since the last success.'),
  previousSecretValidUntil: NullableTime(
    'After a rotation: until when the secret before it signs, too; those before that one end earlier.',
  ),
  createdAt: Time,
  updatedAt: Time,
};
export const WebhookEndpoint = Type.Object(endpoint, { $id: 'WebhookEndpoint' });
export const WebhookEndpointWithSecret = Type.Object(
  {
    ...endpoint,
    secret: shownOnce('Verifies the signatures, with any Standard Webhooks library.', {
      examples: ['whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDAt1NQmmCQF0='],
    }),
  },
  { $id: 'WebhookEndpointWithSecret' },
);
export const DeletedWebhookEndpoint = Type.Object(
  { id: Id, deleted: Type.Boolean() },
  { $id: 'DeletedWebhookEndpoint' },
);

const delivery = {
  id: MessageId,
  endpointId: Id,
  event: Type.String({
    description: `Its name; \`${TEST_EVENT}\` for a test.`,
    examples: ['transaction.charged'],
  }),
  transactionId: Type.Union([Id, Type.Null()], {
    description: 'Null for a test, and for what is of a payment link.',
  }),
  paymentLinkId: Type.Union([Type.String(), Type.Null()], {
    description: 'The payment link or session that it is of; null: it is of a transaction, or a test.',
  }),
  status: Type.Enum(['pending', 'delivered', 'failed']),
  callbackUrl: Type.Union([Type.String(), Type.Null()], {
    description: 'Of a callback: the address that its link has named, to which it is sent.',
  }),
  replay: Type.Boolean({
    description: 'Asked for by a resend or a replay; sent with `webhook-replay: true`.',
  }),
  attemptCount: Type.Integer(),
  eventAt: Time,
  createdAt: Time,
  nextAttemptAt: NullableTime('While it is pending. Behind another of its payment: when that one is due.'),
  finishedAt: NullableTime('When it was delivered, or given up.'),
};
export const WebhookDelivery = Type.Object(delivery, { $id: 'WebhookDelivery' });

const WebhookAttempt = Type.Object({
  number: Type.Integer({ minimum: 1 }),
  at: Time,
  latencyMs: Type.Integer({ description: 'Until the answer began, or the attempt was given up.' }),
  statusCode: Type.Union([Type.Integer(), Type.Null()], { description: 'Null: there was no answer.' }),
  error: Type.Union(
    [
      Type.Enum([
        'timeout',
        'name_not_found',
        'connection_failed',
        'certificate_not_valid',
        'address_not_allowed',
        'answer_not_http',
      ]),
      Type.Null(),
    ],
    { description: 'Why there was no answer.' },
  ),
  response: Type.Union([Type.String(), Type.Null()], { description: 'The first 1,024 bytes of the answer.' }),
});
export const WebhookDeliveryWithAttempts = Type.Object(
  {
    ...delivery,
    body: Type.String({ description: 'What is sent: these bytes, at every attempt.' }),
    attempts: Type.Array(WebhookAttempt, { description: 'Oldest first; the last 100.' }),
  },
  { $id: 'WebhookDeliveryWithAttempts' },
);

export const ReplayBody = Type.Object(
  {
    from: Type.String({
      description: 'The first moment: RFC 3339, in any time zone.',
      examples: ['2026-11-20T09:00:00Z'],
    }),
    to: Type.Optional(Type.String({ description: 'The last moment. Default: now.' })),
  },
  closed,
);
export const WebhookReplay = Type.Object(
  { id: Id, endpointId: Id, from: Time, to: Time },
  { $id: 'WebhookReplay', description: 'A replay that has begun.' },
);

export const EndpointQuery = Type.Object(
  {
    kind: Type.Optional(
      Type.Enum([...ENDPOINT_KINDS], { description: 'Default: `registered`, those that you have created.' }),
    ),
    limit: Limit,
    cursor: Cursor,
  },
  closed,
);
export const DeliveryQuery = Type.Object(
  {
    status: Type.Optional(Type.Enum(['pending', 'delivered', 'failed'])),
    event: Type.Optional(Type.Enum([...WEBHOOK_EVENTS, ...LINK_EVENTS, TEST_EVENT])),
    transactionId: Type.Optional(Type.String({ description: 'Either spelling of the id.' })),
    limit: Limit,
    cursor: Cursor,
  },
  closed,
);

export const EventQuery = Type.Object(
  {
    event: Type.Optional(
      Type.Enum([...EVENT_NAMES, ...LINK_EVENTS], {
        description: 'Its name, such as `transaction.charged`.',
      }),
    ),
    paymentLinks: Type.Optional(
      Type.Enum(['true', 'false'], {
        description:
          'Whether events of payment links and sessions are listed, too, with the link as `data`: that needs `links:read`, too. Default: only where one is asked for by its name.',
      }),
    ),
    transactionId: Type.Optional(Type.String({ description: 'Either spelling of the id.' })),
    createdFrom: Type.Optional(Type.String({ description: 'The first moment: RFC 3339, in any time zone.' })),
    createdTo: Type.Optional(Type.String({ description: 'The last moment: RFC 3339, in any time zone.' })),
    limit: Limit,
    cursor: Cursor,
  },
  closed,
);

const envelope = {
  name: Type.String({ examples: ['transaction.authorized'] }),
  merchantId: Id,
  data: Type.Ref('Transaction'),
};
/** What is sent to merchants. */
export const WebhookEvent = Type.Object(
  { ...envelope, name: EventName },
  {
    $id: 'WebhookEvent',
    description:
      'The body of a webhook: the transaction as it was right after the event. Treat names and statuses that you do not know as passing, and fetch the transaction before you do what cannot be undone.',
  },
);
export const PaymentLinkWebhookEvent = Type.Object(
  {
    name: Type.Enum([...LINK_EVENTS]),
    merchantId: Id,
    data: Type.Union([Type.Ref('PaymentLink'), Type.Ref('PaymentSession')]),
  },
  {
    $id: 'PaymentLinkWebhookEvent',
    description: 'The body of a webhook about a payment link or session: as that was right after the event.',
  },
);
export const Event = Type.Object(
  {
    id: MessageId,
    createdAt: Time,
    seq: Type.Integer({ minimum: 1, description: 'Its number within the transaction.' }),
    ...envelope,
    statusChanged: Type.Boolean({
      description:
        'Whether it has changed the status. Webhooks are sent for these events, and for `transaction.partially_captured`.',
    }),
  },
  { $id: 'Event' },
);

const callbackSecret = {
  createdAt: NullableTime('When it was made and shown. Null: nobody knows it; make one.'),
  previousSecretValidUntil: NullableTime('Until when one of those before it signs, too.'),
};
export const CallbackSecret = Type.Object(callbackSecret, { $id: 'CallbackSecret' });
export const ShownCallbackSecret = Type.Object(
  {
    ...callbackSecret,
    secret: shownOnce('Verifies the signatures, with any Standard Webhooks library.', {
      examples: ['whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDAt1NQmmCQF0='],
    }),
    bearerToken: shownOnce('What `Authorization: Bearer` is followed by.', {
      examples: ['cbk_x0yJ1u8vI9mXn1cGIs0mKq6Fv0Y2bD0lqQW5nJ0o7bQ'],
    }),
  },
  { $id: 'ShownCallbackSecret' },
);

export const EventOfLink = Type.Object(
  {
    id: MessageId,
    createdAt: Time,
    seq: Type.Integer({ minimum: 1, description: 'Its number within the link.' }),
    name: Type.Enum([...LINK_EVENTS]),
    merchantId: Id,
    data: Type.Union([Type.Ref('PaymentLink'), Type.Ref('PaymentSession')]),
    statusChanged: Type.Boolean(),
  },
  { $id: 'EventOfLink', description: 'An event of a payment link or session.' },
);
export const EventPage = Type.Object({
  items: Type.Array(Type.Union([Type.Ref('Event'), Type.Ref('EventOfLink')])),
  nextCursor: NextCursor,
});

export const WEBHOOK_OBJECTS = [
  EventOfLink,
  CallbackSecret,
  ShownCallbackSecret,
  WebhookEvent,
  PaymentLinkWebhookEvent,
  Event,
  WebhookEndpoint,
  WebhookEndpointWithSecret,
  DeletedWebhookEndpoint,
  WebhookDelivery,
  WebhookDeliveryWithAttempts,
  WebhookReplay,
];
