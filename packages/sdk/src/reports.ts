import type { RequestOptions } from './options.ts';
import type { List } from './pagination.ts';
import { pathOf } from './paths.ts';
import { Resource } from './resource.ts';
import type {
  AuditLogEntry,
  Event,
  EventOfLink,
  GetBalanceStatementQuery,
  GetStatisticsQuery,
  Issue,
  ListAuditLogQuery,
  ListEventsQuery,
  ListRequestsQuery,
  LoggedRequest,
  MerchantBalance,
  MerchantEntry,
  MerchantStatement,
  MutedIssue,
  MuteIssueBody,
  Statistics,
} from './types.generated.ts';

/** What webhooks and the stream are made of, with a merchant's key. */
export class EventsResource extends Resource {
  /** Newest first. All filters that are given must hold. */
  list(
    query?: Omit<ListEventsQuery, 'paymentLinks' | 'event'> & {
      readonly event?: Exclude<ListEventsQuery['event'], EventOfLink['name']>;
      readonly paymentLinks?: 'false';
    },
    options?: RequestOptions,
  ): List<Event>;
  list(query: ListEventsQuery, options?: RequestOptions): List<Event | EventOfLink>;
  list(query: ListEventsQuery = {}, options?: RequestOptions): List<Event | EventOfLink> {
    return this.listOf('/v1/events', { ...query }, options);
  }
}

/** What a merchant has, and every move of it, with a merchant's key. */
export class BalancesResource extends Resource {
  /** One row for each currency in which the merchant has ever been paid. */
  list(options?: RequestOptions): List<MerchantBalance> {
    return this.listOf('/v1/balances', {}, options);
  }

  /** What moved in one currency, newest first, each with the balance after it; a page has the period's balances as well. */
  statement(
    currency: string,
    query: GetBalanceStatementQuery = {},
    options?: RequestOptions,
  ): List<MerchantEntry, MerchantStatement> {
    return this.listOf(pathOf`/v1/balances/${currency}/statement`, { ...query }, options);
  }
}

/** Counts and sums of payments over time, with a merchant's key. */
export class StatisticsResource extends Resource {
  get(query: GetStatisticsQuery = {}, options?: RequestOptions): Promise<Statistics> {
    return this.getFrom('Statistics', '/v1/statistics', options, { ...query });
  }
}

/** What needs attention, with a merchant's key. */
export class IssuesResource extends Resource {
  /** The critical ones first. */
  list(options?: RequestOptions): List<Issue> {
    return this.listOf('/v1/issues', {}, options);
  }

  mute(id: string, body: MuteIssueBody, options?: RequestOptions): Promise<MutedIssue> {
    return this.postTo('MutedIssue', pathOf`/v1/issues/${id}/mute`, body, options);
  }
}

/** Who did what, with a merchant's key. */
export class AuditLogResource extends Resource {
  /** Newest first. All filters that are given must hold. */
  list(query: ListAuditLogQuery = {}, options?: RequestOptions): List<AuditLogEntry> {
    return this.listOf('/v1/audit-log', { ...query }, options);
  }
}

/** What the merchant's keys asked the API for, with a merchant's key. */
export class RequestLogResource extends Resource {
  /** Newest first. All filters that are given must hold. */
  list(query: ListRequestsQuery = {}, options?: RequestOptions): List<LoggedRequest> {
    return this.listOf('/v1/request-log', { ...query }, options);
  }
}
