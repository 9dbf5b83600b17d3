/** The acquirers as this node knows them: read every second, so that nothing is asked of the database for a payment. */
import {
  type AcquirerRoute,
  type AcquirerState,
  acquirersFor,
  type Capability,
  NO_CREDENTIALS_ID,
  type Routed,
} from '../core/acquirers.ts';
import type { BankOperation } from '../core/transaction.ts';
import type { Secrets } from '../installation/secrets.ts';
import type { Pool } from '../postgres/pool.ts';
import { type AcquirerRow, listAcquirers, listRoutes } from './acquirersSql.ts';
import type { Connector, ConnectorModule, Credentials, Notification, Notified } from './connector.ts';
import {
  findAccountsCredentials,
  findCredentialsOfPayment,
  findNewestCredentials,
  type SealedCredentials,
} from './credentialsSql.ts';

/** Where an acquirer is that has no URL of its own. */
export interface AcquirerPlace {
  readonly url: () => string;
  readonly secret: string;
}

export interface RegistryOptions {
  readonly pool: Pool;
  readonly secrets: Secrets;
  readonly connectors: readonly ConnectorModule[];
  /** By the acquirer's id: of the environment, or of the sandbox. */
  readonly places: ReadonlyMap<string, AcquirerPlace>;
  readonly timeoutMs: number;
  readonly onError: (error: unknown) => void;
  /** Told once of each, until it is set up otherwise. */
  readonly onMissingConnector: (acquirer: Pick<AcquirerRow, 'id' | 'name' | 'connector'>) => void;
}

interface Known {
  readonly row: AcquirerRow;
  readonly hasCredentials: boolean;
  /** How it is asked, or why this node cannot. */
  readonly connector: Connector | AcquirerProblem;
}

/**
 * Why a node cannot ask an acquirer: its version, or its CONNECTORS, has no such connector; nobody has told it where the
 * acquirer is; the connector cannot be made of what is set up.
 */
export const ACQUIRER_PROBLEMS = ['connector_missing', 'address_unknown', 'connector_failed'] as const;
export type AcquirerProblem = (typeof ACQUIRER_PROBLEMS)[number];

/** How a bank knows a merchant. */
export interface MerchantAtBank {
  readonly credentialsId: string;
  readonly credentials: Credentials | null;
}

const UNKNOWN_THERE: MerchantAtBank = { credentialsId: NO_CREDENTIALS_ID, credentials: null };

const REFRESH_MS = 1_000;
/** How long new payments go elsewhere when an acquirer was not there. Then one of them tries it again. */
const DOWN_MS = 5_000;

export class AcquirerRegistry {
  readonly #options: RegistryOptions;
  #known = new Map<string, Known>();
  #routes: readonly AcquirerRoute[] = [];
  readonly #downUntil = new Map<string, number>();
  #readsBegun = 0;
  /** The number of the read that the above is from. */
  #readKnown = 0;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: RegistryOptions) {
    this.#options = options;
  }

  /** Reads them once, and then every second. @throws what the database reports, the first time */
  async start(): Promise<void> {
    await this.refresh();
    const tick = async (): Promise<void> => {
      await this.refresh().catch(this.#options.onError);
      if (!this.#stopped) this.#timer = setTimeout(tick, REFRESH_MS).unref();
    };
    this.#timer = setTimeout(tick, REFRESH_MS).unref();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** What came before is known once this has resolved, however late an earlier read gets its answers. */
  async refresh(): Promise<void> {
    const { pool } = this.#options;
    this.#readsBegun += 1;
    const read = this.#readsBegun;
    const [rows, routes] = await Promise.all([listAcquirers(pool), listRoutes(pool)]);
    if (read < this.#readKnown) return;
    this.#readKnown = read;
    const known = new Map<string, Known>();
    for (const { hasCredentials, ...row } of rows) {
      const before = this.#known.get(row.id);
      const connector = before !== undefined && isSame(before.row, row) ? before.connector : this.#make(row);
      known.set(row.id, { row, hasCredentials, connector });
    }
    this.#known = known;
    this.#routes = routes;
  }

  /** Somebody has just changed them. */
  changed(): Promise<void> {
    return this.refresh().catch(this.#options.onError);
  }

  #make(row: AcquirerRow): Connector | AcquirerProblem {
    const { id, connector: name, url, secret } = row;
    const { places, timeoutMs, secrets } = this.#options;
    const module = this.moduleOf(name);
    if (module === undefined) {
      this.#options.onMissingConnector(row);
      return 'connector_missing';
    }
    try {
      const place =
        url === null || secret === null
          ? places.get(id)
          : { url: () => url, secret: secrets.open('acquirer secret', id, secret) };
      if (place === undefined) return 'address_unknown';
      return module.create({ baseUrl: place.url, secret: place.secret, timeoutMs });
    } catch (error) {
      // One that cannot be used must not keep this node from the others.
      this.#options.onError(error);
      return 'connector_failed';
    }
  }

  /** Whether any acquirer takes payments here. */
  get isSetUp(): boolean {
    return [...this.#known.values()].some(takesPayments);
  }

  /** Whether questions can be asked of it from here. */
  canBeAsked(acquirerId: string): boolean {
    const known = this.#known.get(acquirerId);
    return known !== undefined && problemOf(known) === null;
  }

  /** Why it cannot be asked from here; null: it can, or this node has not heard of it yet. */
  problemOf(acquirerId: string): AcquirerProblem | null {
    const known = this.#known.get(acquirerId);
    return known === undefined ? null : problemOf(known);
  }

  /** Those that other nodes have to ask. */
  get notHere(): string[] {
    return [...this.#known.keys()].filter((id) => this.problemOf(id) !== null);
  }

  /** One that this node has not heard of yet is taken to be able: the bank has the last word. */
  can(acquirerId: string, capability: Capability): boolean {
    return this.#known.get(acquirerId)?.row.capabilities.includes(capability) ?? true;
  }

  /** The acquirers that a new payment may go to, best first. */
  acquirersFor(payment: Routed): string[] {
    const now = performance.now();
    const states = new Map<string, AcquirerState>();
    for (const [id, known] of this.#known)
      states.set(id, { takesPayments: takesPayments(known), isDown: this.#isDown(id, now) });
    return acquirersFor(payment, this.#routes, (id) => states.get(id));
  }

  /** Whether it takes new payments here. */
  isOpen(acquirerId: string): boolean {
    const known = this.#known.get(acquirerId);
    return known !== undefined && takesPayments(known);
  }

  /** A payment is about to ask it. Where its time of being down is over, the others go on elsewhere until that is known. */
  noteTrial(acquirerId: string): void {
    if (this.#downUntil.has(acquirerId) && !this.#isDown(acquirerId, performance.now()))
      this.noteDown(acquirerId);
  }

  #isDown(id: string, now: number): boolean {
    return (this.#downUntil.get(id) ?? 0) > now;
  }

  noteDown(acquirerId: string): void {
    this.#downUntil.set(acquirerId, performance.now() + DOWN_MS);
  }

  /** It has answered. */
  noteUp(acquirerId: string): void {
    this.#downUntil.delete(acquirerId);
  }

  /** @throws Error when it cannot be asked from here, or not yet */
  connectorOf(acquirerId: string): Connector {
    const connector = this.#known.get(acquirerId)?.connector;
    if (connector === undefined || typeof connector === 'string')
      throw new Error(`acquirer ${acquirerId} is not set up on this node`);
    return connector;
  }

  /** Reads what somebody has sent who may be this acquirer; null: nobody can say that it is. */
  readNotification(acquirerId: string, notification: Notification): Notified | null {
    const known = this.#known.get(acquirerId);
    if (known === undefined || typeof known.connector === 'string') return null;
    if (!known.row.capabilities.includes('notifications')) return null;
    try {
      return known.connector.notified?.(notification) ?? null;
    } catch (error) {
      this.#options.onError(error);
      return null;
    }
  }

  /** What a new payment of the merchant's is asked with. No query where no merchant has credentials at the acquirer. */
  async credentialsFor(merchantId: string, acquirerId: string): Promise<MerchantAtBank> {
    if (this.#known.get(acquirerId)?.hasCredentials !== true) return UNKNOWN_THERE;
    const kept = await findNewestCredentials(this.#options.pool, merchantId, acquirerId);
    return kept === null ? UNKNOWN_THERE : { credentialsId: kept.id, credentials: this.#open(kept) };
  }

  /**
   * What a payment's questions are asked with, whatever new payments are asked with by now: the account at the bank that it
   * was authorized under, with the secret that this has now. Null: with nothing. @throws Error when they cannot be read
   */
  async credentialsOf(operation: BankOperation): Promise<Credentials | null> {
    const { pool } = this.#options;
    const credentialsId = operation.credentialsId ?? (await findCredentialsOfPayment(pool, operation));
    if (credentialsId === null || credentialsId === NO_CREDENTIALS_ID) return null;
    const kept = await findAccountsCredentials(pool, { ...operation, credentialsId });
    if (kept === undefined) throw new Error(`credentials ${credentialsId} are not kept`);
    return this.#open(kept);
  }

  #open({ id, sealed }: SealedCredentials): Credentials {
    return JSON.parse(this.#options.secrets.open('acquirer credentials', id, sealed));
  }

  /** Null: nobody can read them any more. That must not keep an operator from setting new ones. */
  openCredentialsIfReadable(kept: SealedCredentials): Credentials | null {
    try {
      return this.#open(kept);
    } catch (error) {
      this.#options.onError(error);
      return null;
    }
  }

  /** Undefined: this node has none of this name. */
  moduleOf(name: string): ConnectorModule | undefined {
    return this.#options.connectors.find((candidate) => candidate.name === name);
  }

  get connectorNames(): readonly string[] {
    return this.#options.connectors.map(({ name }) => name);
  }
}

function takesPayments(known: Known): boolean {
  return known.row.takesPayments && problemOf(known) === null;
}

function problemOf({ connector }: Known): AcquirerProblem | null {
  return typeof connector === 'string' ? connector : null;
}

/** Whether the same connector serves both. */
function isSame(before: AcquirerRow, after: AcquirerRow): boolean {
  return (['connector', 'url', 'secret'] as const).every((name) => before[name] === after[name]);
}
