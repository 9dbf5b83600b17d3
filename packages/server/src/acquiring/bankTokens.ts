/** The acquirers' tokens of cards: they charge a card, so that they are kept encrypted. */
import { DEFAULT_ACQUIRER_ID } from '../core/acquirers.ts';
import { newId } from '../installation/newId.ts';
import type { Secrets } from '../installation/secrets.ts';
import { inTransaction, type Pool, type Queryable } from '../postgres/pool.ts';
import {
  type CardAtAcquirer,
  findBankToken,
  type KeptBankToken,
  lockClearBankTokens,
  lockTokenOnFile,
  setBankToken,
  setTokenAtAcquirer,
} from './cardsSql.ts';

/** Few enough that no payment waits for them. */
const SEAL_LIMIT = 200;

export class BankTokens {
  readonly #pool: Pool;
  readonly #secrets: Secrets;

  constructor(pool: Pool, secrets: Secrets) {
    this.#pool = pool;
    this.#secrets = secrets;
  }

  /** Keeps the token that a payment's acquirer has for its card. */
  async keep(transactionId: string, bankToken: string): Promise<void> {
    await this.#set(this.#pool, await findBankToken(this.#pool, transactionId), bankToken);
  }

  /**
   * The same once the payment has put its card on file. Until then nobody saw that the token was needed: another customer who
   * has deleted the same card has had it forgotten.
   */
  async keepOnFile(transactionId: string, bankToken: string): Promise<void> {
    await inTransaction(this.#pool, async (db) =>
      this.#set(db, await lockTokenOnFile(db, transactionId), bankToken),
    );
  }

  async #set(db: Queryable, kept: (KeptBankToken & CardAtAcquirer) | null, bankToken: string): Promise<void> {
    if (kept === null || (kept.sealed !== null && this.open(kept) === bankToken)) return;
    const { acquirerId, cardTokenId } = kept;
    const isDefault = acquirerId === DEFAULT_ACQUIRER_ID;
    const sealedFor = isDefault ? cardTokenId : newId();
    const sealed = this.#seal(sealedFor, bankToken);
    if (isDefault) await setBankToken(db, cardTokenId, sealed, kept.begunAt);
    else await setTokenAtAcquirer(db, kept, sealedFor, sealed);
  }

  /** The token as the bank gave it; null: the bank has given none. */
  open({ sealedFor, sealed, clear }: KeptBankToken): string | null {
    if (sealed === null || sealedFor === null) return clear;
    return this.#secrets.open('bank token', sealedFor, sealed);
  }

  #seal(rowId: string, bankToken: string): string {
    return this.#secrets.seal('bank token', rowId, bankToken);
  }

  /** Seals what versions before this one have kept in clear. @returns how many */
  async sealAll(): Promise<number> {
    for (let total = 0; ; ) {
      const count = await inTransaction(this.#pool, async (db) => {
        const clear = await lockClearBankTokens(db, SEAL_LIMIT);
        for (const { id, bankToken } of clear) await setBankToken(db, id, this.#seal(id, bankToken), null);
        return clear.length;
      });
      total += count;
      if (count < SEAL_LIMIT) return total;
    }
  }
}
