import { type Brand, type Parsed, parsed, refused } from './parse.ts';

/**
 * Identifiers.
 *
 * A transaction's id is 128 bits with two spellings: a UUID in lower case inside and in transaction
 * management, and `wt_` + 26 characters of upper-case Crockford base32 (as in a ULID) in the wallet
 * API. Both alphabets are in ASCII order and have a fixed length, so both spellings sort alike, and a
 * UUIDv7 sorts by time in either.
 */
export type TransactionId = Brand<'TransactionId'>;
export type WalletTransactionId = Brand<'WalletTransactionId'>;
export type MerchantId = Brand<'MerchantId'>;
export type CustomerId = Brand<'CustomerId'>;
export type WalletId = Brand<'WalletId'>;
export type StoreId = Brand<'StoreId'>;
export type TerminalId = Brand<'TerminalId'>;
/** Of a payment link or session, as a UUID. */
export type LinkId = Brand<'LinkId'>;

const UUID = /^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$/;
const LOWER_CASE_UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** 26 × 5 = 130 bits, two more than the id has: the first character may not exceed 7. */
const WALLET_TRANSACTION_ID = /^wt_[0-7oOiIlL][0-9a-tv-zA-TV-Z]{25}$/;
const CANONICAL_WALLET_TRANSACTION_ID = /^wt_[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const HEX = '0123456789abcdef';

/** The value of a hexadecimal digit by character code. */
const HEX_VALUE = valuesByCharacterCode(HEX, []);
/** The value of a base32 character by character code; I and L read as 1, O as 0, as Crockford has it. */
const CROCKFORD_VALUE = valuesByCharacterCode(CROCKFORD, [
  ['I', 1],
  ['L', 1],
  ['O', 0],
]);
/** Two base32 characters for each 10 bits. */
const CROCKFORD_PAIRS = Array.from(
  { length: 1024 },
  (_, bits) => CROCKFORD.charAt(bits >> 5) + CROCKFORD.charAt(bits & 31),
);

function valuesByCharacterCode(
  alphabet: string,
  aliases: readonly (readonly [string, number])[],
): Uint8Array {
  const values = new Uint8Array(128);
  const entries = [...[...alphabet].map((character, value) => [character, value] as const), ...aliases];
  for (const [character, value] of entries) {
    values[character.toLowerCase().charCodeAt(0)] = value;
    values[character.toUpperCase().charCodeAt(0)] = value;
  }
  return values;
}

/**
 * The wallet API's spelling of a transaction id. On the path of every authorization, so it works on
 * small integers and never on a BigInt (0.3 µs): 8 bits become the first two characters, then each 5
 * hexadecimal digits (20 bits) four more.
 */
export function walletTransactionIdOf(id: TransactionId): WalletTransactionId {
  // The hyphens of a UUID are at 8, 13, 18 and 23.
  let text = `wt_${pair((hexAt(id, 0) << 4) | hexAt(id, 1))}`;
  text += fourOf(id, 2, 3, 4, 5, 6);
  text += fourOf(id, 7, 9, 10, 11, 12);
  text += fourOf(id, 14, 15, 16, 17, 19);
  text += fourOf(id, 20, 21, 22, 24, 25);
  text += fourOf(id, 26, 27, 28, 29, 30);
  text += fourOf(id, 31, 32, 33, 34, 35);
  return text as WalletTransactionId;
}

function fourOf(id: string, a: number, b: number, c: number, d: number, e: number): string {
  const bits =
    (hexAt(id, a) << 16) | (hexAt(id, b) << 12) | (hexAt(id, c) << 8) | (hexAt(id, d) << 4) | hexAt(id, e);
  return pair(bits >> 10) + pair(bits & 1023);
}

function pair(bits: number): string {
  return CROCKFORD_PAIRS[bits] ?? '';
}

function hexAt(text: string, position: number): number {
  return HEX_VALUE[text.charCodeAt(position)] ?? 0;
}

/** The inverse of {@link walletTransactionIdOf}. */
export function transactionIdOf(id: WalletTransactionId): TransactionId {
  const first = (base32At(id, 3) << 5) | base32At(id, 4);
  // A bit above the highest keeps the leading zeros; it is cut off again.
  let hex = (0x100 | first).toString(16).slice(1);
  for (let position = 5; position < 29; position += 4) hex += hexOfFour(id, position);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}` as TransactionId;
}

/** The 20 bits of the four characters from this position, as 5 hexadecimal digits. */
function hexOfFour(text: string, position: number): string {
  const bits =
    (base32At(text, position) << 15) |
    (base32At(text, position + 1) << 10) |
    (base32At(text, position + 2) << 5) |
    base32At(text, position + 3);
  return (0x100000 | bits).toString(16).slice(1);
}

function base32At(text: string, position: number): number {
  return CROCKFORD_VALUE[text.charCodeAt(position)] ?? 0;
}

/** A UUID of any version in its hyphenated form, in either case; the result is in lower case. */
export function parseUuid<Name extends string>(text: string): Parsed<Brand<Name>> {
  if (LOWER_CASE_UUID.test(text)) {
    return parsed(text as Brand<Name>);
  }
  return UUID.test(text) ? parsed(text.toLowerCase() as Brand<Name>) : refused('must be a UUID');
}

/** A transaction's id in either spelling: a UUID or `wt_…`. */
export function parseTransactionId(text: string): Parsed<TransactionId> {
  if (WALLET_TRANSACTION_ID.test(text)) {
    return parsed(transactionIdOf(text as WalletTransactionId));
  }
  const uuid = parseUuid<'TransactionId'>(text);
  return uuid.ok ? uuid : refused('must be a transaction id: a UUID, or wt_ and 26 characters');
}

/**
 * A `walletTransactionId`, in the one spelling that the API writes. Lower case is accepted after the
 * `wt_`, and I, L and O for 1, 1 and 0: no two ids share such a spelling.
 */
export function parseWalletTransactionId(text: string): Parsed<WalletTransactionId> {
  if (CANONICAL_WALLET_TRANSACTION_ID.test(text)) {
    return parsed(text as WalletTransactionId);
  }
  return WALLET_TRANSACTION_ID.test(text)
    ? parsed(walletTransactionIdOf(transactionIdOf(text as WalletTransactionId)))
    : refused('must be a wallet transaction id: wt_ and 26 characters');
}

/** What a webhook is about, which its id spells. */
export interface MessageKey {
  readonly transactionId: string;
  /** The event's number within its transaction; 0 for a test, which has no transaction. */
  readonly seq: number;
}

/** `msg_` and 160 bits in base32: the transaction's id, then the event's number in 4 bytes. */
const MESSAGE_ID = /^msg_[0-9A-HJKMNP-TV-Z]{32}$/;

/**
 * The `webhook-id` of an event: the same for every endpoint, at every attempt and in every replay, and
 * another one for every other event.
 */
export function messageIdOf({ transactionId, seq }: MessageKey): string {
  const hex = transactionId.replaceAll('-', '') + seq.toString(16).padStart(8, '0');
  let text = 'msg_';
  for (let i = 0; i < hex.length; i += 5) text += fourOf(hex, i, i + 1, i + 2, i + 3, i + 4);
  return text;
}

/** The inverse of {@link messageIdOf}. */
export function parseMessageId(text: string): Parsed<MessageKey> {
  if (!MESSAGE_ID.test(text)) return refused('must be the id of a webhook: msg_ and 32 characters');
  let hex = '';
  for (let position = 4; position < text.length; position += 4) hex += hexOfFour(text, position);
  const id = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)];
  const seq = Number.parseInt(hex.slice(32), 16);
  // As large as the database's integers; no event has such a number.
  if (seq > 0x7fffffff) return refused('must be the id of a webhook');
  return parsed({ transactionId: id.join('-'), seq });
}

/** Whether this spells the id of a card's token. */
export function isCardTokenId(text: string): boolean {
  return /^ct_[0-9a-f]{32}$/.test(text);
}

const LINK_ID = /^pl_[0-9a-f]{32}$/;

/** A payment link's id as merchants and payers see it: `pl_` and the UUID's digits. A session's is the UUID itself. */
export function publicLinkIdOf({ kind, id }: { kind: 'link' | 'session'; id: LinkId }): string {
  return kind === 'link' ? `pl_${id.replaceAll('-', '')}` : id;
}

/** The inverse of {@link publicLinkIdOf}. */
export function parsePublicLinkId(text: string): Parsed<{ kind: 'link' | 'session'; id: LinkId }> {
  if (LINK_ID.test(text)) {
    const hex = text.slice(3);
    const parts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)];
    return parsed({ kind: 'link', id: parts.join('-') as LinkId });
  }
  const id = parseUuid<'LinkId'>(text);
  return id.ok ? parsed({ kind: 'session', id: id.value }) : refused('must be pl_ and 32 digits, or a UUID');
}
