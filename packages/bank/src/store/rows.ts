import type { Authorization, OperationDeclineCode } from '../domain/authorization.ts';
import type { CardBehaviour } from '../domain/cards.ts';
import type { FaultSwitch } from '../domain/faults.ts';
import type { Transaction } from './database.ts';
import * as sql from './sql.ts';

export interface StoredAuthorization extends Authorization {
  readonly id: string;
  readonly merchantId: string;
  readonly merchantName: string;
  readonly currency: string;
  readonly requestFingerprint: Buffer;
  /** Keyed hash of number and expiry; null when it was declined at once. */
  readonly cardFingerprint: Buffer | null;
  readonly cardBrand: string;
  readonly cardLast4: string;
  readonly rrn: string;
  /** Set when the first answer was a challenge, and kept, so that a repeat gets the same answer. */
  readonly acsTokenHash: Buffer | null;
  readonly returnUrl: string | null;
  readonly orderReference: string | null;
  readonly description: string | null;
  /** Where the acquirer's client wants to be told that there is news; null: it does not. */
  readonly notificationUrl: string | null;
  /** What its card was kept for, or who charged it; null: it was for once. */
  readonly onFile: 'first' | 'payer' | 'merchant' | null;
  /** What the card's network knows it by. */
  readonly networkReference: string;
}

export type OperationKind = 'capture' | 'reversal' | 'refund';

export interface StoredOperation {
  readonly operationId: string;
  readonly authorizationId: string;
  readonly kind: OperationKind;
  /** Null asked for all of it. */
  readonly requestedAmount: bigint | null;
  readonly final: boolean;
  readonly status: 'done' | 'declined';
  readonly declineCode: OperationDeclineCode | null;
  readonly amount: bigint;
  readonly released: bigint;
  readonly rrn: string;
}

export interface CurrencyTotals {
  readonly currency: string;
  readonly authorizations: bigint;
  readonly held: bigint;
  readonly captured: bigint;
  readonly released: bigint;
  readonly refunded: bigint;
}

/** The driver gives 64-bit integers as text. */
interface AuthorizationRow {
  id: string;
  merchant_id: string;
  merchant_name: string;
  amount: string;
  currency: string;
  request_fingerprint: Buffer;
  card_fingerprint: Buffer | null;
  card_brand: string;
  card_last4: string;
  rrn: string;
  status: StoredAuthorization['status'];
  decline_code: StoredAuthorization['declineCode'];
  decline_after_challenge: StoredAuthorization['declineAfterChallenge'];
  challenge_expires_at: Date | null;
  acs_token_hash: Buffer | null;
  return_url: string | null;
  order_reference: string | null;
  description: string | null;
  notification_url: string | null;
  on_file: StoredAuthorization['onFile'];
  network_reference: string;
  held: string;
  captured: string;
  released: string;
  refunded: string;
}

function toAuthorization(row: AuthorizationRow): StoredAuthorization {
  return {
    id: row.id,
    merchantId: row.merchant_id,
    merchantName: row.merchant_name,
    amount: BigInt(row.amount),
    currency: row.currency,
    requestFingerprint: row.request_fingerprint,
    cardFingerprint: row.card_fingerprint,
    cardBrand: row.card_brand,
    cardLast4: row.card_last4,
    rrn: row.rrn,
    status: row.status,
    declineCode: row.decline_code,
    declineAfterChallenge: row.decline_after_challenge,
    challengeExpiresAt: row.challenge_expires_at,
    acsTokenHash: row.acs_token_hash,
    returnUrl: row.return_url,
    orderReference: row.order_reference,
    description: row.description,
    notificationUrl: row.notification_url,
    onFile: row.on_file,
    networkReference: row.network_reference,
    held: BigInt(row.held),
    captured: BigInt(row.captured),
    released: BigInt(row.released),
    refunded: BigInt(row.refunded),
  };
}

export async function findAuthorization(
  db: Transaction,
  id: string,
): Promise<StoredAuthorization | undefined> {
  const { rows } = await db.query<AuthorizationRow>(sql.selectAuthorization, [id]);
  return rows[0] && toAuthorization(rows[0]);
}

export async function findAuthorizationByToken(
  db: Transaction,
  tokenHash: Buffer,
): Promise<StoredAuthorization | undefined> {
  const { rows } = await db.query<AuthorizationRow>(sql.selectAuthorizationByToken, [tokenHash]);
  return rows[0] && toAuthorization(rows[0]);
}

/** Whether this payer has agreed, by a payment that was approved, that their merchant charges this card. */
export async function hasAgreed(
  db: Transaction,
  merchantId: string,
  cardFingerprint: Buffer,
  networkReference: string,
): Promise<boolean> {
  const { rows } = await db.query(sql.selectFirst, [networkReference, merchantId, cardFingerprint]);
  return rows.length > 0;
}

export async function findNotificationUrl(db: Transaction, id: string): Promise<string | null> {
  const { rows } = await db.query<{ notification_url: string | null }>(sql.selectNotificationUrl, [id]);
  return rows[0]?.notification_url ?? null;
}

export async function addAuthorization(
  db: Transaction,
  added: Omit<StoredAuthorization, 'rrn' | 'networkReference'>,
): Promise<StoredAuthorization> {
  const { rows } = await db.query<AuthorizationRow>(sql.insertAuthorization, [
    added.id,
    added.merchantId,
    added.merchantName,
    added.amount,
    added.currency,
    added.requestFingerprint,
    added.cardFingerprint,
    added.cardBrand,
    added.cardLast4,
    added.status,
    added.declineCode,
    added.declineAfterChallenge,
    added.challengeExpiresAt,
    added.acsTokenHash,
    added.returnUrl,
    added.held,
    added.captured,
    added.released,
    added.refunded,
    added.orderReference,
    added.description,
    added.notificationUrl,
    added.onFile,
  ]);
  return toAuthorization(theRow(rows));
}

export async function saveAuthorization(db: Transaction, changed: StoredAuthorization): Promise<void> {
  const { id, status, declineCode, held, captured, released, refunded } = changed;
  await db.query(sql.updateAuthorization, [id, status, declineCode, held, captured, released, refunded]);
}

/** A card that the bank has seen: what it does, and never its number. */
export interface KnownCard {
  readonly fingerprint: Buffer;
  readonly brand: string;
  readonly last4: string;
  readonly expiryMonth: number;
  readonly expiryYear: number;
  readonly behaviour: CardBehaviour;
}

export async function addCard(
  db: Transaction,
  merchantId: string,
  tokenHash: Buffer,
  card: KnownCard,
): Promise<void> {
  const { fingerprint, brand, last4, expiryMonth, expiryYear, behaviour } = card;
  const values = [tokenHash, merchantId, fingerprint, brand, last4, expiryMonth, expiryYear, behaviour];
  await db.query(sql.insertCard, values);
}

/** A token is the merchant's who was given it; for any other there is no such card. */
export async function findCard(
  db: Transaction,
  merchantId: string,
  tokenHash: Buffer,
): Promise<KnownCard | undefined> {
  const { rows } = await db.query<KnownCard>(sql.selectCard, [tokenHash, merchantId]);
  return rows[0];
}

export async function addTombstone(db: Transaction, authorizationId: string): Promise<void> {
  await db.query(sql.insertTombstone, [authorizationId]);
}

/** The reference number of the reversal that came before its authorization, if one did. */
export async function findTombstone(db: Transaction, authorizationId: string): Promise<string | undefined> {
  const { rows } = await db.query<{ rrn: string }>(sql.selectTombstone, [authorizationId]);
  return rows[0]?.rrn;
}

interface OperationRow {
  operation_id: string;
  authorization_id: string;
  kind: OperationKind;
  requested_amount: string | null;
  final: boolean;
  status: StoredOperation['status'];
  decline_code: StoredOperation['declineCode'];
  amount: string;
  released: string;
  rrn: string;
}

function toOperation(row: OperationRow): StoredOperation {
  return {
    operationId: row.operation_id,
    authorizationId: row.authorization_id,
    kind: row.kind,
    requestedAmount: row.requested_amount === null ? null : BigInt(row.requested_amount),
    final: row.final,
    status: row.status,
    declineCode: row.decline_code,
    amount: BigInt(row.amount),
    released: BigInt(row.released),
    rrn: row.rrn,
  };
}

export async function findOperation(
  db: Transaction,
  operationId: string,
): Promise<StoredOperation | undefined> {
  const { rows } = await db.query<OperationRow>(sql.selectOperation, [operationId]);
  return rows[0] && toOperation(rows[0]);
}

export async function addOperation(
  db: Transaction,
  added: Omit<StoredOperation, 'rrn'>,
): Promise<StoredOperation> {
  const { rows } = await db.query<OperationRow>(sql.insertOperation, [
    added.operationId,
    added.authorizationId,
    added.kind,
    added.requestedAmount,
    added.final,
    added.status,
    added.declineCode,
    added.amount,
    added.released,
  ]);
  return toOperation(theRow(rows));
}

/** The merchant that an authorization, or an operation on one, belongs to. */
export async function findMerchant(
  db: Transaction,
  id: string,
  of: 'authorization' | 'operation',
): Promise<string | undefined> {
  const statement = of === 'authorization' ? sql.selectMerchant : sql.selectMerchantOfOperation;
  const { rows } = await db.query<{ merchant_id: string }>(statement, [id]);
  return rows[0]?.merchant_id;
}

export async function readBooksPage(
  db: Transaction,
  merchantId: string | undefined,
  after: string | undefined,
  limit: number,
): Promise<StoredAuthorization[]> {
  const { rows } = await db.query<AuthorizationRow>(sql.selectBooksPage, [
    merchantId ?? null,
    after ?? null,
    limit,
  ]);
  return rows.map(toAuthorization);
}

type TotalsRow = { [Field in keyof CurrencyTotals]: string };

export async function readBooksTotals(
  db: Transaction,
  merchantId: string | undefined,
): Promise<CurrencyTotals[]> {
  const { rows } = await db.query<TotalsRow>(sql.selectBooksTotals, [merchantId ?? null]);
  return rows.map((row) => ({
    currency: row.currency,
    authorizations: BigInt(row.authorizations),
    held: BigInt(row.held),
    captured: BigInt(row.captured),
    released: BigInt(row.released),
    refunded: BigInt(row.refunded),
  }));
}

interface FaultRow {
  merchant_id: string | null;
  mode: FaultSwitch['mode'];
  delay_ms: number;
  probability: number;
  seed: number;
  operations: FaultSwitch['operations'];
}

export async function readFaults(db: Transaction): Promise<FaultSwitch[]> {
  const { rows } = await db.query<FaultRow>(sql.selectFaults);
  return rows.map((row) => ({
    merchantId: row.merchant_id,
    mode: row.mode,
    delayMs: row.delay_ms,
    probability: row.probability,
    seed: row.seed,
    operations: row.operations,
  }));
}

/** Mode `none` is the absence of a switch. */
export async function saveFault(db: Transaction, fault: FaultSwitch): Promise<void> {
  const { merchantId, mode, delayMs, probability, seed, operations } = fault;
  if (mode === 'none') await db.query(sql.deleteFault, [merchantId]);
  else await db.query(sql.upsertFault, [merchantId, mode, delayMs, probability, seed, operations]);
}

function theRow<Row>(rows: readonly Row[]): Row {
  const [row] = rows;
  if (row === undefined) throw new Error('an insert returned no row');
  return row;
}
