/**
 * Whoever asks for something from outside: by the API, the dashboard, a checkout. What the engine needs of them is made
 * once, at the edge; use cases pass it on and know nothing of HTTP.
 */
import type { AuditActor } from '../auditLog/auditEntry.ts';
import type { Command, Outcome, Sender } from '../core/command.ts';
import type { Actor, Minor } from '../core/transaction.ts';
import type { Queryable } from '../postgres/pool.ts';
import type { Once } from './batch.ts';
import { readResponses } from './batchSql.ts';
import { KeyReusedError, type OnceCall, type Told } from './engine.ts';
import { type Answer, standingOf } from './idempotency.ts';
import type { KnownPayment } from './memory.ts';

export type Refused = Extract<Outcome, { kind: 'refused' }>;

export interface Caller extends Omit<Once, 'render' | 'usual'> {
  /** Null: an operator. */
  readonly merchantId: string | null;
  /** Who is recorded with what is done. */
  readonly actor: Actor;
  /** A person who is signed in, not a program. */
  readonly isPerson: boolean;
  /** Who does it, for the audit log; asked only where that is told. */
  readonly auditActor: () => AuditActor;
  /** A refusal in the words of the interface that was called. */
  readonly refuse: (refused: Refused) => Answer;
}

export interface MerchantCaller extends Caller {
  readonly merchantId: string;
}

/** The answers of an interface to a command that is not refused. */
export interface Rendering<C extends Command = Command> {
  /** @param balance the merchant's balance after the command, where it was loaded */
  readonly render: (outcome: Outcome, balance: Minor | null) => Answer;
  /**
   * The answer if all goes as usual, where that is known beforehand.
   * @param known the payment that the command is about, where the node remembers it
   */
  readonly usual?: (command: C, known: KnownPayment | null) => Answer | null;
}

/** @param paymentMethod the one kind of payment that the interface sees; null: any */
export function callOf<C extends Command>(
  caller: Caller,
  command: C,
  paymentMethod: Sender['paymentMethod'],
  { render, usual }: Rendering<C>,
): OnceCall {
  const { merchantId, actor, apiKeyId, scope, scopeId, key, fingerprint, otherFingerprints, refuse } = caller;
  return {
    command,
    sender: { actor, merchantId, paymentMethod },
    audited: isAudited(caller, command) ? caller.auditActor() : undefined,
    once: {
      apiKeyId,
      ...(scope === undefined ? {} : { scope }),
      scopeId,
      key,
      fingerprint,
      otherFingerprints,
      render: (outcome, balance) => (outcome.kind === 'refused' ? refuse(outcome) : render(outcome, balance)),
      usual: usual === undefined ? null : (known) => usual(command, known),
    },
  };
}

/**
 * What is done to a payment, and what people do. A payment or link that a program makes is not: its history tells of it, and
 * the audit log would grow with every order.
 */
function isAudited({ isPerson }: Caller, { kind }: Command): boolean {
  return isPerson || (kind !== 'authorize' && kind !== 'pay_by_card' && kind !== 'create_link');
}

/**
 * What a caller was told before who comes with the same key, without the engine: what is asked of a new request may no
 * longer be so. @returns null when the key is new @throws KeyReusedError
 */
export async function toldBefore(db: Queryable, caller: Caller): Promise<Told | null> {
  const { scopeId, key } = caller;
  if (key === null) return null;
  const answerKey = { scopeId, key };
  const [stored] = await readResponses(db, [answerKey]);
  if (stored === undefined) return null;
  const standing = standingOf(stored, caller);
  switch (standing.kind) {
    case 'key_reused':
      throw new KeyReusedError('the idempotency key was used for another request');
    case 'pending':
      return { kind: 'pending', answerKey, replayed: true };
    case 'answered':
      return { ...standing, replayed: true, outcome: null };
  }
}
