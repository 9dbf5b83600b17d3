/** Looking payment links up. What is written is written by the engine: `engine/linksSql.ts`. */
import {
  type Attempt,
  attemptOf,
  type LinkEvent,
  type LinkKind,
  type LinkStatus,
  type PaymentLink,
} from '../core/link.ts';
import type { Millis, Minor, Transaction } from '../core/transaction.ts';
import type { LinkId, TransactionId } from '../core/values/ids.ts';
import { type LinkJson, linkJson, linkOf } from '../engine/linksSql.ts';
import { clockOffset, idAt } from '../payments/lookupsSql.ts';
import { inTransaction, type Pool, type Queryable } from '../postgres/pool.ts';

/** What lists and sums of links are narrowed by; null: not by this. Both ends of a range belong to it. */
export interface LinkFilter {
  readonly merchantId: string;
  readonly kind: LinkKind;
  readonly status: LinkStatus | null;
  readonly orderReference: string | null;
  readonly createdFrom: Millis | null;
  readonly createdTo: Millis | null;
}

/** A batch reads the clock and makes rows whose ids were made up to this much before, and ends within 20 s. */
const CLOCK_SLACK_MS = 60_000;
/** Lists and sums end after this. */
const TIME_LIMIT_MS = 2_000;

/** A merchant's link, or session; null for any other id. */
export async function findLink(
  db: Queryable,
  merchantId: string,
  kind: LinkKind,
  id: LinkId,
): Promise<PaymentLink | null> {
  const { rows } = await db.query<{ link: LinkJson }>({
    name: 'link',
    text: linkJson('WHERE id = $1 AND merchant_id = $2 AND kind = $3'),
    values: [id, merchantId, kind],
  });
  return rows[0] === undefined ? null : linkOf(rows[0].link);
}

/** Newest first. @param before only those before this one */
export async function listLinks(
  pool: Pool,
  filter: LinkFilter,
  before: string | null,
  limit: number,
): Promise<PaymentLink[]> {
  return inTime(pool, async (db) => {
    const { where, values } = await conditionsOf(db, filter);
    if (before !== null) where.push(`id < $${values.push(before)}`);
    const { rows } = await db.query<{ link: LinkJson }>(
      linkJson(`WHERE ${where.join(' AND ')} ORDER BY id DESC LIMIT $${values.push(limit)}`),
      values,
    );
    return rows.map(({ link }) => linkOf(link));
  });
}

/** A page by its number: rows after the first `offset`, newest first, and how many there are, counted up to `countTo`. */
export async function pageOfLinks(
  pool: Pool,
  filter: LinkFilter,
  { limit, offset, countTo }: { readonly limit: number; readonly offset: number; readonly countTo: number },
): Promise<{ rows: PaymentLink[]; total: number }> {
  return inTime(pool, async (db) => {
    const { where, values } = await conditionsOf(db, filter);
    const wanted = `WHERE ${where.join(' AND ')}`;
    const counted = await db.query<{ total: number }>(
      `SELECT count(*)::int AS total FROM (SELECT 1 FROM payment_link ${wanted} LIMIT $${values.length + 1}) l`,
      [...values, countTo],
    );
    const { rows } = await db.query<{ link: LinkJson }>(
      linkJson(`${wanted} ORDER BY id DESC LIMIT $${values.push(limit)} OFFSET $${values.push(offset)}`),
      values,
    );
    return { rows: rows.map(({ link }) => linkOf(link)), total: counted.rows[0]?.total ?? 0 };
  });
}

/** A customer's links and sessions, newest first. @param before only those before this one */
export async function listLinksOfCustomer(
  db: Queryable,
  merchantId: string,
  customerId: string,
  before: string | null,
  limit: number,
): Promise<PaymentLink[]> {
  const { rows } = await db.query<{ link: LinkJson }>(
    linkJson(
      'WHERE merchant_id = $1 AND customer_id = $2 AND ($3::uuid IS NULL OR id < $3) ORDER BY id DESC LIMIT $4',
    ),
    [merchantId, customerId, before, limit],
  );
  return rows.map(({ link }) => linkOf(link));
}

/** How many links there are in a currency and a status, and what they are for. */
export interface LinkSum {
  readonly currency: string;
  readonly status: LinkStatus;
  readonly count: number;
  readonly amount: Minor;
}

export async function sumLinks(pool: Pool, filter: LinkFilter): Promise<LinkSum[]> {
  return inTime(pool, async (db) => {
    const { where, values } = await conditionsOf(db, filter);
    const { rows } = await db.query<LinkSum>(
      `SELECT currency, status, count(*)::int AS count, sum(amount) AS amount FROM payment_link
       WHERE ${where.join(' AND ')} GROUP BY 1, 2 ORDER BY 1, 2`,
      values,
    );
    return rows;
  });
}

/** @throws what the database reports, `QUERY_CANCELED` after the limit */
function inTime<T>(pool: Pool, read: (db: Queryable) => Promise<T>): Promise<T> {
  return inTransaction(pool, async (db) => {
    await db.query(`SET TRANSACTION READ ONLY; SET LOCAL statement_timeout = ${TIME_LIMIT_MS}`);
    return read(db);
  });
}

/** Ids begin with a time, so that a range of times is nearly one of ids: each index has them at its end. */
async function conditionsOf(
  db: Queryable,
  { merchantId, kind, status, orderReference, createdFrom, createdTo }: LinkFilter,
): Promise<{ where: string[]; values: unknown[] }> {
  const values: unknown[] = [merchantId, kind];
  const where = ['merchant_id = $1', 'kind = $2'];
  const add = (condition: string, value: unknown): void => {
    where.push(`${condition} $${values.push(value)}`);
  };
  if (status !== null) add('status =', status);
  if (orderReference !== null) add('order_reference =', orderReference);
  if (createdFrom !== null) {
    add('created_at >=', new Date(createdFrom));
    add('id >=', idAt(createdFrom - (await clockOffset(db)) - CLOCK_SLACK_MS, '0'));
  }
  if (createdTo !== null) {
    add('created_at <=', new Date(createdTo));
    add('id <=', idAt(createdTo + CLOCK_SLACK_MS, 'f'));
  }
  return { where, values };
}

/** The events of a link after number `after`, oldest first. */
export async function listLinkEvents(
  db: Queryable,
  linkId: LinkId,
  after: number,
  limit: number,
): Promise<LinkEvent[]> {
  const { rows } = await db.query<LinkEvent>({
    name: 'events_of_link',
    text: `SELECT transaction_id AS "linkId", seq, merchant_id AS "merchantId", name, status, amount, actor,
        link_expires_at AS "expiresAt", at
      FROM event WHERE transaction_id = $1 AND seq > $2 AND link_expires_at IS NOT NULL ORDER BY seq LIMIT $3`,
    values: [linkId, after, limit],
  });
  return rows;
}

/** A payment by a link, as far as its payer is to know. */
export interface LinkPayment
  extends Pick<
    Transaction,
    'status' | 'statusReason' | 'awaiting' | 'paymentMethod' | 'redirectUrl' | 'expiresAt' | 'createdAt'
  > {
  readonly id: TransactionId;
  readonly outcome: Attempt;
}

/** What a payer sees of a merchant, and where its checkout may be shown. */
export interface LinkMerchant {
  readonly name: string;
  readonly checkoutColor: string | null;
  readonly checkoutOrigins: readonly string[];
  readonly logo: { readonly hash: string; readonly width: number; readonly height: number } | null;
}

/** A link as whoever has it may see it. */
export interface OpenLink {
  readonly link: PaymentLink;
  readonly merchant: LinkMerchant;
  /** The last payment that was begun by it; null: none yet, or it is reusable. */
  readonly attempt: LinkPayment | null;
  /** The engine's clock, by which the link expires. */
  readonly now: Millis;
}

const PAYMENT = `SELECT id, status, status_reason AS "statusReason", awaiting, payment_method AS "paymentMethod",
    redirect_url AS "redirectUrl", floor(extract(epoch FROM expires_at) * 1000)::bigint AS "expiresAt",
    floor(extract(epoch FROM created_at) * 1000)::bigint AS "createdAt",
    floor(extract(epoch FROM authed_at) * 1000)::bigint AS "authedAt"
  FROM transaction`;

type PaymentJson = Omit<LinkPayment, 'outcome'> & { readonly authedAt: Millis | null };

function linkPaymentOf({ authedAt, ...payment }: PaymentJson): LinkPayment {
  return { ...payment, outcome: attemptOf({ status: payment.status, authedAt }) };
}

/** Anybody's link: whoever has the id may pay by it. */
export async function findOpenLink(db: Queryable, kind: LinkKind, id: LinkId): Promise<OpenLink | null> {
  const { rows } = await db.query<{
    link: LinkJson;
    merchant: LinkMerchant;
    attempt: PaymentJson | null;
    now: bigint;
  }>({
    name: 'open_link',
    text: `SELECT l.link, t.attempt, json_build_object('name', m.name, 'checkoutColor', m.checkout_color,
        'checkoutOrigins', m.checkout_origins, 'logo', (SELECT json_build_object('hash', hash, 'width', width, 'height', height)
          FROM merchant_logo WHERE merchant_id = m.id)) AS merchant, n.now FROM (${linkJson('WHERE id = $1 AND kind = $2')}) l
      JOIN merchant m ON m.id = (l.link ->> 'merchantId')::uuid
      CROSS JOIN (SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint + clock_offset_ms AS now FROM installation) n
      LEFT JOIN LATERAL (SELECT to_json(p) AS attempt FROM (${PAYMENT} WHERE id = (l.link ->> 'attemptId')::uuid) p) t ON true`,
    values: [id, kind],
  });
  const [row] = rows;
  if (row === undefined) return null;
  const { link, merchant, attempt, now } = row;
  return {
    link: linkOf(link),
    merchant,
    attempt: attempt === null ? null : linkPaymentOf(attempt),
    now: Number(now),
  };
}

/** A payment that was made by this link; null for any other. */
export async function findPaymentByLink(
  db: Queryable,
  publicLinkId: string,
  kind: LinkKind,
  id: TransactionId,
): Promise<LinkPayment | null> {
  const column = kind === 'link' ? 'payment_link_id' : 'payment_session_id';
  const { rows } = await db.query<{ payment: PaymentJson }>({
    name: `payment_by_${kind}`,
    text: `SELECT to_json(p) AS payment FROM (${PAYMENT} WHERE id = $1 AND ${column} = $2 AND type = 'payment') p`,
    values: [id, publicLinkId],
  });
  return rows[0] === undefined ? null : linkPaymentOf(rows[0].payment);
}
