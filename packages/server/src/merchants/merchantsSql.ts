import type { CaptureMode } from '../core/transaction.ts';
import type { TimeZone } from '../core/values/timeZone.ts';
import type { Queryable } from '../postgres/pool.ts';

export interface Merchant {
  readonly id: string;
  readonly name: string;
  readonly captureMode: CaptureMode;
  /** Seconds from the authorization to its automatic capture. */
  readonly captureDelay: number;
  /** Seconds that an authorization holds. */
  readonly authorizationTtl: number;
  /** Seconds after which payments by links are captured: of links that clear by themselves, and of the others. */
  readonly linkCaptureDelay: number;
  readonly linkHold: number;
  /** Where payers may be sent back to after 3-D Secure, as URL origins. */
  readonly returnOrigins: readonly string[];
  /** In which the merchant's days begin and end; null: it has not said. */
  readonly timeZone: TimeZone | null;
  /** Whether captures, cancels and refunds need an Idempotency-Key. */
  readonly requireIdempotencyKey: boolean;
  /** Of the checkout: `#rrggbb`; null: ours. */
  readonly checkoutColor: string | null;
  /** Whose pages may show the checkout in a frame or a popup. */
  readonly checkoutOrigins: readonly string[];
  /** Hash of the logo that payers see; null: it has none. */
  readonly logo: string | null;
  readonly createdAt: number;
}

export type MerchantSettings = Omit<Merchant, 'id' | 'logo' | 'createdAt'>;

const COLUMNS = `id, name, capture_mode AS "captureMode", capture_delay_s AS "captureDelay",
  authorization_ttl_s AS "authorizationTtl", return_origins AS "returnOrigins",
  link_capture_delay_s AS "linkCaptureDelay", link_hold_s AS "linkHold", time_zone AS "timeZone", require_idempotency_key AS "requireIdempotencyKey", checkout_color AS "checkoutColor", checkout_origins AS "checkoutOrigins",
  (SELECT hash FROM merchant_logo l WHERE l.merchant_id = merchant.id) AS logo, created_at AS "createdAt"`;

export async function insertMerchant(
  db: Queryable,
  id: string,
  settings: MerchantSettings,
): Promise<Merchant> {
  const { rows } = await db.query<Merchant>(
    `INSERT INTO merchant (id, name, capture_mode, capture_delay_s, authorization_ttl_s, return_origins, time_zone,
       require_idempotency_key, link_capture_delay_s, link_hold_s, checkout_color, checkout_origins, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, clock_timestamp()) RETURNING ${COLUMNS}`,
    valuesOf(id, settings),
  );
  const [row] = rows;
  if (row === undefined) throw new Error('the merchant was not inserted');
  return row;
}

/** Changes the settings; they hold for authorizations from now on. */
export async function updateMerchant(
  db: Queryable,
  id: string,
  settings: MerchantSettings,
): Promise<Merchant | null> {
  const { rows } = await db.query<Merchant>(
    `UPDATE merchant SET name = $2, capture_mode = $3, capture_delay_s = $4, authorization_ttl_s = $5,
       return_origins = $6, time_zone = $7, require_idempotency_key = $8, link_capture_delay_s = $9,
       link_hold_s = $10, checkout_color = $11, checkout_origins = $12
     WHERE id = $1 RETURNING ${COLUMNS}`,
    valuesOf(id, settings),
  );
  return rows[0] ?? null;
}

function valuesOf(id: string, settings: MerchantSettings): unknown[] {
  const { name, captureMode, captureDelay, authorizationTtl, returnOrigins, timeZone } = settings;
  const { requireIdempotencyKey: keyed, linkCaptureDelay, linkHold } = settings;
  const common = [id, name, captureMode, captureDelay, authorizationTtl, returnOrigins, timeZone, keyed];
  return [...common, linkCaptureDelay, linkHold, settings.checkoutColor, settings.checkoutOrigins];
}

export async function findMerchant(db: Queryable, id: string): Promise<Merchant | null> {
  const { rows } = await db.query<Merchant>(`SELECT ${COLUMNS} FROM merchant WHERE id = $1`, [id]);
  return rows[0] ?? null;
}

/** A merchant as it is until the end of the transaction. */
export async function lockMerchant(db: Queryable, id: string): Promise<Merchant | null> {
  const { rows } = await db.query<Merchant>(`SELECT ${COLUMNS} FROM merchant WHERE id = $1 FOR UPDATE`, [id]);
  return rows[0] ?? null;
}

/** Newest first. */
export async function listMerchants(
  db: Queryable,
  before: string | null,
  limit: number,
): Promise<Merchant[]> {
  const { rows } = await db.query<Merchant>(
    `SELECT ${COLUMNS} FROM merchant WHERE $1::uuid IS NULL OR id < $1 ORDER BY id DESC LIMIT $2`,
    [before, limit],
  );
  return rows;
}
