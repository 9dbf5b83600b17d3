/** Lists as CSV (RFC 4180), for spreadsheets. */
import type { AuditLogEntry, Page, Query, Transaction } from './api.ts';
import { amountInput } from './format.ts';

type Cell = string | number | bigint | boolean | null;

/** What a file has of each row. */
export type CsvColumns<T> = readonly (readonly [name: string, value: (row: T) => Cell])[];

export const TRANSACTION_CSV: CsvColumns<Transaction> = [
  ['id', (t) => t.id],
  ['type', (t) => t.type],
  ['status', (t) => t.status],
  ['amount', (t) => amountInput(t.amount, t.currency)],
  ['currency', (t) => t.currency],
  ['amount_minor', (t) => t.amount],
  ['captured_minor', (t) => t.capturedAmount],
  ['released_minor', (t) => t.releasedAmount],
  ['refunded_minor', (t) => t.refundedAmount],
  ['order_reference', (t) => t.orderReference],
  ['description', (t) => t.description],
  ['payment_method', (t) => t.paymentMethod],
  ['card_brand', (t) => t.cardBrand],
  ['card_last4', (t) => t.last4],
  ['failure_code', (t) => t.failureCode],
  ['created_at', (t) => t.createdAt],
  ['updated_at', (t) => t.updatedAt],
  ['authorized_at', (t) => t.authedAt],
  ['processed_at', (t) => t.processedAt],
  ['expires_at', (t) => t.expiresAt],
  ['store_id', (t) => t.storeId],
  ['terminal_id', (t) => t.terminalId],
  ['customer_id', (t) => t.customerId?.Value ?? null],
  ['parent_transaction_id', (t) => t.parentTransactionId],
  ['wallet_transaction_id', (t) => t.walletTransactionId],
];

export const AUDIT_LOG_CSV: CsvColumns<AuditLogEntry> = [
  ['id', (e) => e.id],
  ['at', (e) => e.at],
  ['merchant_id', (e) => e.merchantId],
  ['actor_kind', (e) => e.actor.kind],
  ['actor_id', (e) => e.actor.id],
  ['actor_name', (e) => e.actor.name],
  ['operator', (e) => e.actor.isOperator],
  ['credential_id', (e) => e.actor.credentialId],
  ['address', (e) => e.actor.address],
  ['action', (e) => e.action],
  ['object_kind', (e) => e.object.kind],
  ['object_id', (e) => e.object.id],
  ['before', (e) => (e.before === null ? null : jsonText(e.before))],
  ['after', (e) => (e.after === null ? null : jsonText(e.after))],
  ['request_id', (e) => e.requestId],
];

/** JSON with every digit of a large amount. */
export function jsonText(values: unknown, indent?: number): string {
  return JSON.stringify(values, (_key, part) => (typeof part === 'bigint' ? String(part) : part), indent);
}

/** With one of these a formula begins, in any spreadsheet. */
const FORMULA = /^[=+\-@]/;
/** Where a cell may begin, whatever a spreadsheet takes for its separator. */
const SEPARATOR = /^[,;|\t\r\n\v\f\u0085\u2028\u2029]/;
/** Passed over at a cell's beginning: white space, what no font shows, and quotes that may be taken for the file's. */
const PASSED_OVER = /^[\p{White_Space}\p{Default_Ignorable_Code_Point}\p{Cc}\p{Cf}\u2800"]*$/u;

/**
 * A text in which nothing is a formula: an apostrophe makes a text of whatever would be one. What a spreadsheet with
 * another separator would cut out of the text counts too, and characters count as what they are compatible with
 * (NFKC), since spreadsheets take a full-width `＝` for `=`.
 */
function withoutFormulas(text: string): string {
  let done = '';
  /** What may be the beginning of a cell, as far as nothing but what is passed over was read; null: within one. */
  let beginning: string | null = '';
  for (const character of text) {
    const plain = character.normalize('NFKC');
    if (SEPARATOR.test(plain)) {
      done += (beginning ?? '') + character;
      beginning = '';
    } else if (beginning === null) {
      done += character;
    } else if (PASSED_OVER.test(plain)) {
      beginning += character;
    } else {
      done += (FORMULA.test(plain) ? "'" : '') + beginning + character;
      beginning = null;
    }
  }
  return done + (beginning ?? '');
}

/** One cell. A text that a spreadsheet would run as a formula is made one that it shows. */
export function csvCell(value: Cell): string {
  if (value === null) return '';
  const safe = typeof value === 'string' ? withoutFormulas(value) : String(value);
  return /[",\r\n']/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export function csvRow(cells: readonly Cell[]): string {
  return `${cells.map(csvCell).join(',')}\r\n`;
}

export interface ExportOptions<T> {
  readonly columns: CsvColumns<T>;
  readonly query: Query;
  readonly load: (query: Query, signal: AbortSignal) => Promise<Page<T>>;
  readonly signal: AbortSignal;
  readonly onProgress: (rows: number) => void;
}

/** Writing to memory this often lets go of the texts: the browser keeps a Blob on disk when it is large. */
const PART_ROWS = 5_000;

/** Every row that matches, page by page through the cursor. @throws PlexyPayError, AbortError */
export async function exportCsv<T>({
  columns,
  query,
  load,
  signal,
  onProgress,
}: ExportOptions<T>): Promise<Blob> {
  // The mark at the beginning makes spreadsheets read UTF-8.
  let file = new Blob([`\ufeff${csvRow(columns.map(([name]) => name))}`]);
  let part = '';
  let rows = 0;
  let cursor: string | undefined;
  do {
    const page = await load({ ...query, limit: 100, cursor }, signal);
    for (const row of page.items) part += csvRow(columns.map(([, value]) => value(row)));
    rows += page.items.length;
    if (rows % PART_ROWS < 100) {
      file = new Blob([file, part]);
      part = '';
    }
    onProgress(rows);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return new Blob([file, part], { type: 'text/csv;charset=utf-8' });
}

export function saveFile(file: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
