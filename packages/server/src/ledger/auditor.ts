/** Runs audits that operators ask for: in the background, each on a connection of its own. */

import { type Client, connectForCommand, type Pool, withinTransaction } from '../postgres/pool.ts';
import { finishAuditRun, takeAuditLock } from './auditRunsSql.ts';
import { auditWithin } from './auditSql.ts';

/** An audit that may begin: nobody else's can meanwhile. */
export interface PreparedAudit {
  run(id: string): void;
  cancel(): Promise<void>;
}

export class Auditor {
  readonly #databaseUrl: string;
  readonly #pool: Pool;
  readonly #onError: (error: unknown) => void;
  readonly #sessions = new Set<Client>();
  #running: Promise<void> = Promise.resolve();
  #stopped = false;

  /** @param databaseUrl past a pooler, which would not keep the session */
  constructor(databaseUrl: string, pool: Pool, onError: (error: unknown) => void) {
    this.#databaseUrl = databaseUrl;
    this.#pool = pool;
    this.#onError = onError;
  }

  /** @returns null when an audit is running, on whichever node */
  async prepare(): Promise<PreparedAudit | null> {
    const session = await connectForCommand(this.#databaseUrl, 'write');
    session.on('error', this.#onError);
    this.#sessions.add(session);
    const cancel = async (): Promise<void> => {
      this.#sessions.delete(session);
      await session.end().catch(this.#onError);
    };
    if (this.#stopped || !(await takeAuditLock(session))) {
      await cancel();
      return null;
    }
    const run = (id: string): void => {
      this.#running = this.#run(session, id).catch(this.#onError).finally(cancel);
    };
    return { run, cancel };
  }

  /** An audit that is running is given up: it only reads. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const session of this.#sessions) await session.end().catch(() => undefined);
    await this.#running;
  }

  async #run(session: Client, id: string): Promise<void> {
    const violations = await withinTransaction(session, () => auditWithin(session)).catch(
      async (error: unknown) => {
        if (!this.#stopped) await finishAuditRun(this.#pool, id, null);
        throw error;
      },
    );
    await finishAuditRun(this.#pool, id, violations);
  }
}
