/** Examples for the OpenAPI document, by operation. The sandbox's seed makes the requests work as they are. */

interface Example {
  readonly summary: string;
  readonly value: unknown;
}

export interface OperationExamples {
  readonly request?: Readonly<Record<string, Example>>;
  /** Of the successful response. */
  readonly response: Readonly<Record<string, Example>>;
  /** Of a 202. */
  readonly accepted?: Readonly<Record<string, Example>>;
}

const TRANSACTION = {
  walletTransactionId: 'wt_01JDM3Z7V8H8Q2X9K0R1ABCD12',
  walletTransactionStatus: 'SUCCESS',
  orderReference: 'ORDER-100045',
  amount: 15_000,
  currency: 'KZT',
};

const PAYMENT = {
  amount: 15_000,
  currency: 'KZT',
  phoneNumber: '+77010000001',
  iin: '900101300017',
  orderReference: 'ORDER-100045',
};

const TOTALS = {
  count: 120,
  succeeded: 100,
  declined: 8,
  failed: 2,
  cancelled: 7,
  pending: 3,
  authorizedVolume: 1_500_000,
  captured: 90,
  capturedVolume: 1_350_000,
  averageAmount: 15_000,
  refunds: 2,
  refundedVolume: 30_000,
  netVolume: 1_320_000,
};

const PROVIDER_URL = {
  url: 'https://login.example.com/authorize?client_id=plexy&response_type=code&scope=openid+email+profile&state=…',
};
const SESSION = {
  user: {
    id: '01900000-0000-7000-8000-b00000000001',
    email: 'merchant@demo.test',
    name: 'Madina Admin',
    role: 'admin',
  },
  merchant: { id: '01900000-0000-7000-8000-000000000001', name: 'Demo Store', timeZone: 'Asia/Almaty' },
  mode: 'sandbox',
  mustSetUpSecondFactor: false,
};

const PASSKEY = {
  id: '0193a1fe-8f3c-7cc1-9d2b-6f0c8f1f2a3f',
  name: 'Laptop',
  host: 'pay.example',
  createdAt: '2026-11-20T09:30:00.000Z',
  lastUsedAt: null,
};
const RECOVERY_CODES = ['K3PX-PJBS-WY3D-PEHP', 'TZ4Q-2MNA-7RKD-WLC5'];

const USER = {
  id: '0193a1fe-8f3c-7cc1-9d2b-6f0c8f1f2a3b',
  email: 'manager@shop.example',
  name: 'Marat',
  role: 'manager',
  disabled: false,
  hasSecondFactor: false,
  hasIdentity: false,
  createdAt: '2026-11-20T09:30:00.000Z',
  lastSignInAt: null,
};

const API_KEY = {
  id: '0193a1fe-8f3c-7cc1-9d2b-6f0c8f1f2a3c',
  merchantId: '01900000-0000-7000-8000-000000000001',
  name: 'reports',
  hint: 'Qx6w',
  scopes: ['read'],
  createdAt: '2026-11-20T09:30:00.000Z',
  expiresAt: null,
  revokedAt: null,
  allowedNetworks: null,
  lastUsedAt: '2026-11-21T08:00:00.000Z',
  lastUsedAddress: '203.0.113.7',
};

const AUDIT_LOG_ENTRY = {
  id: '0193a1fe-8f3c-7cc1-9d2b-6f0c8f1f2a40',
  at: '2026-11-20T09:30:00.000Z',
  merchantId: '01900000-0000-7000-8000-000000000001',
  actor: {
    kind: 'user',
    id: '01900000-0000-7000-8000-b00000000001',
    name: 'merchant@demo.test',
    isOperator: false,
    credentialId: '0193a1fe-8f3c-7cc1-9d2b-6f0c8f1f2a41',
    address: '203.0.113.8',
  },
  action: 'api_key.issue',
  object: { kind: 'api_key', id: API_KEY.id },
  before: null,
  after: { name: 'reports', hint: 'Qx6w', scopes: ['read'], expiresAt: null },
  requestId: '0d5c5a0e-9a3e-4a53-8a07-6b9a4f4f1c11',
};
const OPERATORS_ENTRY = {
  ...AUDIT_LOG_ENTRY,
  merchantId: null,
  actor: {
    kind: 'api_key',
    id: '0193a1fe-8f3c-7cc1-9d2b-6f0c8f1f2a42',
    name: 'back office',
    isOperator: true,
    credentialId: '0193a1fe-8f3c-7cc1-9d2b-6f0c8f1f2a42',
    address: '198.51.100.7',
  },
  action: 'wallet.freeze',
  object: { kind: 'wallet', id: '01900000-0000-7000-8000-d00000000001' },
  before: null,
  after: null,
};

const HELD = {
  summary: 'The amount is held, waiting for its capture',
  value: { ...TRANSACTION, walletTransactionStatus: 'PROCESSING' },
};

const CARD_PAYMENT = {
  id: '01932831-f3e8-8aa2-d4f4-60d854d4a422',
  amount: 15_000,
  balance: 0,
  currency: 'KZT',
  status: 'authorized',
  type: 'payment',
  paymentMethod: 'card',
  payerIp: '192.0.2.1',
  merchantReference: 'ORDER-100045',
  description: 'Order payment',
  createdAt: '2026-04-01T12:00:00.000Z',
  updatedAt: '2026-04-01T12:00:01.000Z',
  authedAt: '2026-04-01T12:00:01.000Z',
  confirmedAt: '2026-04-01T12:00:01.000Z',
  processedAt: '2026-04-01T12:00:01.000Z',
  processedAmount: 15_000,
  storeId: null,
  terminalId: null,
  secure3d: false,
  parentTransactionId: null,
  recurringType: null,
  retrievalReferenceNumber: '609112345678',
  paymentLinkId: null,
  paymentSessionId: null,
  cardTokenId: { Value: 'ct_5f2b7c0a9d3e4f61a8b2c4d6e8f01234' },
  customerId: null,
  orderReference: 'ORDER-100045',
  walletTransactionId: null,
  last4: '4242',
  cardBrand: 'visa',
  captureMode: 'manual',
  capturedAmount: 0,
  releasedAmount: 0,
  refundedAmount: 0,
  reservedAmount: 0,
  expiresAt: '2026-04-08T12:00:01.000Z',
  redirectUrl: null,
  pendingOperation: null,
  failureCode: null,
  failureMessage: null,
  retryable: false,
  retryAfter: null,
};

const CUSTOMER_ID = '01989f41-a6eb-77d4-a666-9361fb25bec6';
const MERCHANT_INITIATED = {
  ...CARD_PAYMENT,
  id: '01932831-f3e8-8aa2-d4f4-60d854d4a433',
  ...{ payerIp: null, parentTransactionId: CARD_PAYMENT.id, recurringType: 'subscription' },
  customerId: { Value: CUSTOMER_ID },
};
const CARD_ON_FILE = {
  ...{ id: CARD_PAYMENT.cardTokenId.Value, customerId: CUSTOMER_ID, brand: 'visa', last4: '4242' },
  ...{ expiryMonth: 12, expiryYear: 2030, isDefault: true, createdAt: '2026-04-01T12:00:01.000Z' },
  consent: {
    ...{ at: '2026-04-01T12:00:01.000Z', by: 'checkout', transactionId: CARD_PAYMENT.id },
    ...{ merchantInitiated: true, until: '2028-01-01T00:00:00.000Z', withdrawnAt: null },
  },
};

const CARD_CHARGED = {
  ...CARD_PAYMENT,
  status: 'charged',
  balance: 15_000,
  capturedAmount: 15_000,
  expiresAt: '2026-04-08T12:00:01.000Z',
};

function pendingOf(kind: string): Record<string, unknown> {
  const requestedAt = '2026-04-01T12:05:00.000Z';
  return { ...CARD_PAYMENT, pendingOperation: { kind, amount: 15_000, requestedAt, attempts: 3 } };
}

const REFUND = {
  id: '01932832-11d2-7c3e-9f10-2f6d1b7a9e01',
  type: 'refund',
  parentTransactionId: CARD_PAYMENT.id,
  authedAt: null,
  confirmedAt: null,
  expiresAt: null,
};

function cardRequest(number: string): Record<string, unknown> {
  const card = { number, expiryMonth: 12, expiryYear: 2030, cvc: '123', holder: 'AIGERIM SADYKOVA' };
  return { amount: 15_000, currency: 'KZT', orderReference: 'ORDER-100045', card };
}

const STORE = {
  id: '01900000-0000-7000-8000-e00000000001',
  merchantId: '01900000-0000-7000-8000-000000000001',
  name: 'Abay Avenue',
  createdAt: '2026-04-01T12:00:00.000Z',
};

const ENDPOINT = {
  id: '01932831-f3e8-8aa2-d4f4-60d854d4a4e1',
  kind: 'registered',
  url: 'https://shop.example/webhooks',
  events: ['transaction.charged', 'transaction.refunded'],
  description: 'Orders',
  hasBearerToken: false,
  status: 'enabled',
  disabledReason: null,
  disabledAt: null,
  failingSince: null,
  previousSecretValidUntil: null,
  createdAt: '2026-04-01T12:00:00.000Z',
  updatedAt: '2026-04-01T12:00:00.000Z',
};
const SECRET = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDAt1NQmmCQF0=';

const DELIVERY = {
  id: 'msg_0CJAGCFKX2592N7MC1C5A5544G000002',
  endpointId: ENDPOINT.id,
  event: 'transaction.authorized',
  transactionId: CARD_PAYMENT.id,
  paymentLinkId: null,
  status: 'delivered',
  callbackUrl: null,
  replay: false,
  attemptCount: 1,
  eventAt: '2026-04-01T12:00:01.000Z',
  createdAt: '2026-04-01T12:00:01.010Z',
  nextAttemptAt: null,
  finishedAt: '2026-04-01T12:00:01.020Z',
};
const AUTHORIZED_EVENT = {
  name: 'transaction.authorized',
  merchantId: 'a32ab5c7-0e7d-440d-aa21-fa5f196dada4',
  data: CARD_PAYMENT,
};
const PENDING = {
  ...DELIVERY,
  status: 'pending',
  replay: true,
  nextAttemptAt: '2026-04-02T09:00:00.000Z',
  finishedAt: null,
};

const REST_OR_PART = {
  rest: { summary: 'All that remains', value: {} },
  part: { summary: 'A part', value: { amount: 5_000 } },
};

const PAYMENT_LINK = {
  id: 'pl_019a2a21f46f706ea202a75adabcbb80',
  ...{ amount: 15_000, currency: 'KZT', description: 'Two tickets', orderReference: 'ORDER-100045' },
  status: 'active',
  url: 'https://pay.example/checkout/pl_019a2a21f46f706ea202a75adabcbb80',
  ...{ expiresAt: '2026-04-02T09:00:00.000Z', createdAt: '2026-04-01T09:00:00.000Z' },
  updatedAt: '2026-04-01T09:00:00.000Z',
  metadata: { successUrl: 'https://shop.example/paid?order=100045' },
  ...{ customerId: null, autoClearing: true, validation: false, createdBy: 'api', reusable: false },
  ...{ paymentMethods: ['card', 'wallet'], locale: null, transactionId: null, recurring: null },
} as const;

const CUSTOMER = {
  ...{ id: '019a2a21-f46f-706e-a202-a75adabcbb80', reference: 'C-1001', name: 'Айгүл Серікова' },
  ...{ email: 'aigul@example.kz', phone: '+77011234567', locale: 'kk', metadata: { loyalty: 'gold' } },
  ...{ createdAt: '2026-04-01T09:00:00.000Z', updatedAt: '2026-04-01T09:00:00.000Z', erasedAt: null },
} as const;

export const EXAMPLES: Readonly<Record<string, OperationExamples>> = {
  createCustomer: {
    request: {
      customer: {
        summary: 'A customer',
        value: {
          ...{ reference: 'C-1001', name: 'Айгүл Серікова', email: 'aigul@example.kz' },
          ...{ phone: '8 701 123 45 67', locale: 'kk', metadata: { loyalty: 'gold' } },
        },
      },
    },
    response: { created: { summary: 'The phone number is kept as E.164', value: CUSTOMER } },
  },
  updateCustomer: {
    request: {
      email: { summary: 'Another address, no phone', value: { email: 'a@example.kz', phone: null } },
    },
    response: {
      changed: { summary: 'The rest stays', value: { ...CUSTOMER, email: 'a@example.kz', phone: null } },
    },
  },
  createPaymentLink: {
    request: {
      link: {
        summary: 'A link for 24 hours',
        value: {
          ...{ amount: 15_000, currency: 'KZT', orderReference: 'ORDER-100045', description: 'Two tickets' },
          metadata: PAYMENT_LINK.metadata,
        },
      },
    },
    response: { created: { summary: 'Send its url to the payer', value: PAYMENT_LINK } },
  },
  getPaymentLink: {
    response: {
      paid: {
        summary: 'It is paid',
        value: {
          ...{ ...PAYMENT_LINK, status: 'paid', updatedAt: '2026-04-01T09:05:00.000Z' },
          transactionId: '019a2a26-9d5f-7c40-8f21-0a3f5f2d9b11',
        },
      },
    },
  },
  createWebhookEndpoint: {
    request: {
      some: {
        summary: 'For some events',
        value: { url: ENDPOINT.url, events: ENDPOINT.events, description: 'Orders' },
      },
      local: {
        summary: 'In a sandbox: for all, on this machine',
        value: { url: 'http://localhost:3000/hook' },
      },
    },
    response: { created: { summary: 'Keep the secret', value: { ...ENDPOINT, secret: SECRET } } },
  },
  listWebhookEndpoints: {
    response: { page: { summary: 'The last page', value: { items: [ENDPOINT], nextCursor: null } } },
  },
  getWebhookEndpoint: { response: { found: { summary: 'An endpoint', value: ENDPOINT } } },
  updateWebhookEndpoint: {
    request: { events: { summary: 'All events', value: { events: [] } } },
    response: { changed: { summary: 'It gets all events', value: { ...ENDPOINT, events: [] } } },
  },
  deleteWebhookEndpoint: {
    response: { deleted: { summary: 'It is gone', value: { id: ENDPOINT.id, deleted: true } } },
  },
  enableWebhookEndpoint: { response: { enabled: { summary: 'It is enabled', value: ENDPOINT } } },
  disableWebhookEndpoint: {
    response: {
      disabled: {
        summary: 'It is disabled',
        value: {
          ...ENDPOINT,
          status: 'disabled',
          disabledReason: 'requested',
          disabledAt: '2026-04-02T09:00:00.000Z',
        },
      },
    },
  },
  rotateWebhookSecret: {
    response: {
      rotated: {
        summary: 'Both secrets sign for a day',
        value: { ...ENDPOINT, previousSecretValidUntil: '2026-04-02T12:00:00.000Z', secret: SECRET },
      },
    },
  },
  getCallbackSecret: {
    response: {
      known: {
        summary: 'One that somebody has',
        value: { createdAt: '2026-04-01T12:00:00.000Z', previousSecretValidUntil: null },
      },
    },
  },
  rotateCallbackSecret: {
    response: {
      made: {
        summary: 'The first one',
        value: {
          ...{ createdAt: '2026-04-01T12:00:00.000Z', previousSecretValidUntil: null },
          secret: SECRET,
          bearerToken: 'cbk_x0yJ1u8vI9mXn1cGIs0mKq6Fv0Y2bD0lqQW5nJ0o7bQ',
        },
      },
    },
  },
  testWebhookEndpoint: {
    response: {
      sent: {
        summary: 'It is on its way',
        value: { ...PENDING, event: 'webhook.test', transactionId: null, replay: false, attemptCount: 0 },
      },
    },
  },
  listWebhookDeliveries: {
    response: { page: { summary: 'The last page', value: { items: [DELIVERY], nextCursor: null } } },
  },
  getWebhookDelivery: {
    response: {
      delivered: {
        summary: 'Delivered at the first attempt',
        value: {
          ...DELIVERY,
          body: '{"name":"transaction.authorized", …}',
          attempts: [
            {
              number: 1,
              at: '2026-04-01T12:00:01.012Z',
              latencyMs: 8,
              statusCode: 200,
              error: null,
              response: 'ok',
            },
          ],
        },
      },
    },
  },
  listEvents: {
    response: {
      page: {
        summary: 'The last page',
        value: {
          items: [
            {
              id: DELIVERY.id,
              createdAt: DELIVERY.eventAt,
              seq: 2,
              ...AUTHORIZED_EVENT,
              statusChanged: true,
            },
          ],
          nextCursor: null,
        },
      },
    },
  },
  webhook: {
    request: { authorized: { summary: 'A card payment is authorized', value: AUTHORIZED_EVENT } },
    response: {},
  },
  replayWebhooks: {
    request: {
      hour: {
        summary: 'An hour',
        value: { from: '2026-04-01T12:00:00Z', to: '2026-04-01T13:00:00Z' },
      },
    },
    response: {
      begun: {
        summary: 'It has begun',
        value: {
          id: '01932831-f3e8-8aa2-d4f4-60d854d4a4e2',
          endpointId: ENDPOINT.id,
          from: '2026-04-01T12:00:00.000Z',
          to: '2026-04-01T13:00:00.000Z',
        },
      },
    },
  },
  resendWebhookDelivery: { response: { queued: { summary: 'It is on its way', value: PENDING } } },
  createPayment: {
    request: {
      succeeds: { summary: 'A card that is approved', value: cardRequest('4242424242424242') },
      authenticates: {
        summary: 'A card that needs 3-D Secure',
        value: { ...cardRequest('4000000000003220'), returnUrl: 'https://shop.example/return' },
      },
      first: {
        summary: 'The first of several payments: the customer agrees to be charged later',
        value: {
          ...cardRequest('4242424242424242'),
          customerId: CUSTOMER_ID,
          recurring: { type: 'cof_initial', frequency: 30, expiry: '2027-12-31' },
        },
      },
    },
    response: { authorized: { summary: 'The bank has reserved the amount', value: CARD_PAYMENT } },
  },
  createMerchantInitiatedPayment: {
    request: {
      subscription: {
        summary: 'The next month of a subscription, by the customer’s default card',
        value: {
          ...{ amount: 15_000, currency: 'KZT', orderReference: 'ORDER-100045', customerId: CUSTOMER_ID },
          recurringType: 'subscription',
        },
      },
    },
    response: { authorized: { summary: 'The bank has reserved the amount', value: MERCHANT_INITIATED } },
  },
  listCustomerCards: {
    response: { page: { summary: 'All of them', value: { items: [CARD_ON_FILE], nextCursor: null } } },
  },
  updateCustomerCard: {
    request: { isDefault: { summary: 'The default', value: { isDefault: true } } },
    response: { changed: { summary: 'It is the default', value: CARD_ON_FILE } },
  },
  captureTransaction: {
    request: {
      ...REST_OR_PART,
      first: { summary: 'A part; the rest stays held', value: { amount: 5_000, final: false } },
    },
    accepted: { pending: { summary: 'The bank has not answered yet', value: pendingOf('capture') } },
    response: {
      charged: { summary: 'The amount is debited', value: CARD_CHARGED },
      partial: {
        summary: 'A part is debited, the rest is held',
        value: { ...CARD_PAYMENT, capturedAmount: 5_000 },
      },
    },
  },
  cancelTransaction: {
    request: REST_OR_PART,
    accepted: { pending: { summary: 'The bank has not answered yet', value: pendingOf('cancel') } },
    response: {
      cancelled: {
        summary: 'The hold is released',
        value: { ...CARD_PAYMENT, status: 'cancelled', processedAmount: 0, releasedAmount: 15_000 },
      },
    },
  },
  refundTransaction: {
    request: REST_OR_PART,
    accepted: {
      pending: {
        summary: 'The bank has not answered yet',
        value: {
          ...pendingOf('refund'),
          ...REFUND,
          status: 'created',
          processedAt: null,
          processedAmount: null,
        },
      },
    },
    response: {
      refunded: {
        summary: 'The refund',
        value: { ...CARD_PAYMENT, ...REFUND, status: 'refunded', refundedAmount: 15_000 },
      },
    },
  },
  getStatistics: {
    response: {
      day: {
        summary: 'One hour of 24',
        value: {
          interval: 'hour',
          timeZone: 'Asia/Almaty',
          currency: 'KZT',
          currencies: ['KZT', 'USD'],
          buckets: [{ start: '2026-11-20T10:00:00.000Z', ...TOTALS }],
          totals: { from: '2026-11-20T10:00:00.000Z', to: '2026-11-21T10:00:00.000Z', ...TOTALS },
          previous: { from: '2026-11-19T10:00:00.000Z', to: '2026-11-20T10:00:00.000Z', ...TOTALS },
          declines: [{ reason: 'insufficient_funds', count: 6 }],
          waitingForCapture: { count: 12, heldVolume: 180_000 },
          expiringSoon: { count: 1, heldVolume: 15_000 },
        },
      },
    },
  },
  listTransactionPostings: {
    response: {
      captured: {
        summary: 'Held, which moves nothing, then captured in part',
        value: {
          items: [
            {
              seq: 1,
              code: 'capture',
              from: 'wallet',
              to: 'merchant',
              amount: 10000,
              currency: 'KZT',
              at: '2026-11-20T09:31:00.000Z',
            },
          ],
          nextCursor: null,
        },
      },
    },
  },
  getWalletStatement: {
    response: {
      captured: {
        summary: 'A capture, and what is held',
        value: {
          items: [
            {
              operationId: '01900000-0000-7000-8000-000000000009',
              code: 'capture',
              amount: 10000,
              change: -10000,
              balance: 90000,
              reference: 'ORDER-100045',
              at: '2026-11-20T09:31:00.000Z',
              merchantId: '01900000-0000-7000-8000-000000000001',
            },
          ],
          nextCursor: null,
          openingBalance: 100000,
          closingBalance: 90000,
          available: 75000,
          held: 15000,
          holds: [
            {
              transactionId: '01900000-0000-7000-8000-00000000000a',
              merchantId: '01900000-0000-7000-8000-000000000001',
              amount: 15000,
              reference: 'ORDER-100046',
              expiresAt: '2026-11-27T09:30:00.000Z',
            },
          ],
        },
      },
    },
  },
  getMerchantStatement: {
    response: {
      captured: {
        summary: 'A capture',
        value: {
          items: [
            {
              operationId: '01900000-0000-7000-8000-000000000009',
              code: 'capture',
              amount: 10000,
              change: 10000,
              balance: 10000,
              reference: 'ORDER-100045',
              at: '2026-11-20T09:31:00.000Z',
              currency: 'KZT',
            },
          ],
          nextCursor: null,
          openingBalance: 0,
          closingBalance: 10000,
          currency: 'KZT',
        },
      },
    },
  },
  listBalances: {
    response: {
      two: {
        summary: 'In two currencies',
        value: {
          items: [
            { currency: 'KZT', balance: 1254000, held: 0, available: 1254000 },
            { currency: 'USD', balance: 99900, held: 0, available: 99900 },
          ],
          nextCursor: null,
        },
      },
    },
  },
  getBalanceStatement: {
    response: {
      refunded: {
        summary: 'A capture, and a refund of a part of it',
        value: {
          items: [
            {
              operationId: '01900000-0000-7000-8000-00000000000a',
              code: 'refund',
              amount: 4000,
              change: -4000,
              balance: 6000,
              reference: 'ORDER-100045',
              at: '2026-11-20T10:00:00.000Z',
              currency: 'KZT',
            },
            {
              operationId: '01900000-0000-7000-8000-000000000009',
              code: 'capture',
              amount: 10000,
              change: 10000,
              balance: 10000,
              reference: 'ORDER-100045',
              at: '2026-11-20T09:31:00.000Z',
              currency: 'KZT',
            },
          ],
          nextCursor: null,
          openingBalance: 0,
          closingBalance: 6000,
          currency: 'KZT',
        },
      },
    },
  },
  listOwnStores: {
    response: { page: { summary: 'The only store', value: { items: [STORE], nextCursor: null } } },
  },
  listOwnTerminals: {
    response: {
      page: {
        summary: 'A till in the store',
        value: {
          items: [
            { ...STORE, id: '01900000-0000-7000-8000-f00000000001', name: 'Till 1', storeId: STORE.id },
          ],
          nextCursor: null,
        },
      },
    },
  },
  listIssues: {
    response: {
      spike: {
        summary: 'A reason that came more often than usual',
        value: {
          items: [
            {
              id: 'decline_spike.insufficient_funds',
              kind: 'decline_spike',
              severity: 'warning',
              data: { reason: 'insufficient_funds', usually: 48, usualHours: 24 },
              count: 37,
              since: '2026-11-21T09:00:00.000Z',
              evidence:
                'type=payment&status=rejected,transaction.failed&failureCode=insufficient_funds&createdFrom=2026-11-21T09:00:00.000Z',
              mutedUntil: null,
            },
            {
              id: 'webhook_endpoint_failing.01900000-0000-7000-8000-000000000001',
              kind: 'webhook_endpoint_failing',
              severity: 'warning',
              data: { url: 'https://shop.example/webhooks', oldestSeconds: 2_400 },
              count: 12,
              since: '2026-11-21T09:20:00.000Z',
              evidence: '01900000-0000-7000-8000-000000000001',
              mutedUntil: null,
            },
          ],
          nextCursor: null,
        },
      },
    },
  },
  muteIssue: {
    request: { hour: { summary: 'For an hour', value: { untilSeconds: 3_600 } } },
    response: {
      muted: {
        summary: 'Muted',
        value: { id: 'holds_expiring', mutedUntil: '2026-11-21T11:00:00.000Z' },
      },
    },
  },
  listRequests: {
    response: {
      page: {
        summary: 'A request that was refused',
        value: {
          items: [
            {
              id: '0193a1fe-8f3c-7cc1-9d2b-6f0c8f1f2a3d',
              at: '2026-11-21T10:00:00.000Z',
              method: 'POST',
              route: '/v1/transactions/:id/capture',
              path: '/v1/transactions/01932831-f3e8-8aa2-d4f4-60d854d4a422/capture',
              status: 422,
              latencyMs: 4,
              requestId: '0d5c5a0e-9a3e-4a53-8a07-6b9a4f4f1c11',
              idempotencyKey: 'order-1-capture',
              reason: 'amount_exceeds_held',
              credentialId: '01900000-0000-7000-8000-a00000000001',
            },
          ],
          nextCursor: null,
        },
      },
    },
  },
  signIn: {
    request: {
      admin: {
        summary: 'The sandbox’s merchant',
        value: { email: 'merchant@demo.test', password: 'sandbox' },
      },
    },
    response: { signedIn: { summary: 'With the cookie plexy_session', value: SESSION } },
  },
  getSession: { response: { session: { summary: 'A merchant’s admin', value: SESSION } } },
  changePassword: {
    request: {
      changed: {
        summary: 'At least 12 characters',
        value: { current: 'sandbox', new: 'correct horse battery staple' },
      },
    },
    response: {},
  },
  getAccountSecurity: {
    response: {
      protected: {
        summary: 'With an authenticator app',
        value: {
          isSecondFactorRequired: false,
          totp: { setUpAt: '2026-11-20T09:30:00.000Z' },
          passkeys: [PASSKEY],
          recoveryCodesLeft: 10,
          identity: {
            issuer: 'https://login.example.com',
            subject: '248289761001',
            linkedAt: '2026-11-20T09:30:00.000Z',
            lastUsedAt: '2026-11-27T08:00:00.000Z',
          },
        },
      },
    },
  },
  beginTotp: {
    request: {
      fresh: { summary: 'Within 10 minutes of signing in', value: {} },
      later: { summary: 'Later', value: { password: 'sandbox' } },
    },
    response: {
      begun: {
        summary: 'To be shown as a QR code',
        value: {
          secret: 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP',
          uri: 'otpauth://totp/Plexy%20Pay:merchant%40demo.test?issuer=Plexy%20Pay&secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&algorithm=SHA1&digits=6&period=30',
        },
      },
    },
  },
  confirmTotp: {
    request: { first: { summary: 'What the app shows', value: { code: '287082' } } },
    response: {
      first: { summary: 'The first second factor', value: { recoveryCodes: RECOVERY_CODES } },
      another: { summary: 'Another app', value: { recoveryCodes: null } },
    },
  },
  removeTotp: {
    request: { later: { summary: 'With the password', value: { password: 'sandbox' } } },
    response: {},
  },
  replaceRecoveryCodes: {
    request: { later: { summary: 'With the password', value: { password: 'sandbox' } } },
    response: { made: { summary: 'Shown this once', value: { recoveryCodes: RECOVERY_CODES } } },
  },
  beginPasskey: {
    request: { fresh: { summary: 'Within 10 minutes of signing in', value: {} } },
    response: {},
  },
  addPasskey: {
    response: {
      added: { summary: 'Beside another second factor', value: { passkey: PASSKEY, recoveryCodes: null } },
    },
  },
  renamePasskey: {
    request: { named: { summary: 'By its device', value: { name: 'Phone' } } },
    response: { named: { summary: 'As it is now', value: { ...PASSKEY, name: 'Phone' } } },
  },
  removePasskey: {
    request: { later: { summary: 'With the password', value: { password: 'sandbox' } } },
    response: {},
  },
  beginOidcSignIn: {
    request: { next: { summary: 'To come back to a page', value: { next: '/dashboard/transactions' } } },
    response: { url: { summary: 'Where to go', value: PROVIDER_URL } },
  },
  finishOidcSignIn: {
    request: {
      one: { summary: 'The only account', value: {} },
      code: { summary: 'With a second factor', value: { code: '287082' } },
    },
    response: { signedIn: { summary: 'With the cookie plexy_session', value: SESSION } },
  },
  beginOidcLink: { response: { url: { summary: 'Where to go', value: PROVIDER_URL } } },
  signInWithPasskey: { response: { signedIn: { summary: 'With the cookie plexy_session', value: SESSION } } },
  listSessions: {
    response: {
      page: {
        summary: 'The only page',
        value: {
          items: [
            {
              id: '0193a1fe-8f3c-7cc1-9d2b-6f0c8f1f2a3e',
              isThisOne: true,
              signedInBy: 'password_and_code',
              createdAt: '2026-11-20T09:30:00.000Z',
              expiresAt: '2026-11-20T21:30:00.000Z',
              address: '203.0.113.7',
              userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
              lastUsedAt: '2026-11-20T09:30:00.000Z',
              lastUsedAddress: '203.0.113.7',
            },
          ],
          nextCursor: null,
        },
      },
    },
  },
  getSignInSettings: {
    response: { usual: { summary: 'Nothing is required', value: { requireSecondFactor: false } } },
  },
  updateSignInSettings: {
    request: { required: { summary: 'Of everybody', value: { requireSecondFactor: true } } },
    response: { required: { summary: 'As it is now', value: { requireSecondFactor: true } } },
  },
  listUsers: {
    response: { page: { summary: 'The only page', value: { items: [USER], nextCursor: null } } },
  },
  createUser: {
    request: {
      manager: {
        summary: 'Somebody who may capture and refund',
        value: { email: 'manager@shop.example', name: 'Marat', role: 'manager' },
      },
    },
    response: {
      made: {
        summary: 'The password is shown this once',
        value: { ...USER, password: 'sFhN3kX0v1o2bQe9yTzC' },
      },
    },
  },
  updateUser: {
    request: { role: { summary: 'Another role, at once', value: { role: 'viewer' } } },
    response: { changed: { summary: 'As it is now', value: { ...USER, role: 'viewer' } } },
  },
  deleteUser: { response: { deleted: { summary: 'As it was', value: USER } } },
  resetPasswordOfUser: {
    response: {
      reset: {
        summary: 'The password is shown this once',
        value: { ...USER, password: 'sFhN3kX0v1o2bQe9yTzC' },
      },
    },
  },
  listAuditLog: {
    response: {
      page: {
        summary: 'An admin has made a key that only reads',
        value: { items: [AUDIT_LOG_ENTRY], nextCursor: null },
      },
    },
  },
  listAllAuditLog: {
    response: {
      page: {
        summary: 'An operator has frozen a wallet',
        value: { items: [OPERATORS_ENTRY], nextCursor: null },
      },
    },
  },
  listOwnApiKeys: {
    response: { page: { summary: 'The only page', value: { items: [API_KEY], nextCursor: null } } },
  },
  issueOwnApiKey: {
    request: {
      reader: { summary: 'A key that only reads', value: { name: 'reports', scopes: ['read'] } },
      refunds: {
        summary: 'A key that only refunds, from two places',
        value: {
          name: 'refunds',
          scopes: ['refunds:write'],
          allowedNetworks: ['203.0.113.7', '2001:db8::/32'],
        },
      },
    },
    response: {
      issued: {
        summary: 'The key is shown this once',
        value: { ...API_KEY, apiKey: 'pr_test_8nZk3VdXyL0bqT5hJr2mWc9sPfA7uE1gKoYi4NtQx6w' },
      },
    },
  },
  updateOwnApiKey: {
    request: {
      bound: { summary: 'Only from the shop’s servers', value: { allowedNetworks: ['203.0.113.0/28'] } },
    },
    response: {
      changed: { summary: 'As it is now', value: { ...API_KEY, allowedNetworks: ['203.0.113.0/28'] } },
    },
  },
  revokeOwnApiKey: {
    response: {
      revoked: { summary: 'At once', value: { ...API_KEY, revokedAt: '2026-11-21T10:00:00.000Z' } },
    },
  },
  authorizeWallet: {
    request: {
      succeeds: { summary: '150.00 KZT of a customer who has it', value: PAYMENT },
      fails: {
        summary: 'A customer who has 5.00 KZT',
        value: { ...PAYMENT, phoneNumber: '+77010000002', iin: '850520400027' },
      },
    },
    response: {
      held: HELD,
      failed: {
        summary: 'The payment is recorded as failed, with the reason',
        value: {
          ...TRANSACTION,
          walletTransactionStatus: 'FAILED',
          failureCode: 'insufficient_funds',
          failureMessage: 'the available balance is less than the amount',
        },
      },
      waiting: {
        summary: 'The customer has to confirm first',
        value: { ...TRANSACTION, walletTransactionStatus: 'NEW' },
      },
    },
  },
  captureWallet: {
    request: {
      all: { summary: 'All of 150.00 KZT', value: { amount: 15_000 } },
      part: { summary: '100.00 KZT; the other 50.00 are released', value: { amount: 10_000 } },
      first: {
        summary: '100.00 KZT; the other 50.00 stay held',
        value: { amount: 10_000, final: false },
      },
    },
    response: { captured: { summary: 'The amount was debited', value: TRANSACTION } },
  },
  cancelWallet: {
    request: {
      all: { summary: 'All of 150.00 KZT', value: { amount: 15_000 } },
      part: { summary: '50.00 KZT; the rest stays held', value: { amount: 5_000 } },
    },
    response: {
      cancelled: { summary: 'Nothing is held any more', value: TRANSACTION },
      reduced: {
        summary: 'A part was released',
        value: { ...TRANSACTION, walletTransactionStatus: 'PROCESSING', amount: 5_000 },
      },
    },
  },
  refundWallet: {
    request: { part: { summary: '50.00 KZT', value: { amount: 5_000 } } },
    response: {
      refunded: { summary: 'The amount was given back', value: { ...TRANSACTION, amount: 5_000 } },
    },
  },
  getWalletTransaction: { response: { captured: { summary: 'A captured payment', value: TRANSACTION } } },
  listWalletTransactions: {
    response: {
      page: {
        summary: 'A page that is not the last',
        value: {
          items: [
            {
              ...HELD.value,
              walletTransactionId: 'wt_01JDM40A2K9Q9B8F1Z2XEFGH34',
              orderReference: 'ORDER-100046',
            },
            TRANSACTION,
          ],
          nextCursor: 'UmVxM0VEX0lyT1Ew',
        },
      },
      last: { summary: 'Nothing found', value: { items: [], nextCursor: null } },
    },
  },
  getSandboxClock: {
    response: {
      ahead: {
        summary: 'A day ahead of real time',
        value: { now: '2026-11-21T09:30:00.000Z', offsetSeconds: 86_400 },
      },
    },
  },
  advanceSandboxClock: {
    request: { day: { summary: 'By a day', value: { advanceSeconds: 86_400 } } },
    response: {
      settled: {
        summary: 'Everything that fell due has happened',
        value: { now: '2026-11-21T09:30:00.000Z', offsetSeconds: 86_400, settled: true },
      },
    },
  },
  getSandboxFaults: {
    response: { none: { summary: 'All is well', value: { bank: 'none', databaseDelayMs: 0 } } },
  },
  setSandboxFaults: {
    request: {
      down: { summary: 'The bank is down for this merchant', value: { bank: 'down' } },
      slow: { summary: 'The database is slow for everybody', value: { databaseDelayMs: 500 } },
      none: { summary: 'All is well again', value: { bank: 'none', databaseDelayMs: 0 } },
    },
    response: { down: { summary: 'The bank is down', value: { bank: 'down', databaseDelayMs: 0 } } },
  },
  resetSandbox: { response: { reset: { summary: 'As after the first start', value: { reset: true } } } },
  getSandboxFixtures: {
    response: {
      some: {
        summary: 'The first of each',
        value: {
          merchants: [
            { id: '01900000-0000-7000-8000-000000000001', name: 'Demo Store', apiKey: 'pr_test_demo' },
          ],
          stores: [{ id: '01900000-0000-7000-8000-e00000000001', name: 'Abay Avenue' }],
          terminals: [{ id: '01900000-0000-7000-8000-f00000000001', name: 'Till 1' }],
          customers: [
            {
              phoneNumber: '+77010000002',
              iin: '850520400027',
              behaves: 'too little for most: insufficient_funds',
              wallets: [{ currency: 'KZT', funds: 500 }],
            },
          ],
          cards: [{ number: '4242424242424242', behaves: 'approved (Visa)' }],
        },
      },
    },
  },
  getSandboxConfirmation: {
    response: {
      open: {
        summary: 'The customer can still decide',
        value: {
          url: 'http://127.0.0.1:8080/confirm/01932831-f3e8-7aa2-94f4-60d854d4a422.mj2k9x1c.3fYq0c7yJm2vW8kTzX5nB1rLhQe6sUaD9pGiCoKxRtE',
          expiresAt: '2026-11-20T09:40:00.000Z',
        },
      },
    },
  },
  sandboxConfirm: { response: { held: HELD } },
  sandboxDecline: {
    response: {
      declined: {
        summary: 'The payment failed',
        value: {
          ...TRANSACTION,
          walletTransactionStatus: 'FAILED',
          failureCode: 'customer_declined',
          failureMessage: 'the customer declined the payment',
        },
      },
    },
  },
  health: { response: { up: { summary: 'The process is up', value: { status: 'ok' } } } },
  ready: { response: { ready: { summary: 'The database can be used', value: { status: 'ok' } } } },
};
