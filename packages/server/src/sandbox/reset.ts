/** Puts a sandbox back to its seed. */
import type { Acquirer } from '../acquiring/acquirer.ts';
import type { AuditEntry } from '../auditLog/auditEntry.ts';
import { insertAuditEntries } from '../auditLog/auditLogSql.ts';
import type { Engine } from '../engine/engine.ts';
import { closeGate } from '../engine/gateSql.ts';
import { markSeeded } from '../installation/installationSql.ts';
import type { Secrets } from '../installation/secrets.ts';
import { inTransaction, type Pool } from '../postgres/pool.ts';
import type { BankControl } from './bankControl.ts';
import type { ClockTurns } from './clockSql.ts';
import { keepSessions, wipeEverything } from './resetSql.ts';
import { insertSeed, seedDeposits } from './seed.ts';

export interface ResetDeps {
  readonly pool: Pool;
  readonly clockTurns: ClockTurns;
  readonly engine: Engine;
  readonly acquirer: Acquirer;
  readonly bank: BankControl;
  readonly secrets: Secrets;
}

/** What is on its way to the bank is waited for this long, so that it does not arrive in its new books. */
const BANK_WAIT_MS = 3_000;

/**
 * Wipes everything on all nodes and seeds again. The first transaction does nothing but keep the gate closed:
 * nobody sees a sandbox that is half empty. After a failure half-way the same call completes it.
 * @param asked what the audit log begins with: it was emptied like everything else
 */
export async function resetSandbox(deps: ResetDeps, asked: AuditEntry): Promise<void> {
  const { pool, clockTurns, engine, acquirer, bank, secrets } = deps;
  await clockTurns.run(async (gate) => {
    await closeGate(gate);
    await inTransaction(pool, async (client) => {
      // Whoever resets from the dashboard stays there.
      const restoreSessions = await keepSessions(client);
      await wipeEverything(client);
      await insertSeed(client, secrets);
      await restoreSessions();
      await insertAuditEntries(client, [asked]);
    });
    await engine.runBehindGate(seedDeposits());
    await acquirer.idle(BANK_WAIT_MS);
    await bank.reset();
    await markSeeded(pool);
  });
}
