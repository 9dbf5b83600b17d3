/** Plexy Pay's client for Node 20 and newer, Bun, Deno, edge runtimes and browsers, without dependencies. */
import { AdminResource } from './admin.ts';
import { CardsResource } from './cards.ts';
import { CustomersResource } from './customers.ts';
import type { PlexyPayOptions } from './options.ts';
import { PaymentLinksResource, PaymentSessionsResource } from './paymentLinks.ts';
import { PaymentsResource } from './payments.ts';
import {
  AuditLogResource,
  BalancesResource,
  EventsResource,
  IssuesResource,
  RequestLogResource,
  StatisticsResource,
} from './reports.ts';
import { RequestSender } from './request.ts';
import { SandboxResource } from './sandbox.ts';
import { TransactionsResource } from './transactions.ts';
import { WalletResource } from './wallet.ts';
import { WebhookEndpointsResource } from './webhookEndpoints.ts';

/** All but `admin` with a merchant's key. */
export class PlexyPay {
  readonly wallet: WalletResource;
  readonly payments: PaymentsResource;
  readonly cards: CardsResource;
  readonly paymentLinks: PaymentLinksResource;
  readonly paymentSessions: PaymentSessionsResource;
  readonly customers: CustomersResource;
  readonly transactions: TransactionsResource;
  readonly webhookEndpoints: WebhookEndpointsResource;
  readonly balances: BalancesResource;
  readonly events: EventsResource;
  readonly statistics: StatisticsResource;
  readonly issues: IssuesResource;
  readonly requestLog: RequestLogResource;
  readonly auditLog: AuditLogResource;
  readonly sandbox: SandboxResource;
  /** With an operator's key. */
  readonly admin: AdminResource;

  constructor(options: PlexyPayOptions) {
    const sender = new RequestSender(options);
    this.wallet = new WalletResource(sender);
    this.payments = new PaymentsResource(sender);
    this.cards = new CardsResource(sender);
    this.paymentLinks = new PaymentLinksResource(sender);
    this.paymentSessions = new PaymentSessionsResource(sender);
    this.customers = new CustomersResource(sender);
    this.transactions = new TransactionsResource(sender);
    this.webhookEndpoints = new WebhookEndpointsResource(sender);
    this.balances = new BalancesResource(sender);
    this.events = new EventsResource(sender);
    this.statistics = new StatisticsResource(sender);
    this.issues = new IssuesResource(sender);
    this.requestLog = new RequestLogResource(sender);
    this.auditLog = new AuditLogResource(sender);
    this.sandbox = new SandboxResource(sender);
    this.admin = new AdminResource(sender);
  }
}

export type { AdminResource } from './admin.ts';
export { CardsResource } from './cards.ts';
export { CustomersResource } from './customers.ts';
export {
  AbortedError,
  AuthenticationError,
  ConflictError,
  ConnectionError,
  type ErrorDetail,
  InvalidRequestError,
  NotFoundError,
  PermissionError,
  PlexyPayError,
  RateLimitError,
  ServerError,
  UnexpectedAnswerError,
  UnprocessableError,
} from './errors.ts';
export { exponentOf, formatAmount } from './money.ts';
export type { Fetch, FetchAnswer, FetchInit, PlexyPayOptions, RequestOptions } from './options.ts';
export { List, type Page } from './pagination.ts';
export { pathOf } from './paths.ts';
export { PaymentLinksResource, type PaymentSessionsResource } from './paymentLinks.ts';
export type { PaymentsResource } from './payments.ts';
export type {
  AuditLogResource,
  BalancesResource,
  EventsResource,
  IssuesResource,
  RequestLogResource,
  StatisticsResource,
} from './reports.ts';
export { type Call, type QueryValue, RequestSender } from './request.ts';
export type { SandboxResource } from './sandbox.ts';
export type { StreamedEvent, StreamOptions } from './stream.ts';
export type { TransactionsResource } from './transactions.ts';
export type * from './types.generated.ts';
export type { AppInfo } from './userAgent.ts';
export type { WalletResource } from './wallet.ts';
export type { WebhookEndpointsResource } from './webhookEndpoints.ts';
