/** The acquirers as this node knows them: read every second, so that nothing is asked of the database for a payment. */
import {
  type AcquirerRoute,
  type AcquirerState,
  acquirersFor,
  type Capability,
  type Routed,
} from '../core/acquirers.ts';
import type { Secrets } from '../installation/secrets.ts';
import type { Pool } from '../postgres/pool.ts';
import { type AcquirerRow, findCredentials, listAcquirers, listRoutes } from './acquirersSql.ts';
import type { Connector, ConnectorModule, Credentials } from './connector.ts';

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
}

interface Known {
  readonly row: AcquirerRow;
  readonly hasCredentials: boolean;
  /** Null: it cannot be asked, since nobody has said where it is, or its connector is not on this node. */
  readonly connector: Connector | null;
}

const REFRESH_MS = 1_000;
/** How long new payments go elsewhere when an acquirer was not there. Then one of them tries it again. */
const DOWN_MS = 5_000;

export class AcquirerRegistry {
  readonly #options: RegistryOptions;
  #known = new Map<string, Known>();
  #routes: readonly AcquirerRoute[] = [];
  readonly #downUntil = new Map<string, number>();
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

  async refresh(): Promise<void> {
    const { pool } = this.#options;
    const [rows, routes] = await Promise.all([listAcquirers(pool), listRoutes(pool)]);
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

  #make({ id, connector: name, url, secret }: AcquirerRow): Connector | null {
    const { connectors, places, timeoutMs, secrets } = this.#options;
    const module = connectors.find((candidate) => candidate.name === name);
    try {
      const place =
        url === null || secret === null
          ? places.get(id)
          : { url: () => url, secret: secrets.open('acquirer secret', id, secret) };
      if (module === undefined || place === undefined) return null;
      return module.create({ baseUrl: place.url, secret: place.secret, timeoutMs });
    } catch (error) {
      // One that cannot be used must not keep this node from the others.
      this.#options.onError(error);
      return null;
    }
  }

  /** Whether any acquirer takes payments here. */
  get isSetUp(): boolean {
    return [...this.#known.values()].some(takesPayments);
  }

  /** Whether questions can be asked of it from here. */
  canBeAsked(acquirerId: string): boolean {
    const connector = this.#known.get(acquirerId)?.connector;
    return connector !== undefined && connector !== null;
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
    if (connector === undefined || connector === null)
      throw new Error(`acquirer ${acquirerId} is not set up on this node`);
    return connector;
  }

  /** What the merchant's questions are asked with; null: nothing is kept for them. */
  async credentialsOf(merchantId: string, acquirerId: string): Promise<Credentials | null> {
    if (this.#known.get(acquirerId)?.hasCredentials !== true) return null;
    const { pool, secrets } = this.#options;
    const kept = await findCredentials(pool, merchantId, acquirerId);
    if (kept === null) return null;
    return JSON.parse(secrets.open('acquirer credentials', kept.id, kept.sealed));
  }

  /** Undefined: this node has none of this name. */
  moduleOf(name: string): ConnectorModule | undefined {
    return this.#options.connectors.find((candidate) => candidate.name === name);
  }

  get connectorNames(): readonly string[] {
    return this.#options.connectors.map(({ name }) => name);
  }
}

function takesPayments({ row, connector }: Known): boolean {
  return row.takesPayments && connector !== null;
}

/** Whether the same connector serves both. */
function isSame(before: AcquirerRow, after: AcquirerRow): boolean {
  return (['connector', 'url', 'secret'] as const).every((name) => before[name] === after[name]);
}
