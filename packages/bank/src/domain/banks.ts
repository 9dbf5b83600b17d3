/** What a bank may be unable to do. */
export type Inability = 'partial_capture' | 'several_captures' | 'partial_reversal';

export interface BankProfile {
  /** Where its books are in the database. */
  readonly schema: string;
  /** Where its interface begins, after host and port. */
  readonly path: string;
  readonly lacks: readonly Inability[];
}

/** The banks of a process: one that can do everything, and a plain one, which captures or reverses all or nothing. */
export const BANKS = [
  { schema: 'bank', path: '', lacks: [] },
  {
    schema: 'plain_bank',
    path: '/plain',
    lacks: ['partial_capture', 'several_captures', 'partial_reversal'],
  },
] as const satisfies readonly BankProfile[];
