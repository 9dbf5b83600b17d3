/** The bank's tokens of cards: they charge a card, so that they are kept encrypted. */
import type { Secrets } from '../installation/secrets.ts';
import { inTransaction, type Pool } from '../postgres/pool.ts';
import { findBankToken, type KeptBankToken, lockClearBankTokens, setBankToken } from './cardsSql.ts';

/** Few enough that no payment waits for them. */
const SEAL_LIMIT = 200;

export class BankTokens {
  readonly #pool: Pool;
  readonly #secrets: Secrets;

  constructor(pool: Pool, secrets: Secrets) {
    this.#pool = pool;
    this.#secrets = secrets;
  }

  /** Keeps the bank's token for the card of a payment. */
  async keep(transactionId: string, bankToken: string): Promise<void> {
    const kept = await findBankToken(this.#pool, transactionId);
    if (kept === null || (kept.sealed !== null && this.open(kept) === bankToken)) return;
    await setBankToken(this.#pool, kept.cardTokenId, this.#seal(kept.cardTokenId, bankToken));
  }

  /** The token as the bank gave it; null: the bank has given none. */
  open({ cardTokenId, sealed, clear }: KeptBankToken): string | null {
    if (sealed === null || cardTokenId === null) return clear;
    return this.#secrets.open('bank token', cardTokenId, sealed);
  }

  #seal(cardTokenId: string, bankToken: string): string {
    return this.#secrets.seal('bank token', cardTokenId, bankToken);
  }

  /** Seals what versions before this one have kept in clear. @returns how many */
  async sealAll(): Promise<number> {
    for (let total = 0; ; ) {
      const count = await inTransaction(this.#pool, async (db) => {
        const clear = await lockClearBankTokens(db, SEAL_LIMIT);
        for (const { id, bankToken } of clear) await setBankToken(db, id, this.#seal(id, bankToken));
        return clear.length;
      });
      total += count;
      if (count < SEAL_LIMIT) return total;
    }
  }
}
