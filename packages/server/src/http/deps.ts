/** What the routes are given: made once in `server.ts`, passed as an argument. */
import type { FastifyBaseLogger } from 'fastify';
import type { Acquirer } from '../acquirer/acquirer.ts';
import type { BankControl } from '../acquirer/bankControl.ts';
import type { LateAnswers } from '../acquirer/lateAnswers.ts';
import type { Config } from '../config.ts';
import type { AuditEntry } from '../domain/auditLog.ts';
import type { Auditor } from '../engine/auditor.ts';
import type { Engine } from '../engine/engine.ts';
import type { EventFeed } from '../engine/feed.ts';
import type { RequestLog } from '../engine/requestLog.ts';
import type { Secrets } from '../secrets.ts';
import type { ClockTurns } from '../store/clock.ts';
import type { Pool } from '../store/postgres.ts';
import type { Readiness } from '../store/readiness.ts';
import type { WebhookThread } from '../webhooks/thread.ts';
import type { GuessCounter } from './guesses.ts';
import type { LockOuts } from './lockOuts.ts';
import type { Metrics } from './metrics.ts';
import type { Passwords } from './passwords.ts';
import type { Sessions } from './sessions.ts';
import type { Strangers } from './strangers.ts';
import type { TurnKind, Turns } from './turns.ts';

export interface Deps {
  readonly config: Config;
  /** For all that waits for its turn: lists, statistics, settings. */
  readonly pool: Pool;
  /** For API keys, sessions and what payments need besides the engine, which wait behind nothing else. */
  readonly reserved: Pool;
  /** For those who sign in: strangers can fill it, and nothing else waits for it. */
  readonly signIns: Pool;
  /** In which order the requests that are not payments get `pool`, and what card payments ask get `reserved`. */
  readonly turns: Readonly<Record<TurnKind, Turns>>;
  readonly engine: Engine;
  /** Who gets phone numbers and IINs wrong. */
  readonly guesses: GuessCounter;
  readonly acquirer: Acquirer;
  readonly lateAnswers: LateAnswers;
  readonly readiness: Readiness;
  readonly feed: EventFeed;
  readonly webhooks: WebhookThread;
  readonly auditor: Auditor;
  /** Null: it is switched off. */
  readonly requestLog: RequestLog | null;
  /** The levers of the simulated bank. */
  readonly bankControl: BankControl;
  /** Of those who move the sandbox's clock. */
  readonly clockTurns: ClockTurns;
  /** Puts a sandbox back to its seed. @param asked what its audit log begins with */
  readonly resetSandbox: (asked: AuditEntry) => Promise<void>;
  /** Where payers and customers reach this node with their browsers. */
  readonly publicUrl: { readonly current: string };
  readonly secrets: Secrets;
  readonly metrics: Metrics;
  readonly logger: FastifyBaseLogger;
}

/** What the routes for people who sign in need besides. */
export interface SignIn {
  readonly passwords: Passwords;
  readonly sessions: Sessions;
  readonly lockOuts: LockOuts;
  /** How many attempts a network may make, before any of them is counted. */
  readonly strangers: Strangers;
}

/** What a listener serves: merchants, operators, or (in the sandbox) both. */
export type Surface = 'merchant' | 'operator' | 'both';
