import type { Capability, CardForBank, ConnectorModule, Credentials, Notification } from '../connector.ts';

/** What an author tells of their connector, so that it can be checked against a bank's test environment. */
export interface ConformanceTarget {
  readonly connector: ConnectorModule;
  /** The bank's test environment, without a slash at the end. Questions reach it through a proxy on this machine. */
  readonly baseUrl: string;
  readonly secret: string;
  /** What this bank can do; without it, all that the connector can. */
  readonly capabilities?: readonly Capability[];
  /** How long an answer of the bank may take. Default: 2,000. */
  readonly timeoutMs?: number;
  /** Default: KZT. */
  readonly currency?: string;
  /** Default: a UUID. */
  readonly merchantId?: string;
  readonly credentials?: Credentials;
  readonly cards: {
    readonly approved: CardForBank;
    readonly declined: CardForBank;
    /** One whose payer is asked for 3-D Secure. Without it that is not checked. */
    readonly challenged?: CardForBank;
  };
  /** Does what the payer does on the bank's page. Needed with `challenged`. */
  readonly answerChallenge?: (redirectUrl: string, approve: boolean) => Promise<void>;
  /**
   * What the bank sends by itself once the payer of a challenge has answered. Without it, or without a card that is
   * challenged, `notifications` are not checked.
   */
  readonly notifications?: {
    /** Where the bank sends them: what listens there is yours. */
    readonly url: string;
    /** The first one about this payment, as it came. */
    readonly received: (paymentId: string) => Promise<Notification>;
  };
}

/** What is wrong with what a module exports; null: nothing that can be seen beforehand. */
export function problemOfTarget(exported: unknown): string | null {
  if (typeof exported !== 'object' || exported === null) return 'its default export says nothing to check';
  const { connector, baseUrl, secret, cards, answerChallenge } = exported as Partial<ConformanceTarget>;
  if (connector === undefined) return 'it names no connector';
  if (typeof baseUrl !== 'string' || !URL.canParse(baseUrl)) return 'its baseUrl is no address';
  if (typeof secret !== 'string') return 'its secret is no text';
  if (cards?.approved === undefined || cards.declined === undefined)
    return 'its cards must have one that is approved and one that is declined';
  if (cards.challenged !== undefined && typeof answerChallenge !== 'function')
    return 'with a card that is challenged it must have answerChallenge';
  return null;
}
