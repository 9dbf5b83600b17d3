/** The engine and what carries out what it leaves to do: each part is given the others that it needs. */
import { randomBytes } from 'node:crypto';
import { Acquirer } from '../acquiring/acquirer.ts';
import { BankTokens } from '../acquiring/bankTokens.ts';
import { createHttpBank } from '../acquiring/httpBank.ts';
import { LateAnswers } from '../acquiring/lateAnswers.ts';
import { GuessCounter } from '../customers/guessCounter.ts';
import { Engine } from '../engine/engine.ts';
import { EventFeed } from '../feed/feed.ts';
import { Auditor } from '../ledger/auditor.ts';
import { sealState } from '../payments/threeDSecureRoutes.ts';
import { lateTransactionAnswer } from '../payments/transactionViews.ts';
import { Readiness } from '../postgres/readiness.ts';
import { RequestLog } from '../requestLog/requestLog.ts';
import { createBankControl } from '../sandbox/bankControl.ts';
import { type LaunchBank, startBank } from '../sandbox/bankProcess.ts';
import { ClockTurns } from '../sandbox/clockSql.ts';
import { resetSandbox } from '../sandbox/reset.ts';
import { WebhookThread } from '../webhooks/thread.ts';
import type { Deps } from './deps.ts';

type Parts = Pick<
  Deps,
  | 'engine'
  | 'guesses'
  | 'acquirer'
  | 'lateAnswers'
  | 'readiness'
  | 'feed'
  | 'webhooks'
  | 'auditor'
  | 'requestLog'
  | 'bankControl'
  | 'clockTurns'
  | 'resetSandbox'
>;

export interface EngineParts extends Parts {
  /** Starts the simulated bank where there is no other, and looks after operations of unknown fate. */
  startBank(stops: (() => Promise<unknown>)[]): Promise<void>;
  /** Where payers' browsers reach this node. */
  readonly publicUrl: { current: string };
}

export interface EngineDeps
  extends Pick<Deps, 'config' | 'pool' | 'reserved' | 'secrets' | 'metrics' | 'logger'> {
  readonly databaseUrl: string;
  /** In place of a process of its own. */
  readonly launchBank?: LaunchBank | undefined;
}

/** The engine and what carries out what it leaves to do; each needs the other. */
export function createEngine(deps: EngineDeps): EngineParts {
  const { config, databaseUrl, pool, reserved, secrets, metrics, logger } = deps;
  const warn =
    (message: string) =>
    (error: unknown): void =>
      logger.warn({ err: error }, message);
  const directUrl = config.databaseDirectUrl ?? databaseUrl;
  const publicUrl = { current: config.publicUrl ?? `http://${config.host}:${config.port}` };
  const bank = bankOf(deps);
  const acquirer: Acquirer = new Acquirer({
    pool: reserved,
    engine: () => engine,
    connector: createHttpBank({
      baseUrl: bank.url,
      secret: bank.secret,
      timeoutMs: config.acquirerTimeoutMs,
    }),
    patienceMs: config.acquirerPatienceMs,
    authenticationUrl: (id) => `${publicUrl.current}/3ds/${sealState(secrets, id)}`,
    bankTokens: new BankTokens(reserved, secrets),
    onError: (error, operation) =>
      logger.warn({ err: error, operation: operation?.id }, 'the bank was not reached'),
  });
  const { feed, webhooks } = createReaders(deps, directUrl);
  const lateAnswers = new LateAnswers(reserved, () => acquirer);
  const { batchSize, batchLanes: lanes, maxQueue } = config;
  const engine = new Engine({
    ...{ databaseUrl, batchSize, lanes, maxQueue, patienceMs: 10_000, observe: metrics },
    gated: config.mode === 'sandbox',
    answerLate: lateTransactionAnswer,
    afterCommit: ({ newOperations, answered, hasEvents }) => {
      if (hasEvents) feed.committed();
      if (newOperations.length > 0) acquirer.begin(newOperations);
      if (answered.length > 0) lateAnswers.wake(answered);
    },
  });
  const bankControl = createBankControl(bank.url, bank.secret);
  const clockTurns = new ClockTurns(databaseUrl, warn('the connection of the clock was lost'));
  const guesses = new GuessCounter(reserved, warn('wrong IINs were not counted'));
  return {
    ...{ engine, guesses, acquirer, lateAnswers, feed, webhooks, bankControl, clockTurns, publicUrl },
    readiness: new Readiness(databaseUrl),
    auditor: new Auditor(directUrl, pool, warn('an audit was not finished')),
    requestLog: config.requestLog ? new RequestLog(pool, metrics, warn('requests were not logged')) : null,
    resetSandbox: async (asked) => {
      await resetSandbox({ pool, clockTurns, engine, acquirer, bank: bankControl, secrets }, asked);
      guesses.forget();
    },
    startBank: async (stops) => {
      await bank.start(stops);
      acquirer.start();
      stops.push(() => acquirer.stop());
    },
  };
}

interface Bank {
  /** Where it is now. */
  readonly url: () => string;
  readonly secret: string;
  /** Starts the simulated one; nothing where there is another. */
  start(stops: (() => Promise<unknown>)[]): Promise<void>;
}

function bankOf({ config, databaseUrl, logger, launchBank = startBank }: EngineDeps): Bank {
  if (config.acquirer !== null || config.mode !== 'sandbox') {
    const { url, secret } = config.acquirer ?? { url: NOWHERE, secret: '' };
    return { url: () => url, secret, start: async () => undefined };
  }
  const secret = randomBytes(24).toString('base64url');
  let url = (): string => NOWHERE;
  return {
    secret,
    url: () => url(),
    start: async (stops) => {
      const started = await launchBank({ databaseUrl, secret, onError: (message) => logger.warn(message) });
      stops.push(() => started.stop());
      url = started.url;
    },
  };
}

/** Nobody answers there. */
const NOWHERE = 'http://127.0.0.1:1';

/** What reads the events that the engine commits: for streams, and for webhooks. */
function createReaders(
  { config, databaseUrl, metrics, logger }: EngineDeps,
  directUrl: string,
): Pick<Parts, 'feed' | 'webhooks'> {
  const webhooks = new WebhookThread({
    entry: new URL('./webhookThread.ts', import.meta.url),
    data: {
      databaseUrl,
      mode: config.mode,
      secretKey: config.secretKey,
      otherSecretKeys: config.otherSecretKeys,
    },
    observe: metrics,
    onDisabled: (count) => logger.warn({ count }, 'webhook endpoints were disabled'),
    onError: (error) => logger.warn({ err: error }, 'webhooks were held up'),
  });
  const feed = new EventFeed({
    databaseUrl,
    directUrl,
    observe: {
      feedLag: metrics.feedLag,
      feedListening: (works) => {
        metrics.feedListening(works);
        webhooks.feedListening(works);
      },
    },
    onError: (error) => logger.warn({ err: error }, 'the event feed was not read'),
  });
  feed.watch(() => webhooks.committed());
  return { feed, webhooks };
}
