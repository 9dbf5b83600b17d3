import type { Queryable } from '../postgres/pool.ts';

export interface LedgerSums {
  readonly currency: string;
  readonly available: bigint;
  readonly held: bigint;
  readonly merchantBalances: bigint;
  readonly fundingBalance: bigint;
  readonly acquirerBalance: bigint;
  /** 0, or the ledger is wrong. */
  readonly sum: bigint;
}

/** All accounts of each currency, by kind, at one moment. */
export async function sumLedger(db: Queryable): Promise<LedgerSums[]> {
  const { rows } = await db.query<LedgerSums>(
    `SELECT currency, sum(available) AS available, sum(held) AS held, sum(merchants) AS "merchantBalances",
       sum(funding) AS "fundingBalance", sum(acquirer) AS "acquirerBalance",
       sum(available + held + merchants + funding + acquirer) AS sum
     FROM (
       SELECT currency, available, held, 0::numeric AS merchants, 0::numeric AS funding, 0::numeric AS acquirer FROM wallet
       UNION ALL SELECT currency, 0, 0, balance, 0, 0 FROM merchant_balance
       UNION ALL SELECT currency, 0, 0, 0, CASE WHEN kind = 'funding' THEN balance ELSE 0 END,
         CASE WHEN kind = 'acquirer' THEN balance ELSE 0 END FROM system_account) account
     GROUP BY currency ORDER BY currency`,
  );
  return rows;
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
