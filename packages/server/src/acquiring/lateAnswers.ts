import { setTimeout as pause } from 'node:timers/promises';
import { ANSWER_WAIT_MS } from '../core/change.ts';
import type { AnswerKey } from '../core/command.ts';
import type { Answer } from '../engine/idempotency.ts';
import { findResponse } from '../engine/idempotencySql.ts';
import type { Queryable } from '../postgres/pool.ts';
import type { Acquirer } from './acquirer.ts';
import { findOperation } from './bankOperationsSql.ts';

/** How often a response is looked for that another node may store. */
const LOOK_MS = 200;
/** The state as it is takes a commit more than the wait itself. */
const LIMIT_MS = ANSWER_WAIT_MS + 2_000;

/** Lets callers wait for responses that are stored under their key once the bank has answered. */
export class LateAnswers {
  readonly #db: Queryable;
  readonly #acquirer: () => Acquirer;
  readonly #waiting = new Map<string, Set<() => void>>();

  constructor(db: Queryable, acquirer: () => Acquirer) {
    this.#db = db;
    this.#acquirer = acquirer;
  }

  /** A commit stored these responses: wakes the callers on this node. */
  wake(keys: readonly AnswerKey[]): void {
    for (const key of keys) for (const resolve of this.#waiting.get(nameOf(key)) ?? []) resolve();
  }

  /** The response, at the latest with the state as it is after 10 seconds. Null: still none. */
  async wait(key: AnswerKey): Promise<Answer | null> {
    const startedAt = performance.now();
    for (;;) {
      const kept = await findResponse(this.#db, key);
      if (kept === null) return null;
      const { statusCode, response, effectId } = kept;
      if (statusCode !== null && response !== null) return { statusCode, body: response };
      const waited = performance.now() - startedAt;
      if (waited >= LIMIT_MS) return null;
      if (waited >= ANSWER_WAIT_MS && effectId !== null) await this.#askForState(effectId);
      await this.#sleep(key);
    }
  }

  async #askForState(operationId: string): Promise<void> {
    const operation = await findOperation(this.#db, operationId);
    if (operation !== null) await this.#acquirer().giveAnswer(operation);
  }

  async #sleep(key: AnswerKey): Promise<void> {
    const name = nameOf(key);
    const waiters = this.#waiting.get(name) ?? new Set();
    this.#waiting.set(name, waiters);
    let wake: () => void = () => undefined;
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    waiters.add(wake);
    await Promise.race([woken, pause(LOOK_MS)]);
    waiters.delete(wake);
    if (waiters.size === 0) this.#waiting.delete(name);
  }
}

function nameOf(key: AnswerKey): string {
  return `${key.scopeId} ${key.key}`;
}
