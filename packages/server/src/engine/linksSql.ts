/**
 * The statements about payment links of one engine batch. Links are locked after idempotency keys and before payments,
 * sorted by id; where payments have been locked already, those alone that nobody else has.
 *
 * A link is read as one JSON value, wherever it is read: beside an event it would be 20 columns more for each
 * transaction's event.
 */
import { type Attempt, attemptOf, type LinkEvent, type PaymentLink } from '../core/link.ts';
import type { TransactionId } from '../core/values/ids.ts';
import { plainArray, uuidArray } from '../postgres/arrays.ts';
import { type Column, namesOf, statementOf, updateOf } from '../postgres/columns.ts';
import type { StatementRunner } from '../postgres/pool.ts';
import { EVENT_ROUND } from './batchSql.ts';

type LinkColumn = Column<PaymentLink>;

const ID: LinkColumn = { name: 'id', type: 'uuid', value: (l) => l.id };

/** What a link may change. */
const STATE_COLUMNS: readonly LinkColumn[] = [
  { name: 'status', type: 'word', value: (l) => l.status },
  { name: 'updated_at', type: 'time', value: (l) => l.updatedAt },
  { name: 'expires_at', type: 'time', value: (l) => l.expiresAt },
  { name: 'due_at', type: 'time', value: (l) => l.dueAt },
  { name: 'attempt_id', type: 'uuid', value: (l) => l.attemptId },
  { name: 'transaction_id', type: 'uuid', value: (l) => l.transactionId },
  { name: 'event_count', type: 'int', value: (l) => l.eventCount },
];

/** What a link has from its beginning. */
const FIXED_COLUMNS: readonly LinkColumn[] = [
  { name: 'kind', type: 'word', value: (l) => l.kind },
  { name: 'merchant_id', type: 'uuid', value: (l) => l.merchantId },
  { name: 'amount', type: 'bigint', value: (l) => l.amount },
  { name: 'currency', type: 'word', value: (l) => l.currency },
  { name: 'order_reference', type: 'text', value: (l) => l.orderReference },
  { name: 'description', type: 'text', value: (l) => l.description },
  { name: 'metadata', type: 'text', value: (l) => l.metadata },
  { name: 'customer_id', type: 'text', value: (l) => l.customerId },
  { name: 'auto_clearing', type: 'boolean', value: (l) => l.autoClearing },
  { name: 'validation', type: 'boolean', value: (l) => l.validation },
  { name: 'reusable', type: 'boolean', value: (l) => l.reusable },
  { name: 'locale', type: 'word', value: (l) => l.locale },
  { name: 'url', type: 'text', value: (l) => l.url },
  { name: 'callback_id', type: 'uuid', value: (l) => l.callback?.endpointId ?? null },
  { name: 'callback_url', type: 'text', value: (l) => l.callback?.url ?? null },
  {
    name: 'recurring',
    type: 'text',
    value: (l) => (l.recurring === null ? null : JSON.stringify(l.recurring)),
  },
  { name: 'created_by', type: 'word', value: (l) => l.createdBy },
  { name: 'created_at', type: 'time', value: (l) => l.createdAt },
];

/** An array of arrays is none of `unnest`'s: it travels as text. */
const METHODS: LinkColumn = {
  name: 'payment_methods',
  type: 'text',
  value: (l) => plainArray(l.paymentMethods),
};

const INSERT = [ID, ...FIXED_COLUMNS, ...STATE_COLUMNS, METHODS];
const INSERT_LINKS = statementOf(
  'insert_links',
  INSERT,
  ({ select, from }) => `INSERT INTO payment_link (${namesOf(INSERT)})
    SELECT ${select}::text[] FROM ${from}`,
);
const UPDATE_LINKS = updateOf('update_links', 'payment_link', [ID, ...STATE_COLUMNS]);

const milliseconds = (column: string): string => `floor(extract(epoch FROM ${column}) * 1000)::bigint`;
const LINK_FIELDS = Object.entries({
  ...{ id: 'id', kind: 'kind', merchantId: 'merchant_id', status: 'status', amount: 'amount' },
  ...{ currency: 'currency', orderReference: 'order_reference', description: 'description' },
  ...{ metadata: 'metadata', customerId: 'customer_id', autoClearing: 'auto_clearing' },
  ...{ validation: 'validation', reusable: 'reusable', paymentMethods: 'payment_methods' },
  ...{ locale: 'locale', url: 'url', createdBy: 'created_by', createdAt: milliseconds('created_at') },
  ...{ updatedAt: milliseconds('updated_at'), expiresAt: milliseconds('expires_at') },
  ...{ dueAt: milliseconds('due_at'), attemptId: 'attempt_id', transactionId: 'transaction_id' },
  callback: `CASE WHEN callback_id IS NOT NULL THEN json_build_object('endpointId', callback_id, 'url', callback_url) END`,
  ...{ eventCount: 'event_count', recurring: 'recurring::json' },
} satisfies Record<keyof PaymentLink, string>)
  .map(([name, column]) => `${column} AS "${name}"`)
  .join(', ');

/** A link as JSON, of the rows that `from` names. */
export function linkJson(from: string): string {
  return `SELECT to_json(found) AS link FROM (SELECT ${LINK_FIELDS} FROM payment_link ${from}) found`;
}

/** What `linkJson` gives: the amount is an integer that a number holds. */
export interface LinkJson extends Omit<PaymentLink, 'amount'> {
  readonly amount: number;
}

export function linkOf(json: LinkJson): PaymentLink {
  return { ...json, amount: BigInt(json.amount) };
}

interface LinkRow {
  readonly link: LinkJson;
}

/** What a transaction says of its link, as the link's id. */
const LINK_OF_PAYMENT = `coalesce(payment_session_id,
  CASE WHEN payment_link_id ~ '^pl_[0-9a-f]{32}$' THEN substr(payment_link_id, 4)::uuid END)`;

/** Locks links by their ids, and those of payments that may succeed. */
export async function lockLinks(
  db: StatementRunner,
  linkIds: readonly string[],
  paymentIds: readonly string[],
): Promise<PaymentLink[]> {
  const { rows } = await db.query({
    name: 'lock_links',
    text: `SELECT l.link FROM (SELECT DISTINCT id FROM (
          SELECT unnest($1::uuid[]) AS id
          UNION ALL SELECT t.link_id FROM unnest($2::uuid[]) u(id)
            CROSS JOIN LATERAL (SELECT ${LINK_OF_PAYMENT} AS link_id FROM transaction WHERE id = u.id LIMIT 1) t) named
        WHERE id IS NOT NULL ORDER BY id) u
      CROSS JOIN LATERAL (${linkJson('WHERE id = u.id LIMIT 1 FOR UPDATE')}) l`,
    values: [uuidArray(linkIds), uuidArray(paymentIds)],
  });
  return rows.map(({ link }: LinkRow) => linkOf(link));
}

/** The same where payments have been locked before: nobody is waited for. */
export async function lockFreeLinks(db: StatementRunner, linkIds: readonly string[]): Promise<PaymentLink[]> {
  const { rows } = await db.query({
    name: 'lock_free_links',
    text: `SELECT l.link FROM (SELECT unnest($1::uuid[]) AS id) u
      CROSS JOIN LATERAL (${linkJson('WHERE id = u.id LIMIT 1 FOR UPDATE SKIP LOCKED')}) l`,
    values: [uuidArray(linkIds)],
  });
  return rows.map(({ link }: LinkRow) => linkOf(link));
}

/** Locks links that have fallen due, passing over those that another node is working on. */
export async function lockDueLinks(db: StatementRunner, limit: number): Promise<PaymentLink[]> {
  const { rows } = await db.query({
    name: 'lock_due_links',
    text: linkJson(`WHERE due_at <= (SELECT clock_timestamp() + clock_offset_ms * interval '1 millisecond' FROM installation)
      ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED`),
    values: [String(limit)],
  });
  return rows.map(({ link }: LinkRow) => linkOf(link));
}

/**
 * What became of the last payments that were begun by these links, which the statement before has locked: a payment that
 * ended without success has ended for good, and one that succeeds needs the link's lock.
 */
export async function readAttempts(
  db: StatementRunner,
  linkIds: readonly string[],
): Promise<ReadonlyMap<TransactionId, Attempt>> {
  const { rows } = await db.query({
    name: 'attempts_of_links',
    text: `SELECT t.id, t.status, t.authed_at AS "authedAt" FROM unnest($1::uuid[]) u(id)
      CROSS JOIN LATERAL (SELECT attempt_id FROM payment_link WHERE id = u.id LIMIT 1) l
      CROSS JOIN LATERAL (SELECT id, status, authed_at FROM transaction WHERE id = l.attempt_id LIMIT 1) t`,
    values: [uuidArray(linkIds)],
  });
  return new Map(rows.map((row) => [row.id, attemptOf(row)]));
}

export async function insertLinks(db: StatementRunner, links: readonly PaymentLink[]): Promise<void> {
  await db.query(INSERT_LINKS(links));
}

export async function updateLinks(db: StatementRunner, links: readonly PaymentLink[]): Promise<void> {
  await db.query(UPDATE_LINKS(links));
}

/** A transaction's events have these amounts; a link moves nothing. */
const NONE = { type: 'bigint', value: () => 0n } as const;
const EVENT_COLUMNS: readonly Column<LinkEvent>[] = [
  { name: 'transaction_id', type: 'uuid', value: (e) => e.linkId },
  { name: 'seq', type: 'int', value: (e) => e.seq },
  { name: 'merchant_id', type: 'uuid', value: (e) => e.merchantId },
  { name: 'name', type: 'word', value: (e) => e.name },
  { name: 'status', type: 'word', value: (e) => e.status },
  { name: 'amount', type: 'bigint', value: (e) => e.amount },
  { name: 'captured', ...NONE },
  { name: 'released', ...NONE },
  { name: 'refunded', ...NONE },
  { name: 'reserved', ...NONE },
  { name: 'actor', type: 'word', value: (e) => e.actor },
  { name: 'at', type: 'time', value: (e) => e.at },
  { name: 'link_expires_at', type: 'time', value: (e) => e.expiresAt },
];
const INSERT_EVENTS = statementOf(
  'insert_link_events',
  EVENT_COLUMNS,
  ({ select, from }) =>
    `INSERT INTO event (${namesOf(EVENT_COLUMNS)}, round) SELECT ${select}, ${EVENT_ROUND} FROM ${from}`,
);

/** After every lock, as the events of transactions: they are read in one order. */
export async function insertLinkEvents(db: StatementRunner, events: readonly LinkEvent[]): Promise<void> {
  await db.query(INSERT_EVENTS(events));
}
