/**
 * What the OpenAPI document says of each operation beside its schemas: a description, and the reasons of errors that are
 * its own. What every operation of its shape may answer (no API key, a body that is no JSON, a repeated key …) is
 * added by `openApi.ts`. The tests compare every answer that they get with this.
 */
import type { Reason } from '../http/errors.ts';

export interface OperationDocs {
  /** Where the route says more than this in its own schema, that counts. */
  readonly description?: string;
  /** Reasons of 4xx and 5xx answers that other operations of the same shape do not have. */
  readonly reasons?: readonly Reason[];
}

const ONE_TRANSACTION = ['transaction_not_found'] as const;
/** An id of a payment, and where it is the merchant's own but something else: what that is. */
const OWN_PAYMENT = [...ONE_TRANSACTION, 'transaction_is_refund'] as const;
/** The wallet API has wallet payments only. */
const OWN_WALLET_PAYMENT = [...OWN_PAYMENT, 'transaction_is_card_payment'] as const;
const PAGE = ['invalid_limit', 'invalid_cursor'] as const;
const LIST_FILTERS = [
  ...(['invalid_status', 'invalid_amount', 'invalid_currency', 'invalid_order_reference'] as const),
  'search_too_broad',
] as const;
const CAPTURE = [
  'missing_idempotency_key',
  ...(['invalid_amount', 'invalid_transaction_state', 'authorization_expired'] as const),
  'amount_exceeds_held',
] as const;
const CANCEL = [...CAPTURE, 'partial_cancel_before_authorization'] as const;
const REFUND = [
  'missing_idempotency_key',
  ...(['invalid_amount', 'invalid_transaction_state', 'amount_exceeds_refundable'] as const),
  'insufficient_merchant_balance',
] as const;
/** What not every acquirer can do. */
const PART_OF_CAPTURE = ['partial_capture_not_supported', 'several_captures_not_supported'] as const;
const PART_OF_CANCEL = ['partial_cancel_not_supported'] as const;
/** What a bank has to be asked for. */
const ASKED = ['operation_in_progress', 'declined_by_bank'] as const;
const DECIDE = ['invalid_transaction_state', 'authorization_expired'] as const;
const ENDPOINT = ['webhook_endpoint_not_found'] as const;
const DELIVERY = [...ENDPOINT, 'webhook_delivery_not_found'] as const;
const MERCHANT = ['merchant_not_found'] as const;
const USER_CHANGE = ['user_not_found', 'last_admin'] as const;
/** What a user does at `/v1/session`, where it needs the password again. */
const USER_RESET = ['user_not_found', 'own_account'] as const;
/** The password again. */
const PROOF = ['password_required', 'wrong_credentials', 'too_many_sign_ins'] as const;
const NEW_USER = ['invalid_email', 'already_exists'] as const;

const CUSTOMER = ['customer_not_found'] as const;
const LINK = ['payment_link_not_found'] as const;
const LINK_TERMS = [
  ...(['invalid_amount', 'invalid_currency', 'invalid_order_reference', 'consent_ends_in_past'] as const),
] as const;
/** Why a link cannot be paid, cancelled or given another end. */
const LINK_ENDED = ['payment_link_paid', 'payment_link_cancelled', 'payment_link_expired'] as const;

const CARD = ['customer_not_found', 'card_not_found'] as const;
/** Why a card on file is not charged without its customer. */
const CONSENT = [
  ...(['card_not_on_file', 'first_payment_required', 'consent_withdrawn', 'consent_expired'] as const),
] as const;

const PAGES = 'In pages: ask for the next one with `nextCursor`, until it is null.';
const SHOWN_ONCE = 'The secret is in this answer only: it is kept as a hash.';

export const OPERATION_DOCS: Readonly<Record<string, OperationDocs>> = {
  health: {
    description: 'For a supervisor: answers as long as the process does, whatever its database does.',
  },
  ready: {
    description:
      'For a load balancer: 200 when the database answers and all migrations are applied, else 503. Send requests to nodes that are ready.',
  },

  signIn: {
    reasons: [
      ...(['wrong_credentials', 'too_many_sign_ins', 'merchant_required'] as const),
      ...(['second_factor_required', 'wrong_second_factor'] as const),
    ],
  },
  getSession: {
    description:
      'The user, their role and merchant, and the mode of this server; 401 when nobody is signed in.',
  },
  signOut: { description: 'Ends this session at once, on every node.' },
  signOutEverywhere: { description: 'Ends every session of this user at once, this one included.' },
  changePassword: {
    description: 'Needs the present password. This session goes on, every other one of the user ends.',
    reasons: ['wrong_credentials', 'too_many_sign_ins'],
  },

  getAccountSecurity: { description: 'Whoever has a second factor signs in with the password and a code.' },
  beginTotp: {
    description:
      'Answers with a new secret, to be shown as a QR code. It takes effect with its first code, within an hour; until then the app of before, if there is one, goes on.',
    reasons: [...PROOF, 'older_nodes_running'],
  },
  confirmTotp: {
    description:
      'Takes the app’s present code. Every other session of the user ends. With the first second factor there are recovery codes, shown only in this answer.',
    reasons: ['totp_not_begun', 'wrong_second_factor', 'older_nodes_running'],
  },
  removeTotp: {
    description:
      'With the last second factor the recovery codes go, too. Where one is required, the last one stays.',
    reasons: [...PROOF, 'totp_not_begun', 'last_second_factor'],
  },
  replaceRecoveryCodes: {
    description:
      'Ten codes. Each signs in once, in place of a code of the app. Those of before work no longer.',
    reasons: [...PROOF, 'no_second_factor'],
  },
  beginPasskey: {
    description: 'Answers with what the browser needs. It holds for 5 minutes, and once.',
    reasons: [...PROOF, 'too_many_passkeys', 'older_nodes_running'],
  },
  addPasskey: {
    description:
      'A passkey is a second factor, and signs in by itself. Every other session of the user ends. With the first second factor there are recovery codes, shown only in this answer.',
    reasons: ['wrong_passkey', 'already_exists', 'too_many_passkeys', 'older_nodes_running'],
  },
  renamePasskey: { description: 'The name is for its user alone.', reasons: ['passkey_not_found'] },
  removePasskey: {
    description:
      'With the last second factor the recovery codes go, too. Where one is required, the last one stays.',
    reasons: [...PROOF, 'passkey_not_found', 'last_second_factor'],
  },
  beginPasskeySignIn: {
    description: 'Answers with what the browser needs. It holds for 5 minutes, and once.',
  },
  signInWithPasskey: {
    description:
      'Needs no password: the device has asked for a finger, a face or a PIN. Answers with the cookies of `POST /v1/session`.',
    reasons: ['wrong_passkey', 'wrong_credentials'],
  },
  beginOidcSignIn: { reasons: ['no_identity_provider', 'identity_provider_unavailable'] },
  finishOidcSignIn: {
    reasons: [
      ...(['identity_not_proved', 'identity_not_known', 'email_not_verified'] as const),
      ...(['wrong_credentials', 'too_many_sign_ins', 'merchant_required'] as const),
      ...(['second_factor_required', 'wrong_second_factor'] as const),
    ],
  },
  beginOidcLink: { reasons: [...PROOF, 'no_identity_provider', 'identity_provider_unavailable'] },
  confirmOidcLink: {
    description: 'From then on a sign-in there opens this account, whatever its e-mail address is.',
    reasons: ['identity_not_proved', 'already_exists'],
  },
  unlinkOidc: {
    description:
      'A sign-in at the identity provider opens it no longer. Whoever signs in next there with this account’s e-mail address, verified, is linked.',
    reasons: [...PROOF, 'no_identity'],
  },
  listSessions: { description: 'All of them in one page, the one that was used last first.' },
  endSession: { description: 'It may be the one that asks.', reasons: ['session_not_found'] },
  endOtherSessions: { description: 'At once, on every node; this one goes on.' },
  getSignInSettings: { description: 'For the merchant’s admins.' },
  updateSignInSettings: {
    description:
      'Holds at once, on every node: users without a second factor set one up before they do anything else.',
    reasons: ['older_nodes_running'],
  },

  createMerchant: {
    description:
      'A merchant begins without API keys and users: issue its first key, or create its first user, next.',
  },
  listMerchants: { description: PAGES, reasons: PAGE },
  updateMerchant: {
    description: 'What is not named stays as it is. Payments that exist keep the times that they began with.',
    reasons: MERCHANT,
  },
  setCheckoutLogo: {
    description: 'A PNG: it is served as an image, by an address that is made of its bytes.',
    reasons: MERCHANT,
  },
  deleteCheckoutLogo: {
    description: 'Payers see the first letter of the merchant’s name in its place.',
    reasons: MERCHANT,
  },
  getMerchant: {
    description: 'How a merchant’s payments are captured, how long holds last, where payers may return to.',
    reasons: MERCHANT,
  },
  listMerchantBalances: {
    description: 'One row a currency in which the merchant has ever been paid, as last committed.',
    reasons: MERCHANT,
  },
  listBalances: {
    description: 'One row a currency in which you have ever been paid, as last committed.',
  },
  getBalanceStatement: {
    description: `Captures, refunds and whatever else moved on the balance of one currency, each with the balance after it. The opening balance and all changes are the closing balance. ${PAGES}`,
    reasons: [...PAGE, 'invalid_currency'],
  },
  getMerchantStatement: {
    description: `Captures, refunds and whatever else moved on the balance of one currency. ${PAGES}`,
    reasons: [...MERCHANT, ...PAGE, 'invalid_currency'],
  },
  issueApiKey: { description: SHOWN_ONCE, reasons: [...MERCHANT, 'older_nodes_running'] },
  listApiKeys: { description: `Without the keys themselves. ${PAGES}`, reasons: [...MERCHANT, ...PAGE] },
  updateApiKey: {
    description: 'Its name, and from where it may be used: that holds within a second, on every node.',
    reasons: [...MERCHANT, 'api_key_not_found', 'older_nodes_running'],
  },
  updateOperatorKey: {
    description: 'Its name, and from where it may be used: that holds within a second, on every node.',
    reasons: ['api_key_not_found', 'older_nodes_running'],
  },
  revokeApiKey: {
    description: 'Writes with it are refused from this moment on, on every node; reads within a second.',
    reasons: [...MERCHANT, 'api_key_not_found'],
  },
  issueOperatorKey: { description: SHOWN_ONCE, reasons: ['older_nodes_running'] },
  listOperatorKeys: { description: `Without the keys themselves. ${PAGES}`, reasons: PAGE },
  revokeOperatorKey: {
    description: 'Writes with it are refused from this moment on, on every node; reads within a second.',
    reasons: ['api_key_not_found'],
  },
  createAcquirer: {
    description:
      'It takes payments at once: those of the routes that name it. Every node knows it within a second. Set a second one up when every node runs a version that has this operation.',
    reasons: ['already_exists'],
  },
  updateAcquirer: {
    description:
      'What is not named stays as it is. Payments stay with their acquirer whatever the routes say later.',
    reasons: ['acquirer_not_found', 'already_exists'],
  },
  listAcquirers: { description: 'Without their secrets.' },
  getAcquirerRoutes: {
    description:
      'The first one that fits a new payment names its acquirer; without one it is the default. When that is not there, before anything was asked of it, the next one that fits is asked.',
  },
  setAcquirerRoutes: {
    description:
      'In place of all routes that there are. New payments follow them at once here, and within a second on other nodes.',
    reasons: ['older_nodes_running'],
  },
  listAcquirerCredentials: { description: 'Names only: the values are never shown.', reasons: MERCHANT },
  setAcquirerCredentials: {
    description:
      'In place of what was kept before. Kept encrypted. Without any, questions name the merchant by its id here.',
    reasons: [...MERCHANT, 'acquirer_not_found', 'older_nodes_running'],
  },
  createStore: { description: 'Payments can name the store that they were made in.', reasons: MERCHANT },
  listStores: { description: PAGES, reasons: [...MERCHANT, ...PAGE] },
  createTerminal: {
    description: 'Payments can name the terminal that they were made at.',
    reasons: MERCHANT,
  },
  listTerminals: { description: PAGES, reasons: [...MERCHANT, ...PAGE] },

  createWalletHolder: {
    description:
      'A holder of wallets: a phone number and an IIN that belong together. The IIN is kept as a keyed hash.',
    reasons: ['invalid_phone_number', 'invalid_iin', 'already_exists'],
  },
  listWalletHolders: {
    description: `All, or those that a phone number, an IIN or both name. ${PAGES}`,
    reasons: [...PAGE, 'invalid_phone_number', 'invalid_iin'],
  },
  getWalletHolder: {
    description: 'With the last four digits of the IIN.',
    reasons: ['wallet_holder_not_found'],
  },
  createWallet: {
    description: 'A wallet holder has one wallet a currency. It begins empty: deposit into it next.',
    reasons: ['wallet_holder_not_found', 'invalid_currency', 'already_exists'],
  },
  listWallets: {
    description: 'One a currency, as last committed.',
    reasons: ['wallet_holder_not_found'],
  },
  getWallet: {
    description: 'What is available and what is held, as last committed.',
    reasons: ['wallet_not_found'],
  },
  getWalletStatement: {
    description: `Deposits, withdrawals, captures and refunds, each with the balance after it, and the holds that are open now: a hold moves nothing. ${PAGES}`,
    reasons: ['wallet_not_found', ...PAGE],
  },
  depositWallet: {
    description: 'Moves the amount from the account `funding` to what is available.',
    reasons: ['wallet_not_found', 'invalid_amount'],
  },
  withdrawWallet: {
    description: 'Moves the amount from what is available to the account `funding`.',
    reasons: ['wallet_not_found', 'invalid_amount', 'wallet_frozen', 'insufficient_wallet_balance'],
  },
  freezeWallet: {
    description: 'Holds that exist can still be captured and released.',
    reasons: ['wallet_not_found'],
  },
  unfreezeWallet: {
    description: 'Authorizations and withdrawals work again at once.',
    reasons: ['wallet_not_found'],
  },
  listSystemAccounts: {
    description: '`funding` and `acquirer` of each currency: the other ends of what comes in and goes out.',
  },
  sumLedger: { description: 'Every currency must sum to 0.' },
  getAudit: {
    description: 'When it ran, and the rows that break an invariant; 404 before the first one.',
    reasons: ['not_found'],
  },
  startAudit: { reasons: ['audit_in_progress'] },
  getSystemHealth: {
    description:
      'Database, event feed, queue and bank of the node that answers, and of the whole installation.',
  },
  confirmTransaction: {
    description: 'In the customer’s place: the balance is checked now.',
    reasons: [...OWN_PAYMENT, ...DECIDE],
  },
  declineTransaction: {
    description: 'In the customer’s place: the payment ends as `rejected`, `customer_declined`.',
    reasons: [...OWN_PAYMENT, ...DECIDE],
  },
  getConfirmation: {
    description:
      'The link works once, until the payment’s confirmation expires. Send it to nobody but the customer.',
    reasons: [...OWN_WALLET_PAYMENT, ...DECIDE],
  },
  listMerchantUsers: { description: PAGES, reasons: [...MERCHANT, ...PAGE] },
  createMerchantUser: {
    description: 'The password is in this answer only.',
    reasons: [...MERCHANT, ...NEW_USER],
  },
  updateMerchantUser: {
    description:
      'A change of role or status holds at once, on every node. Somebody who can manage users must remain.',
    reasons: [...MERCHANT, ...USER_CHANGE],
  },
  deleteMerchantUser: {
    description: 'Their sessions end at once. Somebody who can manage users must remain.',
    reasons: [...MERCHANT, ...USER_CHANGE],
  },
  resetPasswordOfMerchantUser: { reasons: [...MERCHANT, ...USER_RESET] },
  resetSecondFactorOfMerchantUser: { reasons: [...MERCHANT, ...USER_RESET] },
  unlinkIdentityOfMerchantUser: { reasons: [...MERCHANT, ...USER_RESET, 'no_identity'] },
  listOperators: { description: PAGES, reasons: PAGE },
  createOperator: { description: 'The password is in this answer only.', reasons: NEW_USER },
  updateOperator: {
    description: 'A change of status holds at once, on every node. One operator must remain.',
    reasons: USER_CHANGE,
  },
  deleteOperator: {
    description: 'Their sessions end at once. One operator must remain.',
    reasons: USER_CHANGE,
  },
  resetPasswordOfOperator: { reasons: USER_RESET },
  resetSecondFactorOfOperator: { reasons: USER_RESET },
  unlinkIdentityOfOperator: { reasons: [...USER_RESET, 'no_identity'] },

  authorizeWallet: {
    reasons: [
      'invalid_amount',
      'invalid_currency',
      'invalid_phone_number',
      'invalid_iin',
      'invalid_order_reference',
    ],
  },
  captureWallet: { reasons: [...OWN_WALLET_PAYMENT, ...CAPTURE] },
  cancelWallet: { reasons: [...OWN_WALLET_PAYMENT, ...CANCEL] },
  refundWallet: { reasons: [...OWN_WALLET_PAYMENT, ...REFUND] },
  getWalletTransaction: { reasons: ONE_TRANSACTION },
  listWalletTransactions: { reasons: [...PAGE, 'invalid_status', 'invalid_order_reference'] },

  createCustomer: {
    description:
      'Every field may be absent. Give `customerId` with a payment, a payment link or a session, and they are the customer’s.',
    reasons: ['invalid_email', 'already_exists'],
  },
  listCustomers: {
    description: `Those that were erased are not listed. ${PAGES}`,
    reasons: [...PAGE, 'search_too_broad'],
  },
  getCustomer: { description: 'Also of one that was erased: an id, and when.', reasons: CUSTOMER },
  updateCustomer: {
    description: 'Fields that are absent stay, `null` takes one away; `metadata` is replaced as a whole.',
    reasons: [...CUSTOMER, 'invalid_email', 'already_exists', 'customer_erased'],
  },
  eraseCustomer: {
    description:
      'Reference, name, e-mail address, phone number, locale and metadata are gone, also from answers that are repeated by their `Idempotency-Key`. The id stays, and payments, refunds and links go on pointing at it. A second time it changes nothing.',
    reasons: CUSTOMER,
  },
  exportCustomer: {
    description:
      'To be given to them when they ask: the profile, the cards without their numbers, links, payments and refunds. One document of any length, written as it is read: when it breaks off, it is no JSON.',
    reasons: CUSTOMER,
  },
  getCustomerTotals: {
    description: 'Of all payments that name them, by card and wallet.',
    reasons: [...CUSTOMER, 'search_too_broad'],
  },
  listTransactionsByCustomer: { description: PAGES, reasons: [...CUSTOMER, ...PAGE, 'search_too_broad'] },

  createPaymentLink: { reasons: [...LINK_TERMS, 'expiry_out_of_range', 'too_many_callback_origins'] },
  createPaymentSession: { reasons: [...LINK_TERMS, 'too_many_callback_origins'] },
  getPaymentSession: {
    description: 'As it is now: ask until it is `paid` or `expired`, or wait for its webhook.',
    reasons: LINK,
  },
  getPaymentLink: {
    description: 'As it is now: ask until it is `paid`, `expired` or `cancelled`, or wait for its webhook.',
    reasons: LINK,
  },
  listPaymentLinks: {
    description: `All filters that are given must hold. ${PAGES}`,
    reasons: [...PAGE, 'invalid_status', 'invalid_order_reference', 'search_too_broad'],
  },
  getPaymentLinkStatistics: {
    description:
      'Of links that were created within a time, or of all: how many have each status, and what they are for.',
    reasons: ['search_too_broad'],
  },
  getPaymentLinkByOrderReference: {
    description: 'Several links may have one reference: when a payer tries again later, for instance.',
    reasons: [...LINK, 'invalid_order_reference', 'search_too_broad'],
  },
  getPaymentLinkHistory: { description: PAGES, reasons: [...LINK, ...PAGE] },
  cancelPaymentLink: { reasons: [...LINK, ...LINK_ENDED, 'payment_link_in_use'] },
  deletePaymentLink: { reasons: [...LINK, ...LINK_ENDED, 'payment_link_in_use'] },
  updatePaymentLink: { reasons: [...LINK, ...LINK_ENDED, 'expiry_out_of_range'] },

  createPayment: {
    description:
      'With a card, or with the token of one that the bank has seen. Answered with the bank’s decision, or after 10 seconds with the state as it is. With a `returnUrl` the bank may ask for 3-D Secure: then the status is `3d`, and the payer has to go to `redirectUrl`.',
    reasons: [
      ...(['invalid_amount', 'invalid_currency', 'invalid_order_reference', 'invalid_card'] as const),
      ...(['consent_ends_in_past'] as const),
      ...(['saved_card_not_supported', 'merchant_initiated_not_supported'] as const),
      ...CONSENT,
    ],
  },
  createMerchantInitiatedPayment: {
    reasons: [
      ...(['invalid_amount', 'invalid_currency', 'invalid_order_reference'] as const),
      ...CONSENT,
      ...(['saved_card_not_supported', 'merchant_initiated_not_supported'] as const),
    ],
  },

  listCustomerCards: {
    description: 'The newest 100. Those that were deleted are none.',
    reasons: ['customer_not_found'],
  },
  getCustomerCard: { description: 'With the consent that it was kept with.', reasons: CARD },
  updateCustomerCard: {
    description: 'The card that was the default before is one like any other.',
    reasons: CARD,
  },
  withdrawCardConsent: { reasons: CARD },
  deleteCustomerCard: { reasons: CARD },
  captureTransaction: {
    description:
      'Debits the hold, in full or in part; the rest is released. With `final: false` the rest stays held, and more captures may follow: the payment stays `authorized`, `capturedAmount` grows, each capture has an event `transaction.partially_captured`, and what was captured can be refunded. The hold ends with the last capture, a cancel of the rest, or its expiry.',
    reasons: [...OWN_PAYMENT, ...CAPTURE, ...PART_OF_CAPTURE, ...ASKED],
  },
  cancelTransaction: {
    description:
      'Gives the hold back, in full or in part. All of it ends the payment as `cancelled`; or as `charged`, where something was captured of it before.',
    reasons: [...OWN_PAYMENT, ...CANCEL, ...PART_OF_CANCEL, ...ASKED],
  },
  refundTransaction: {
    description:
      'A refund is a transaction of its own. Give an Idempotency-Key: the same request twice without one refunds twice. Also of what was captured with `final: false` while the rest is held; not while the bank is asked for the next capture.',
    reasons: [...OWN_PAYMENT, ...REFUND, 'operation_in_progress'],
  },
  listTransactions: { reasons: [...PAGE, ...LIST_FILTERS] },
  listTransactionsByOrderReference: { reasons: [...PAGE, 'invalid_order_reference', 'search_too_broad'] },
  listTransactionsByPaymentLink: {
    description: `404 for a link by which nothing was paid. ${PAGES}`,
    reasons: [...ONE_TRANSACTION, ...PAGE],
  },
  getTransaction: {
    description: 'By either spelling of its id. Ask for it before anything that cannot be undone.',
    reasons: ONE_TRANSACTION,
  },
  getTransactionHistory: { reasons: [...ONE_TRANSACTION, ...PAGE] },
  listTransactionPostings: { reasons: [...ONE_TRANSACTION, ...PAGE] },
  listOwnStores: { description: PAGES, reasons: PAGE },
  listOwnTerminals: { description: PAGES, reasons: PAGE },
  streamTransactions: { reasons: ['invalid_last_event_id'] },

  listEvents: { reasons: PAGE },
  createWebhookEndpoint: { reasons: ['invalid_url', 'too_many_webhook_endpoints'] },
  listWebhookEndpoints: { description: PAGES, reasons: PAGE },
  getWebhookEndpoint: {
    description: 'Without its secret. With what is pending, and since when it fails.',
    reasons: ENDPOINT,
  },
  updateWebhookEndpoint: {
    description: 'What is not named stays as it is. What is pending is sent to the new address.',
    reasons: [...ENDPOINT, 'invalid_url', 'webhook_endpoint_of_links'],
  },
  deleteWebhookEndpoint: {
    description: 'Nothing is sent to it any more, and what it had is forgotten.',
    reasons: ENDPOINT,
  },
  enableWebhookEndpoint: { reasons: ENDPOINT },
  disableWebhookEndpoint: { reasons: ENDPOINT },
  rotateWebhookSecret: {
    reasons: [...ENDPOINT, 'too_many_webhook_secrets', 'webhook_endpoint_of_links'],
  },
  getCallbackSecret: {
    description: 'The secret with which callbacks of payment links are signed: when it was made.',
    reasons: [],
  },
  rotateCallbackSecret: { reasons: ['too_many_webhook_secrets'] },
  listWebhookDeliveries: { description: `Kept for 30 days. ${PAGES}`, reasons: [...ENDPOINT, ...PAGE] },
  getWebhookDelivery: { description: 'With the first 1,024 bytes of each answer.', reasons: DELIVERY },
  testWebhookEndpoint: {
    reasons: [...ENDPOINT, 'webhook_endpoint_disabled', 'webhook_endpoint_of_links'],
  },
  resendWebhookDelivery: { reasons: [...DELIVERY, 'webhook_endpoint_disabled'] },
  replayWebhooks: { reasons: [...ENDPOINT, 'webhook_endpoint_disabled'] },

  getStatistics: { reasons: ['invalid_currency', 'search_too_broad'] },
  listRequests: { reasons: [...PAGE, 'search_too_broad'] },
  listAuditLog: { reasons: [...PAGE, 'search_too_broad'] },
  listAllAuditLog: { reasons: [...PAGE, 'search_too_broad'] },
  listOperatorIssues: {
    description:
      'Phone numbers, merchants and addresses with many wrong IINs, and until when they are locked.',
  },
  listIssues: { reasons: ['search_too_broad'] },
  muteIssue: {
    description: '30 days at most. It is listed all the same, as muted.',
    reasons: ['issue_not_found'],
  },
  issueOwnApiKey: { description: SHOWN_ONCE, reasons: ['older_nodes_running'] },
  listOwnApiKeys: { description: `Without the keys themselves. ${PAGES}`, reasons: PAGE },
  updateOwnApiKey: {
    description: 'Its name, and from where it may be used: that holds within a second, on every node.',
    reasons: ['api_key_not_found', 'older_nodes_running'],
  },
  revokeOwnApiKey: {
    description: 'Writes with it are refused from this moment on, on every node; reads within a second.',
    reasons: ['api_key_not_found'],
  },
  listUsers: { description: PAGES, reasons: PAGE },
  createUser: { description: 'The password is in this answer only.', reasons: NEW_USER },
  updateUser: {
    description:
      'A change of role or status holds at once, on every node. Somebody who can manage users must remain.',
    reasons: USER_CHANGE,
  },
  deleteUser: {
    description: 'Their sessions end at once. Somebody who can manage users must remain.',
    reasons: USER_CHANGE,
  },
  resetPasswordOfUser: { reasons: USER_RESET },
  resetSecondFactorOfUser: { reasons: USER_RESET },
  unlinkIdentityOfUser: { reasons: [...USER_RESET, 'no_identity'] },

  getSandboxClock: { description: 'The engine’s time, and how far it is ahead of the real one.' },
  advanceSandboxClock: {},
  getSandboxFaults: { description: 'Of this merchant’s bank, and of everybody’s database.' },
  setSandboxFaults: {
    description:
      'What is not named stays as it is. The bank’s fault is this merchant’s, the database’s is everybody’s.',
  },
  resetSandbox: {},
  getSandboxFixtures: { description: 'The table of the documents, as data.' },
  getSandboxConfirmation: {
    description: 'The link works once, until the payment’s confirmation expires.',
    reasons: [...OWN_WALLET_PAYMENT, ...DECIDE],
  },
  sandboxPayLink: {
    description:
      'By card 4242…, or from the wallet of the first customer of the fixtures. Answers the link then.',
    reasons: [...LINK, ...LINK_ENDED, 'payment_link_in_use', 'payment_method_not_allowed'],
  },
  sandboxExpireLink: {
    description: 'Answers when it has expired. One that is being paid expires only once that has failed.',
    reasons: [...LINK, ...LINK_ENDED],
  },
  sandboxConfirm: { description: 'The balance is checked now.', reasons: [...OWN_WALLET_PAYMENT, ...DECIDE] },
  sandboxDecline: {
    description: 'The payment ends as `rejected`, `customer_declined`.',
    reasons: [...OWN_WALLET_PAYMENT, ...DECIDE],
  },
};
