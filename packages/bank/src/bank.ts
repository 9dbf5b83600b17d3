import { createHash, createHmac } from 'node:crypto';
import {
  challengeStanding,
  type Decision,
  type DeclineCode,
  decideAuthorization,
  decideCapture,
  decideCompletion,
  decideRefund,
  decideReversal,
  type OperationDeclineCode,
  refusal,
} from './domain/authorization.ts';
import type { Inability } from './domain/banks.ts';
import { behaviourOf, brandOf, type CardBehaviour, passesLuhn } from './domain/cards.ts';
import { inTransaction, type Pool, type Transaction } from './store/database.ts';
import * as rows from './store/rows.ts';
import * as sql from './store/sql.ts';

export interface AuthorizeCommand {
  readonly id: string;
  readonly merchantId: string;
  readonly merchantName: string;
  readonly amount: bigint;
  readonly currency: string;
  /** As the payer typed it, or the token that the bank gave this merchant for it. */
  readonly card: TypedCard | { readonly token: string };
  /** What the card is kept for, or who charges one that was kept. Null: it is used once. */
  readonly onFile:
    | { readonly use: 'first' | 'payer' }
    | { readonly use: 'merchant'; readonly networkReference: string | null }
    | null;
  readonly threeDS: boolean;
  readonly returnUrl: string | null;
  /** For the payer to know the payment by. */
  readonly orderReference: string | null;
  readonly description: string | null;
  readonly notificationUrl: string | null;
}

export interface TypedCard {
  readonly number: string;
  readonly expiryMonth: number;
  readonly expiryYear: number;
}

export interface AuthorizeAnswer {
  readonly status: 'approved' | 'declined' | 'challenge';
  readonly rrn: string;
  readonly declineCode: DeclineCode | null;
  /** The last part of the 3-D Secure page's address, for a challenge. */
  readonly acsToken: string | null;
  /** The bank's name for the card, good for this merchant only; null when it was declined at once. */
  readonly cardToken: string | null;
  /** What the card's network knows the payment by. */
  readonly networkReference: string | null;
}

export interface OperationCommand {
  readonly kind: rows.OperationKind;
  readonly authorizationId: string;
  readonly operationId: string;
  /** Undefined, for a reversal, is all that is held. */
  readonly amount: bigint | undefined;
  readonly final: boolean;
}

/** What the bank knows of an id: its books, a reversal that came first, or nothing. */
export type AuthorizationKnowledge =
  | {
      readonly known: 'authorization';
      readonly authorization: rows.StoredAuthorization;
      /** While the payer may answer. */
      readonly acsToken: string | null;
      readonly cardToken: string | null;
    }
  | { readonly known: 'tombstone'; readonly rrn: string }
  | { readonly known: 'nothing' };

export type Challenge =
  | { readonly standing: 'open' | 'used' | 'expired'; readonly authorization: rows.StoredAuthorization }
  | { readonly standing: 'unknown' };

export interface BooksPage {
  readonly items: readonly rows.StoredAuthorization[];
  readonly nextCursor: string | null;
  readonly totals: readonly rows.CurrencyTotals[];
}

/** An id came again with another request: nothing was done. */
export const conflict = Symbol('conflict');

/** The bank's counter: every method is one database transaction, durable when it resolves. */
export type Bank = ReturnType<typeof createBank>;

/** @param lacks what this bank cannot do */
export function createBank(pool: Pool, hashKey: Buffer, lacks: readonly Inability[] = []) {
  return {
    authorize: (command: AuthorizeCommand) => authorize(pool, hashKey, command),
    operate: (command: OperationCommand) => operate(pool, hashKey, lacks, command),
    behaviour: (command: AuthorizeCommand) => behaviourOfCard(pool, hashKey, command),
    complete: (id: string) => complete(pool, hashKey, id),
    know: (id: string) => know(pool, hashKey, id),
    operation: (operationId: string) => rows.findOperation(pool, operationId),
    merchantOf: (id: string, of: 'authorization' | 'operation') => rows.findMerchant(pool, id, of),
    notificationUrl: (id: string) => rows.findNotificationUrl(pool, id),
    books: (merchantId: string | undefined, after: string | undefined, limit: number) =>
      readBooks(pool, merchantId, after, limit),
    challenge: (token: string) => readChallenge(pool, token),
    answerChallenge: (token: string, approved: boolean) => answerChallenge(pool, token, approved),
    wipe: () => pool.query(sql.wipe),
  };
}

async function authorize(
  pool: Pool,
  hashKey: Buffer,
  command: AuthorizeCommand,
): Promise<AuthorizeAnswer | typeof conflict> {
  const token = acsTokenOf(hashKey, command.id);
  return inTransaction(pool, async (transaction) => {
    const knowledge = await lockAuthorization(transaction, hashKey, command.id);
    if (knowledge.known === 'tombstone') {
      const { rrn } = knowledge;
      const nothing = { acsToken: null, cardToken: null, networkReference: null };
      return { status: 'declined', rrn, declineCode: 'reversed', ...nothing };
    }
    const card = await resolveCard(transaction, hashKey, command);
    const fingerprint = fingerprintOf(hashKey, command, card);
    if (knowledge.known === 'authorization') {
      const { authorization } = knowledge;
      return fingerprint.equals(authorization.requestFingerprint)
        ? firstAnswer(hashKey, authorization, token)
        : conflict;
    }
    const { amount, threeDS } = command;
    const attended = await attendedBy(transaction, command, card);
    const decided = decideAuthorization({ amount, threeDS, attended, card }, new Date());
    const challenged = decided.status === 'challenge';
    if (card !== null && decided.status !== 'declined') await keepCard(transaction, hashKey, command, card);
    const added = await rows.addAuthorization(transaction, {
      ...decided,
      id: command.id,
      merchantId: command.merchantId,
      merchantName: command.merchantName,
      currency: command.currency,
      requestFingerprint: fingerprint,
      cardFingerprint: decided.status === 'declined' ? null : (card?.fingerprint ?? null),
      cardBrand: card?.brand ?? 'Card',
      cardLast4: card?.last4 ?? '',
      acsTokenHash: challenged ? hashToken(token) : null,
      returnUrl: challenged ? command.returnUrl : null,
      orderReference: command.orderReference,
      description: command.description,
      notificationUrl: command.notificationUrl,
      onFile: command.onFile?.use ?? null,
    });
    return firstAnswer(hashKey, added, token);
  });
}

/** What the first delivery was told, however far the authorization has moved since. */
function firstAnswer(
  hashKey: Buffer,
  authorization: rows.StoredAuthorization,
  token: string,
): AuthorizeAnswer {
  const { status, rrn, declineCode, acsTokenHash, networkReference } = authorization;
  const cardToken = cardTokenOf(hashKey, authorization);
  const known = { rrn, networkReference };
  if (acsTokenHash) return { status: 'challenge', ...known, declineCode: null, acsToken: token, cardToken };
  if (status !== 'approved')
    return { status: 'declined', ...known, declineCode, acsToken: null, cardToken: null };
  return { status, ...known, declineCode, acsToken: null, cardToken };
}

/** Who is there while it is paid: the payer, or a merchant whom they have allowed it. */
async function attendedBy(
  db: Transaction,
  { merchantId, onFile }: AuthorizeCommand,
  card: rows.KnownCard | null,
): Promise<'payer' | 'agreed' | 'unproven'> {
  if (onFile?.use !== 'merchant') return 'payer';
  if (card === null || onFile.networkReference === null) return 'unproven';
  const hasAgreed = await rows.hasAgreed(db, merchantId, card.fingerprint, onFile.networkReference);
  return hasAgreed ? 'agreed' : 'unproven';
}

/** The card that a request means, without its number. Null: the bank has no such card. */
async function resolveCard(
  db: Transaction,
  hashKey: Buffer,
  { merchantId, card }: AuthorizeCommand,
): Promise<rows.KnownCard | null> {
  if ('token' in card) return (await rows.findCard(db, merchantId, hashToken(card.token))) ?? null;
  const { number, expiryMonth, expiryYear } = card;
  if (!passesLuhn(number)) return null;
  return {
    fingerprint: keyedHash(hashKey, `card:${JSON.stringify([number, expiryMonth, expiryYear])}`),
    brand: brandOf(number),
    last4: number.slice(-4),
    expiryMonth,
    expiryYear,
    behaviour: behaviourOf(number),
  };
}

async function keepCard(
  transaction: Transaction,
  hashKey: Buffer,
  { merchantId }: AuthorizeCommand,
  card: rows.KnownCard,
): Promise<void> {
  const token = cardTokenOf(hashKey, { merchantId, cardFingerprint: card.fingerprint });
  if (token !== null) await rows.addCard(transaction, merchantId, hashToken(token), card);
}

async function behaviourOfCard(
  pool: Pool,
  hashKey: Buffer,
  command: AuthorizeCommand,
): Promise<CardBehaviour> {
  return (await resolveCard(pool, hashKey, command))?.behaviour ?? {};
}

/**
 * What must be the same when an id comes again, whether the card comes by number or by token. Keyed,
 * because it covers a card number; no cvc in it.
 */
function fingerprintOf(hashKey: Buffer, command: AuthorizeCommand, known: rows.KnownCard | null): Buffer {
  const { merchantId, amount, currency, card } = command;
  const unknown = 'token' in card ? card.token : [card.number, card.expiryMonth, card.expiryYear];
  const fields = [merchantId, amount.toString(), currency, known?.fingerprint.toString('hex') ?? unknown];
  return keyedHash(hashKey, `authorize:${JSON.stringify(fields)}`);
}

function keyedHash(hashKey: Buffer, text: string): Buffer {
  return createHmac('sha256', hashKey).update(text).digest();
}

/** Derived, not drawn, so that a repeated request is told the same token although only a hash is stored. */
function cardTokenOf(
  hashKey: Buffer,
  { merchantId, cardFingerprint }: Pick<rows.StoredAuthorization, 'merchantId' | 'cardFingerprint'>,
): string | null {
  if (cardFingerprint === null) return null;
  const fields = [merchantId, cardFingerprint.toString('hex')];
  return `card_${keyedHash(hashKey, `card-token:${JSON.stringify(fields)}`).toString('base64url')}`;
}

/** Derived, not drawn, so that a repeated request gets the same page although only a hash is stored. */
function acsTokenOf(hashKey: Buffer, id: string): string {
  return createHmac('sha256', hashKey).update(`acs:${id}`).digest('base64url');
}

function hashToken(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

/** Holds the id until the transaction ends, then reads: two deliveries of one request cannot overlap. */
async function lockAuthorization(
  transaction: Transaction,
  hashKey: Buffer,
  id: string,
): Promise<AuthorizationKnowledge> {
  await transaction.query(sql.lockId, [`bank.authorization:${id}`]);
  return know(transaction, hashKey, id);
}

async function know(db: Transaction, hashKey: Buffer, id: string): Promise<AuthorizationKnowledge> {
  const authorization = await rows.findAuthorization(db, id);
  if (authorization) return knowledgeOf(hashKey, authorization);
  const rrn = await rows.findTombstone(db, id);
  return rrn === undefined ? { known: 'nothing' } : { known: 'tombstone', rrn };
}

function knowledgeOf(hashKey: Buffer, authorization: rows.StoredAuthorization): AuthorizationKnowledge {
  const open = challengeStanding(authorization, new Date()) === 'open';
  return {
    known: 'authorization',
    authorization,
    acsToken: open ? acsTokenOf(hashKey, authorization.id) : null,
    cardToken: authorization.status === 'declined' ? null : cardTokenOf(hashKey, authorization),
  };
}

async function operate(
  pool: Pool,
  hashKey: Buffer,
  lacks: readonly Inability[],
  command: OperationCommand,
): Promise<rows.StoredOperation | typeof conflict> {
  return inTransaction(pool, async (transaction) => {
    const knowledge = await lockAuthorization(transaction, hashKey, command.authorizationId);
    await transaction.query(sql.lockId, [`bank.operation:${command.operationId}`]);
    const earlier = await rows.findOperation(transaction, command.operationId);
    if (earlier) return isSameOperation(earlier, command) ? earlier : conflict;
    const authorization = knowledge.known === 'authorization' ? knowledge.authorization : undefined;
    const { result, next } = decideOperation(authorization, lacks, command);
    if (next) await rows.saveAuthorization(transaction, next);
    if (!authorization && command.kind === 'reversal') {
      await rows.addTombstone(transaction, command.authorizationId);
    }
    const declineCode: OperationDeclineCode | null = result.status === 'declined' ? result.declineCode : null;
    return rows.addOperation(transaction, {
      operationId: command.operationId,
      authorizationId: command.authorizationId,
      kind: command.kind,
      requestedAmount: command.amount ?? null,
      final: command.final,
      status: result.status,
      declineCode,
      amount: result.status === 'done' ? result.amount : 0n,
      released: result.status === 'done' ? result.released : 0n,
    });
  });
}

function decideOperation(
  authorization: rows.StoredAuthorization | undefined,
  lacks: readonly Inability[],
  command: OperationCommand,
): Decision<rows.StoredAuthorization> {
  const needed = neededOf(authorization, command);
  if (lacks.some((inability) => needed.includes(inability))) return refusal('not_supported');
  if (command.kind === 'reversal') return decideReversal(authorization, command.amount);
  if (command.amount === undefined) throw new Error(`a ${command.kind} needs an amount`);
  return command.kind === 'capture'
    ? decideCapture(authorization, command.amount, command.final)
    : decideRefund(authorization, command.amount);
}

/** What a bank must be able to do for an operation, beyond what every bank can. */
function neededOf(
  authorization: rows.StoredAuthorization | undefined,
  { kind, amount, final }: OperationCommand,
): Inability[] {
  if (authorization?.status !== 'approved' || amount === undefined) return [];
  const isPart = amount < authorization.held;
  if (kind === 'reversal') return isPart ? ['partial_reversal'] : [];
  if (kind === 'refund' || !isPart) return [];
  return final ? ['partial_capture'] : ['partial_capture', 'several_captures'];
}

function isSameOperation(earlier: rows.StoredOperation, command: OperationCommand): boolean {
  return (
    earlier.authorizationId === command.authorizationId &&
    earlier.kind === command.kind &&
    earlier.requestedAmount === (command.amount ?? null) &&
    earlier.final === command.final
  );
}

/** Turns the payer's answer into the bank's; what is decided, or has no answer yet, stays as it is. */
async function complete(pool: Pool, hashKey: Buffer, id: string): Promise<AuthorizationKnowledge> {
  return inTransaction(pool, async (transaction) => {
    const knowledge = await lockAuthorization(transaction, hashKey, id);
    if (knowledge.known !== 'authorization') return knowledge;
    const next = decideCompletion(knowledge.authorization, new Date());
    if (!next) return knowledge;
    await rows.saveAuthorization(transaction, next);
    return knowledgeOf(hashKey, next);
  });
}

async function readChallenge(db: Transaction, token: string): Promise<Challenge> {
  const authorization = await rows.findAuthorizationByToken(db, hashToken(token));
  if (!authorization) return { standing: 'unknown' };
  return { standing: challengeStanding(authorization, new Date()), authorization };
}

/** Records the payer's answer if the challenge is open; returns how it stood before. */
async function answerChallenge(pool: Pool, token: string, approved: boolean): Promise<Challenge> {
  return inTransaction(pool, async (transaction) => {
    const found = await readChallenge(transaction, token);
    if (found.standing === 'unknown') return found;
    await transaction.query(sql.lockId, [`bank.authorization:${found.authorization.id}`]);
    const challenge = await readChallenge(transaction, token);
    if (challenge.standing === 'open') {
      const status = approved ? 'challenge_approved' : 'challenge_failed';
      await rows.saveAuthorization(transaction, { ...challenge.authorization, status });
    }
    return challenge;
  });
}

async function readBooks(
  pool: Pool,
  merchantId: string | undefined,
  after: string | undefined,
  limit: number,
): Promise<BooksPage> {
  return inTransaction(
    pool,
    async (transaction) => {
      // One more than asked for tells whether another page follows.
      const found = await rows.readBooksPage(transaction, merchantId, after, limit + 1);
      const items = found.slice(0, limit);
      const totals = await rows.readBooksTotals(transaction, merchantId);
      const nextCursor = found.length > limit ? (items.at(-1)?.id ?? null) : null;
      return { items, nextCursor, totals };
    },
    sql.beginSnapshot,
  );
}
