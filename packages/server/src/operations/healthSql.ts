import { type AccountKind, ALL_ACCOUNT_KINDS } from '../core/accounts.ts';
import type { Queryable } from '../postgres/pool.ts';

export interface LedgerSums {
  readonly currency: string;
  /** Every kind of account, in the order of the registry. */
  readonly accounts: readonly KindSum[];
  /** 0, or the ledger is wrong. */
  readonly sum: bigint;
}

export interface KindSum {
  readonly kind: AccountKind;
  readonly balance: bigint;
  readonly held: bigint;
}

/** All accounts of each currency, by kind, at one moment. */
export async function sumLedger(db: Queryable): Promise<LedgerSums[]> {
  const { rows } = await db.query<KindSum & { readonly currency: string }>(
    'SELECT currency, kind, sum(balance) AS balance, sum(held) AS held FROM account GROUP BY currency, kind ORDER BY currency',
  );
  return [...new Set(rows.map(({ currency }) => currency))].map((currency) => {
    const own = rows.filter((row) => row.currency === currency);
    const accounts = ALL_ACCOUNT_KINDS.map((kind) => {
      const { balance, held } = own.find((row) => row.kind === kind) ?? { balance: 0n, held: 0n };
      return { kind, balance, held };
    });
    return { currency, accounts, sum: own.reduce((sum, { balance }) => sum + balance, 0n) };
  });
}

export interface DatabaseState {
  readonly postgres: string;
  readonly migration: string;
  readonly connections: number;
  readonly maxConnections: number;
  /** What the engine takes for now, and how far that is ahead of real time. */
  readonly clockNow: number;
  readonly clockOffsetMs: number;
  /** Operations that the bank has not answered. */
  readonly bankPending: number;
  readonly bankOldestSeconds: number | null;
}

export async function readDatabaseState(db: Queryable): Promise<DatabaseState> {
  const { rows } = await db.query<DatabaseState>(
    `SELECT current_setting('server_version') AS postgres, (SELECT max(name) FROM migration) AS migration,
       (SELECT count(*)::int FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections,
       current_setting('max_connections')::int AS "maxConnections", clock.ms::float8 AS "clockNow",
       clock.offset_ms::float8 AS "clockOffsetMs", bank.pending AS "bankPending",
       greatest(0, clock.ms / 1000 - bank.first)::int AS "bankOldestSeconds"
     FROM (SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint + clock_offset_ms AS ms,
         clock_offset_ms AS offset_ms FROM installation) clock,
       (SELECT count(*)::int AS pending, extract(epoch FROM min(requested_at))::bigint AS first
       FROM bank_operation WHERE next_attempt_at IS NOT NULL) bank`,
  );
  const [row] = rows;
  if (row === undefined) throw new Error('the database told nothing');
  return row.bankPending === 0 ? { ...row, bankOldestSeconds: null } : row;
}
