/** What the routes are given: made once in `server.ts`, passed as an argument. */
import type { FastifyBaseLogger } from 'fastify';
import type { Acquirer } from '../acquiring/acquirer.ts';
import type { LateAnswers } from '../acquiring/lateAnswers.ts';
import type { AcquirerRegistry } from '../acquiring/registry.ts';
import type { Engine } from '../engine/engine.ts';
import type { SinkThread } from '../eventSinks/thread.ts';
import type { EventFeed } from '../feed/feed.ts';
import type { Metrics } from '../http/metrics.ts';
import type { TurnKind, Turns } from '../http/turns.ts';
import type { LockOuts } from '../identity/lockOuts.ts';
import type { Provider } from '../identity/oidc/provider.ts';
import type { Passwords } from '../identity/passwords.ts';
import type { Sessions } from '../identity/sessions.ts';
import type { Strangers } from '../identity/strangers.ts';
import type { Secrets } from '../installation/secrets.ts';
import type { Auditor } from '../ledger/auditor.ts';
import type { Pool } from '../postgres/pool.ts';
import type { Readiness } from '../postgres/readiness.ts';
import type { Replica } from '../postgres/replica.ts';
import type { RequestLog } from '../requestLog/requestLog.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { GuessCounter } from '../walletHolders/guessCounter.ts';
import type { WebhookThread } from '../webhooks/thread.ts';
import type { Config } from './config.ts';

export interface Deps {
  readonly config: Config;
  /** For all that waits for its turn: lists, statistics, settings. */
  readonly pool: Pool;
  /** A standby, for lists and sums; null: there is none. */
  readonly replica: Replica | null;
  /** For API keys, sessions and what payments need besides the engine, which wait behind nothing else. */
  readonly reserved: Pool;
  /** For those who sign in: strangers can fill it, and nothing else waits for it. */
  readonly signIns: Pool;
  /** In which order the requests that are not payments get `pool`, and what card payments ask get `reserved`. */
  readonly turns: Readonly<Record<TurnKind, Turns>>;
  readonly engine: Engine;
  /** Who gets phone numbers and IINs wrong. */
  readonly guesses: GuessCounter;
  /** The banks that cards are paid by, as this node knows them. */
  readonly acquirers: AcquirerRegistry;
  /** Asks them. */
  readonly acquirer: Acquirer;
  readonly lateAnswers: LateAnswers;
  readonly readiness: Readiness;
  readonly feed: EventFeed;
  readonly webhooks: WebhookThread;
  /** Publishes events to the operator's broker. Null: there is none. */
  readonly eventSink: SinkThread | null;
  readonly auditor: Auditor;
  /** Null: it is switched off. */
  readonly requestLog: RequestLog | null;
  /** Null in production. */
  readonly sandbox: Sandbox | null;
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
  /** Where people may sign in besides; null: nowhere. */
  readonly provider: Provider | null;
}
