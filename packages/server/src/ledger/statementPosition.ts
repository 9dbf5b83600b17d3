import type { PostingPosition } from './statementsSql.ts';

/** Where a page of a statement ended, and the balances before its last row: the next page counts on from them. */
export interface StatementPosition extends PostingPosition {
  readonly balances: readonly bigint[];
}

/** As text for a cursor, which is signed: it comes back as it was. */
export function sealPosition({ at, operationId, seq }: PostingPosition, balances: readonly bigint[]): string {
  return [at, operationId, seq, ...balances].join(' ');
}

export function openPosition(text: string): StatementPosition {
  const [at, operationId = '', seq, ...balances] = text.split(' ');
  return { at: Number(at), operationId, seq: Number(seq), balances: balances.map(BigInt) };
}
