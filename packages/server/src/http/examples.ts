/** Examples for the OpenAPI document, by operation. The sandbox's seed makes the requests work as they are. */

interface Example {
  readonly summary: string;
  readonly value: unknown;
}

export interface OperationExamples {
  readonly request?: Readonly<Record<string, Example>>;
  /** Of the successful response. */
  readonly response: Readonly<Record<string, Example>>;
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

const HELD = {
  summary: 'The amount is held, waiting for its capture',
  value: { ...TRANSACTION, walletTransactionStatus: 'PROCESSING' },
};

export const EXAMPLES: Readonly<Record<string, OperationExamples>> = {
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
