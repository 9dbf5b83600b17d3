/** What needs a merchant's attention: rules over a few numbers, each with thresholds of its own. */
import { ALARMING } from '../core/guesses.ts';
import { iso } from '../core/values/time.ts';
import type { Millis } from '../core/transaction.ts';

export type IssueKind =
  | 'success_rate_low'
  | 'decline_spike'
  | 'transactions_outstanding'
  | 'bank_operations_unknown'
  | 'holds_expiring'
  | 'card_testing'
  | 'webhook_endpoint_failing';

export interface Issue {
  /** The same as long as the issue lasts: its kind, and what it is about where there may be several. */
  readonly id: string;
  readonly kind: IssueKind;
  readonly severity: 'warning' | 'critical';
  /** What a title needs, for people of any language. */
  readonly data: Readonly<Record<string, string | number>>;
  /** How many transactions, or webhooks, it is about. */
  readonly count: number;
  /** When the first of what it is about happened, whenever it is asked for. */
  readonly since: Millis;
  /** A query of `GET /v1/transactions`: the transactions it is about. Of webhooks: the endpoint's id. */
  readonly evidence: string;
}

/** Whose pairs of a phone number and an IIN were wrong so often that somebody may be guessing. */
export interface GuessedSubject {
  readonly kind: 'phone' | 'merchant' | 'address';
  /** The phone number, the merchant's id, or the address. */
  readonly subject: string;
  readonly merchantName: string | null;
  readonly wrong: number;
  readonly since: Millis;
  readonly lastAt: Millis;
  readonly lockedUntil: Millis | null;
}

/** What needs an operator's attention. */
export interface OperatorIssue extends GuessedSubject {
  /** The same as long as the issue lasts. */
  readonly id: string;
  readonly severity: Issue['severity'];
}

/** Payments by how they were decided. */
export interface Decided {
  readonly succeeded: number;
  readonly declined: number;
  readonly failed: number;
}

export interface FailingEndpoint {
  readonly id: string;
  readonly url: string;
  /** The first failure since the last success. */
  readonly failingSince: Millis;
  /** Why it was disabled: it answered 410, or failed for days. */
  readonly disabledReason: 'gone' | 'failing' | null;
  /** Webhooks that wait for it. */
  readonly pending: number;
}

/** What payers have tried at the checkout by card within the last hour. */
export interface TriedCards {
  readonly attempts: number;
  readonly declined: number;
  /** Different ones among the declined. */
  readonly cards: number;
  /** When the first declined one began; null: there is none. */
  readonly since: Millis | null;
}

/** What there is to see of one merchant. */
export interface Observations {
  readonly now: Millis;
  /** Payments of the last hour, and of the `USUAL_HOURS` before. */
  readonly recent: Decided;
  readonly usual: Decided;
  readonly declines: readonly {
    readonly reason: string | null;
    readonly recent: number;
    readonly usual: number;
    /** When the first of the recent ones began. */
    readonly since: Millis;
  }[];
  /** Payments that were not decided within `OUTSTANDING_MS`. */
  readonly outstanding: { readonly count: number; readonly oldest: Millis | null };
  /** Operations whose outcome the bank has not told within `UNKNOWN_MS`, the oldest first. */
  readonly bankOperations: readonly { readonly transactionId: string; readonly requestedAt: Millis }[];
  /** Holds that nobody captures within `EXPIRING_MS`. */
  readonly expiring: {
    readonly count: number;
    readonly soonest: Millis | null;
    /** Since when there has been one. */
    readonly since: Millis | null;
  };
  readonly triedCards: TriedCards;
  /** Endpoints whose last attempts failed, unless their merchant has disabled them. */
  readonly failingEndpoints: readonly FailingEndpoint[];
}

const HOUR_MS = 3_600_000;
export const RECENT_MS = HOUR_MS;
export const USUAL_HOURS = 24;
export const OUTSTANDING_MS = 30 * 60_000;
export const UNKNOWN_MS = 5 * 60_000;
export const EXPIRING_MS = 24 * HOUR_MS;
/** By then a webhook has been attempted three times. */
const FAILING_MS = 15 * 60_000;

/** Fewer than these are chance. */
const LEAST_RECENT = 20;
const LEAST_USUAL = 100;
/** The rate fell by at least a tenth, and by more than three standard errors of so few payments. */
const LEAST_DROP = 0.1;
const CRITICAL_DROP = 0.3;
const ERRORS_OF_DROP = 3;
/** Three times as many as in a usual hour, ten at least, and more than five standard errors above it. */
const LEAST_SPIKE = 10;
const SPIKE_FACTOR = 3;
/** Payers who mistype do it with one card, and most of them pay after all. */
const LEAST_TRIED_CARDS = 15;
const LEAST_DECLINED_SHARE = 0.5;
const CRITICAL_TRIED_CARDS = 60;
const ERRORS_OF_SPIKE = 5;

type Rule = (seen: Observations) => readonly Issue[];

/** In the order in which they are shown. */
const RULES: readonly Rule[] = [
  bankOperationsUnknown,
  successRateLow,
  declineSpikes,
  transactionsOutstanding,
  cardTesting,
  holdsExpiring,
  webhookEndpointsFailing,
];

/** All issues of one merchant, the critical ones first. */
export function findIssues(seen: Observations): Issue[] {
  const found = RULES.flatMap((rule) => rule(seen));
  const of = (severity: Issue['severity']) => found.filter((issue) => issue.severity === severity);
  return [...of('critical'), ...of('warning')];
}

const DECLINED = 'type=payment&status=rejected,transaction.failed';

function successRateLow({ now, recent, usual, declines }: Observations): Issue[] {
  const [decided, usuallyDecided] = [decidedIn(recent), decidedIn(usual)];
  if (decided < LEAST_RECENT || usuallyDecided < LEAST_USUAL) return [];
  const rate = recent.succeeded / decided;
  const usualRate = usual.succeeded / usuallyDecided;
  const drop = usualRate - rate;
  if (drop < LEAST_DROP || drop <= ERRORS_OF_DROP * Math.sqrt((usualRate * (1 - usualRate)) / decided))
    return [];
  const since = Math.min(now, ...declines.flatMap((one) => (one.recent > 0 ? [one.since] : [])));
  const { succeeded } = recent;
  return [
    {
      ...{ id: 'success_rate_low', kind: 'success_rate_low', since },
      severity: drop >= CRITICAL_DROP ? 'critical' : 'warning',
      data: { succeeded, decided, usuallySucceeded: usual.succeeded, usuallyDecided },
      count: decided - succeeded,
      evidence: `${DECLINED}&createdFrom=${iso(now - RECENT_MS)}`,
    },
  ];
}

function declineSpikes({ now, recent, declines }: Observations): Issue[] {
  return declines.flatMap(({ reason, recent: count, usual, since }) => {
    const perHour = usual / USUAL_HOURS;
    const unusual = perHour + ERRORS_OF_SPIKE * Math.sqrt(perHour + 1);
    if (count < LEAST_SPIKE || count < SPIKE_FACTOR * perHour || count <= unusual) return [];
    const named = reason === null ? '' : `&failureCode=${encodeURIComponent(reason)}`;
    const issue: Issue = {
      id: `decline_spike.${reason ?? 'none'}`,
      kind: 'decline_spike',
      severity: 2 * count >= decidedIn(recent) ? 'critical' : 'warning',
      data: { reason: reason ?? '', usually: usual, usualHours: USUAL_HOURS },
      ...{ count, since },
      evidence: `${DECLINED}${named}&createdFrom=${iso(now - RECENT_MS)}`,
    };
    return [issue];
  });
}

function transactionsOutstanding({ now, outstanding: { count, oldest } }: Observations): Issue[] {
  if (count === 0 || oldest === null) return [];
  return [
    {
      ...{ id: 'transactions_outstanding', kind: 'transactions_outstanding', count, since: oldest },
      severity: now - oldest >= 2 * HOUR_MS ? 'critical' : 'warning',
      data: { oldestSeconds: secondsOf(now - oldest) },
      evidence: `status=created,3d&createdTo=${iso(now - OUTSTANDING_MS)}`,
    },
  ];
}

function bankOperationsUnknown({ now, bankOperations }: Observations): Issue[] {
  const [oldest] = bankOperations;
  if (oldest === undefined) return [];
  const { transactionId, requestedAt: since } = oldest;
  return [
    {
      ...{ id: 'bank_operations_unknown', kind: 'bank_operations_unknown', severity: 'critical', since },
      data: { oldestSeconds: secondsOf(now - since), transactionId },
      count: bankOperations.length,
      evidence: `query=${transactionId}`,
    },
  ];
}

/** Somebody may be trying stolen card numbers: many different ones, and few of them pay. */
function cardTesting({ triedCards: { attempts, declined, cards, since } }: Observations): Issue[] {
  if (since === null || cards < LEAST_TRIED_CARDS || declined < LEAST_DECLINED_SHARE * attempts) return [];
  return [
    {
      ...{ id: 'card_testing', kind: 'card_testing', count: declined, since },
      severity: cards >= CRITICAL_TRIED_CARDS ? 'critical' : 'warning',
      data: { attempts, cards },
      evidence: `type=payment&paymentMethod=card&status=rejected&createdFrom=${iso(since)}`,
    },
  ];
}

function holdsExpiring({ now, expiring: { count, soonest, since } }: Observations): Issue[] {
  if (count === 0 || soonest === null || since === null) return [];
  return [
    {
      ...{ id: 'holds_expiring', kind: 'holds_expiring', count, since },
      severity: soonest - now <= 2 * HOUR_MS ? 'critical' : 'warning',
      data: { soonestSeconds: secondsOf(soonest - now) },
      evidence: `type=payment&status=authorized&expiresTo=${iso(now + EXPIRING_MS)}`,
    },
  ];
}

function webhookEndpointsFailing({ now, failingEndpoints }: Observations): Issue[] {
  return failingEndpoints.flatMap(({ id, url, failingSince: since, disabledReason, pending: count }) => {
    const forMs = now - since;
    if (disabledReason === null && forMs < FAILING_MS) return [];
    const issue: Issue = {
      id: `webhook_endpoint_failing.${id}`,
      kind: 'webhook_endpoint_failing',
      severity: disabledReason !== null || forMs >= 2 * HOUR_MS ? 'critical' : 'warning',
      data: {
        ...{ url, oldestSeconds: secondsOf(forMs) },
        ...(disabledReason === null ? {} : { disabledReason }),
      },
      ...{ count, since, evidence: id },
    };
    return [issue];
  });
}

/** So many times as many as are alarming is no mistake any more. */
const CERTAIN = 3;

/** Who may be guessing, and whose IIN may be guessed; the critical ones first. */
export function findOperatorIssues(guessed: readonly GuessedSubject[]): OperatorIssue[] {
  const found = guessed.map((one): OperatorIssue => {
    const isCertain = one.wrong >= CERTAIN * ALARMING[one.kind];
    const id = `iin_guessing.${one.kind}.${one.subject}`;
    return { ...one, id, severity: isCertain ? 'critical' : 'warning' };
  });
  const of = (severity: Issue['severity']) => found.filter((issue) => issue.severity === severity);
  return [...of('critical'), ...of('warning')];
}

function decidedIn({ succeeded, declined, failed }: Decided): number {
  return succeeded + declined + failed;
}

function secondsOf(milliseconds: number): number {
  return (milliseconds - (milliseconds % 1_000)) / 1_000;
}

const ID =
  /^(success_rate_low|decline_spike\.\w{1,64}|transactions_outstanding|bank_operations_unknown|card_testing|holds_expiring|webhook_endpoint_failing\.[0-9a-f-]{36})$/;

/** Whether an issue could have this id. */
export function isIssueId(text: string): boolean {
  return ID.test(text);
}
