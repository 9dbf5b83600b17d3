import Type, { type Static } from 'typebox';
import { STATUSES, type StatusFilter, statusFilterOfList, WALLET_STATUSES } from '../core/lifecycle.ts';
import type { Minor } from '../core/transaction.ts';
import { parseCurrency } from '../core/values/currency.ts';
import { parseTransactionId, parseUuid } from '../core/values/ids.ts';
import { MAX_AMOUNT } from '../core/values/money.ts';
import { parseOrderReference } from '../core/values/orderReference.ts';
import { type Parsed, parsed, refused } from '../core/values/parse.ts';
import { parseText } from '../core/values/text.ts';
import { parseTime } from '../core/values/time.ts';
import { invalidFields, valuesOf } from '../http/parseFields.ts';
import type { SearchText, TransactionFilter } from './lookupsSql.ts';

const Text = (description: string, example?: string) =>
  Type.Optional(Type.String({ description, ...(example === undefined ? {} : { examples: [example] }) }));

/** The query parameters by which transactions are filtered; all that are given must hold. */
export const FilterQuery = {
  status: Text(
    `One or several, separated by commas, of ${[...STATUSES, 'failed', ...WALLET_STATUSES].join(', ')}.`,
    'authorized,charged',
  ),
  type: Type.Optional(Type.Enum(['payment', 'refund'])),
  paymentMethod: Type.Optional(Type.Enum(['wallet', 'card'])),
  orderReference: Text('Exactly this one; it need not be unique.', 'ORDER-100045'),
  amountFrom: Text('The least amount, in minor units.', '1000'),
  amountTo: Text('The largest amount, in minor units.', '500000'),
  currency: Text('ISO 4217 code.', 'KZT'),
  createdFrom: Text('Created then or later: RFC 3339, in any time zone.', '2025-04-01T00:00:00Z'),
  createdTo: Text('Created then or earlier: RFC 3339, in any time zone.', '2025-04-30T23:59:59.999Z'),
  storeId: Text('UUID.'),
  terminalId: Text('UUID.'),
  customerId: Text('The payments and refunds of this customer of yours.'),
  failureCode: Text('Why payments were rejected, or failed.', 'insufficient_funds'),
  expiresTo: Text(
    'Authorizations that expire then or earlier, and that are not captured automatically: RFC 3339, in any time zone.',
  ),
  pendingOperation: Type.Optional(
    Type.Literal('true', { description: 'Only what waits for its bank’s answer.' }),
  ),
  parentTransactionId: Text('The refunds of this payment; either spelling of its id.'),
  query: Text(
    'Free text: what an order reference begins with (case counts), what a description begins with (case does not count; of its first 100 characters), all four last digits of a card, or a transaction’s id in either spelling.',
  ),
};

const FilterParameters = Type.Object(FilterQuery);
export type FilterParameters = Static<typeof FilterParameters>;

/** @throws ApiError 400 naming every parameter that is wrong */
export function parseFilter(query: FilterParameters): TransactionFilter {
  const { type = null, paymentMethod = null } = query;
  const { query: text, ...fields } = valuesOf({
    status: optional(query.status, parseStatuses),
    orderReference: optional(query.orderReference, parseOrderReference),
    amountFrom: optional(query.amountFrom, parseBound),
    amountTo: optional(query.amountTo, parseBound),
    currency: optional(query.currency, parseCurrency),
    createdFrom: optional(query.createdFrom, parseTime),
    createdTo: optional(query.createdTo, parseTime),
    storeId: optional(query.storeId, parseUuid<'StoreId'>),
    terminalId: optional(query.terminalId, parseUuid<'TerminalId'>),
    customerId: optional(query.customerId, parseUuid<'CustomerId'>),
    failureCode: optional(query.failureCode, parseFailureCode),
    expiresTo: optional(query.expiresTo, parseTime),
    parentTransactionId: optional(query.parentTransactionId, parseTransactionId),
    query: optional(query.query, parseSearchText),
  });
  requireOrder(fields.amountFrom, fields.amountTo, 'amount');
  requireOrder(fields.createdFrom, fields.createdTo, 'created');
  const isPending = query.pendingOperation === undefined ? null : true;
  return { ...fields, type, paymentMethod, paymentLinkId: null, text, isPending };
}

/** An upside-down range matches nothing: more likely a mistake than a question. */
function requireOrder(from: bigint | number | null, to: bigint | number | null, name: string): void {
  if (from === null || to === null || from <= to) return;
  throw invalidFields(
    [{ path: `${name}To`, message: `must not be less than ${name}From` }],
    'invalid_request',
  );
}

function optional<T>(text: string | undefined, parse: (text: string) => Parsed<T>): Parsed<T | null> {
  return text === undefined ? parsed(null) : parse(text);
}

function parseStatuses(text: string): Parsed<StatusFilter> {
  const filter = statusFilterOfList(text);
  return filter === null ? refused('must be transaction statuses, separated by commas') : parsed(filter);
}

/** Codes of a bank that is not ours may be others. */
function parseFailureCode(text: string): Parsed<string> {
  return /^\w{1,64}$/.test(text) ? parsed(text) : refused('must be a failure code');
}

function parseBound(text: string): Parsed<Minor> {
  const amount = /^\d{1,16}$/.test(text) ? BigInt(text) : null;
  if (amount !== null && amount <= MAX_AMOUNT) return parsed(amount);
  return refused(`must be an integer in minor units, from 0 to ${MAX_AMOUNT}`);
}

const MAX_QUERY_LENGTH = 255;

function parseSearchText(text: string): Parsed<SearchText> {
  const prefix = parseText(text, { max: MAX_QUERY_LENGTH });
  if (!prefix.ok) return prefix;
  const id = parseTransactionId(text);
  const last4 = /^\d{4}$/.test(text) ? text : null;
  return parsed({ prefix: prefix.value, id: id.ok ? id.value : null, last4 });
}
