/** The engine and what carries out what it leaves to do: each part is given the others that it needs. */
import { Acquirer } from '../acquiring/acquirer.ts';
import { BankTokens } from '../acquiring/bankTokens.ts';
import type { ConnectorModule } from '../acquiring/connector.ts';
import { LateAnswers } from '../acquiring/lateAnswers.ts';
import { type AcquirerPlace, AcquirerRegistry } from '../acquiring/registry.ts';
import { DEFAULT_ACQUIRER_ID } from '../core/acquirers.ts';
import { Engine } from '../engine/engine.ts';
import { SinkThread } from '../eventSinks/thread.ts';
import { EventFeed } from '../feed/feed.ts';
import { Auditor } from '../ledger/auditor.ts';
import { sealState } from '../payments/threeDSecureRoutes.ts';
import { lateTransactionAnswer } from '../payments/transactionViews.ts';
import { Readiness } from '../postgres/readiness.ts';
import { RequestLog } from '../requestLog/requestLog.ts';
import type { LaunchBank } from '../sandbox/bankProcess.ts';
import { GuessCounter } from '../walletHolders/guessCounter.ts';
import { WebhookThread } from '../webhooks/thread.ts';
import type { Deps } from './deps.ts';

type Parts = Pick<
  Deps,
  | 'engine'
  | 'guesses'
  | 'acquirer'
  | 'acquirers'
  | 'lateAnswers'
  | 'readiness'
  | 'feed'
  | 'webhooks'
  | 'eventSink'
  | 'auditor'
  | 'requestLog'
  | 'sandbox'
>;

export interface EngineParts extends Parts {
  /** Starts the simulated bank where there is no other. */
  startBank(stops: (() => Promise<unknown>)[]): Promise<void>;
  /** Where payers' browsers reach this node. */
  readonly publicUrl: { current: string };
}

export interface EngineDeps
  extends Pick<Deps, 'config' | 'pool' | 'reserved' | 'secrets' | 'metrics' | 'logger'> {
  readonly databaseUrl: string;
  readonly connectors: readonly ConnectorModule[];
  /** What is behind the sandbox's door; null in production. */
  readonly room: SandboxRoom | null;
  /** How a sandbox comes by its bank: as a process of its own if nothing else is said. */
  readonly launchBank?: LaunchBank | undefined;
  /** What the bank asks of those who ask it; one of its own if nothing else is said. */
  readonly bankSecret?: string | undefined;
}

export type SandboxRoom = typeof import('../sandbox/room.ts');

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
  const acquirers = new AcquirerRegistry({
    ...{ pool: reserved, secrets, connectors: deps.connectors, places: bank.places },
    timeoutMs: config.acquirerTimeoutMs,
    onError: warn('the acquirers were not read'),
    onMissingConnector: ({ id, name, connector }) =>
      logger.warn(
        { acquirer: { id, name, connector } },
        'an acquirer cannot be asked from this node, which has no such connector: name it in CONNECTORS',
      ),
  });
  const acquirer: Acquirer = new Acquirer({
    pool: reserved,
    engine: () => engine,
    acquirers,
    patienceMs: config.acquirerPatienceMs,
    authenticationUrl: (id) => `${publicUrl.current}/3ds/${sealState(secrets, id)}`,
    notificationUrl: (id) => `${publicUrl.current}/v1/acquirers/${id}/notifications`,
    bankTokens: new BankTokens(reserved, secrets),
    observe: metrics,
    onError: (error, operation) =>
      logger.warn({ err: error, operation: operation?.id }, 'the bank was not reached'),
  });
  const { feed, webhooks, eventSink } = createReaders(deps, directUrl);
  const lateAnswers = new LateAnswers(reserved, () => acquirer);
  const { batchSize, batchLanes: connections, maxQueue } = config;
  const engine = new Engine({
    ...{ databaseUrl, batchSize, connections, maxQueue, patienceMs: 10_000, observe: metrics },
    gated: config.mode === 'sandbox',
    answerLate: lateTransactionAnswer,
    can: (acquirerId, capability) => acquirers.can(acquirerId, capability),
    afterCommit: ({ newOperations, answered, hasEvents }, origins) => {
      if (hasEvents) feed.committed();
      if (newOperations.length > 0) acquirer.begin(newOperations, origins);
      if (answered.length > 0) lateAnswers.wake(answered);
    },
  });
  const guesses = new GuessCounter(reserved, warn('wrong IINs were not counted'));
  const sandbox =
    deps.room?.createSandbox({
      ...{ config, databaseUrl, pool, secrets, engine, acquirer, bank },
      onReset: async () => {
        guesses.forget();
        await acquirers.refresh();
      },
      onClockLost: warn('the connection of the clock was lost'),
    }) ?? null;
  return {
    ...{ engine, guesses, acquirer, acquirers, lateAnswers, feed, webhooks, eventSink, sandbox, publicUrl },
    readiness: new Readiness(databaseUrl),
    auditor: new Auditor(directUrl, pool, warn('an audit was not finished')),
    requestLog: config.requestLog ? new RequestLog(pool, metrics, warn('requests were not logged')) : null,
    startBank: async (stops) => {
      const stopBank = await bank.start();
      stops.push(stopBank);
    },
  };
}

interface Bank {
  /** Where the acquirers are that have no URL of their own. */
  readonly places: ReadonlyMap<string, AcquirerPlace>;
  /** Starts the simulated one; nothing where there is another. @returns stops it */
  start(): Promise<() => Promise<void>>;
}

/** The bank that the operator has set up, else the sandbox's own; in production without either, nobody answers. */
function bankOf({ config, databaseUrl, logger, room, launchBank, bankSecret }: EngineDeps): Bank {
  if (config.acquirer === null && room !== null) {
    const onError = (message: string): void => logger.warn(message);
    return room.simulatedBank({ databaseUrl, onError }, launchBank, bankSecret);
  }
  const places = new Map<string, AcquirerPlace>();
  if (config.acquirer !== null) {
    const { url, secret } = config.acquirer;
    places.set(DEFAULT_ACQUIRER_ID, { url: () => url, secret });
  }
  return { places, start: async () => async () => undefined };
}

/** What reads the events that the engine commits: for streams, for webhooks, and for the operator's broker. */
function createReaders(deps: EngineDeps, directUrl: string): Pick<Parts, 'feed' | 'webhooks' | 'eventSink'> {
  const { config, databaseUrl, metrics, logger } = deps;
  const webhooks = new WebhookThread({
    entry: new URL('./webhookThread.ts', import.meta.url),
    data: {
      databaseUrl,
      mode: config.mode,
      secretKey: config.secretKey,
      otherSecretKeys: config.otherSecretKeys,
      tracing: config.tracing,
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
  const eventSink = createSink(deps);
  if (eventSink !== null) feed.watch(() => eventSink.committed());
  return { feed, webhooks, eventSink };
}

function createSink({ config, databaseUrl, metrics, logger }: EngineDeps): SinkThread | null {
  if (config.eventSink === null) return null;
  return new SinkThread({
    entry: new URL('./eventSinkThread.ts', import.meta.url),
    data: { databaseUrl, settings: config.eventSink },
    observe: metrics,
    onError: (error) => logger.warn({ err: error }, 'events were not published'),
  });
}
