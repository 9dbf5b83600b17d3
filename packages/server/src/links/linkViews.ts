/** Links and sessions as merchants see them. */
import type { Outcome } from '../core/command.ts';
import { LINK_STATUSES, type LinkEvent, type PaymentLink, type RecurringTerms } from '../core/link.ts';
import { publicLinkIdOf } from '../core/values/ids.ts';
import { iso } from '../core/values/time.ts';
import type { Answer } from '../engine/idempotency.ts';
import { exactJson } from '../http/exactJson.ts';
import type { LinkSum } from './linksSql.ts';

const USER = /^user:/;

/** For `exactJson`. */
export function linkView(link: PaymentLink): Record<string, unknown> {
  return {
    id: publicLinkIdOf(link),
    amount: link.amount,
    currency: link.currency,
    description: link.description,
    orderReference: link.orderReference,
    status: link.status,
    url: link.url,
    expiresAt: iso(link.expiresAt),
    createdAt: iso(link.createdAt),
    updatedAt: iso(link.updatedAt),
    metadata: JSON.parse(link.metadata),
    customerId: link.customerId,
    autoClearing: link.autoClearing,
    validation: link.validation,
    createdBy: actorOf(link.createdBy),
    reusable: link.reusable,
    paymentMethods: link.paymentMethods,
    locale: link.locale,
    transactionId: link.transactionId,
    recurring: link.recurring === null ? null : recurringView(link.recurring),
  };
}

function recurringView({ frequencyDays, until }: RecurringTerms): Record<string, unknown> {
  return { type: 'cof_initial', frequency: frequencyDays, expiry: iso(until) };
}

/** One entry of a link's history. For `exactJson`. */
export function linkEventView({
  seq,
  name,
  status,
  actor,
  expiresAt,
  at,
}: LinkEvent): Record<string, unknown> {
  return { seq, name, status, expiresAt: iso(expiresAt), actor: actorOf(actor), at: iso(at) };
}

/** Which of the merchant's people it was is in the audit log. */
function actorOf(actor: string): string {
  return USER.test(actor) ? 'user' : actor;
}

/** By currency: how many links have each status, and what they are for. For `exactJson`. */
export function sumsView(sums: readonly LinkSum[]): Record<string, unknown>[] {
  return [...Map.groupBy(sums, ({ currency }) => currency)].map(([currency, ofCurrency]) => ({
    currency,
    ...Object.fromEntries(
      LINK_STATUSES.map((status) => {
        const { count = 0, amount = 0n } = ofCurrency.find((sum) => sum.status === status) ?? {};
        return [status, { count, amount }];
      }),
    ),
  }));
}

/** The answer to a command on a link. @throws Error for any other outcome: a bug */
export function linkAnswer(statusCode: number, outcome: Outcome): Answer {
  if (outcome.kind !== 'link') throw new Error(`a command on a link ended as ${outcome.kind}`);
  return { statusCode, body: exactJson(linkView(outcome.link)) };
}
