/**
 * A bank in this process, and its connector: it knows merchants by accounts, and each account has books of its own. A server
 * loads it with CONNECTORS, so that a test sees the same books.
 */
import {
  CONNECTOR_VERSION,
  type Connector,
  type ConnectorAnswer,
  type ConnectorModule,
  type Question,
} from '../../src/acquiring/connector.ts';

export interface AskedAccount {
  readonly method: keyof Connector;
  readonly paymentId: string;
  readonly account: string;
}

interface Authorization {
  readonly done: Map<string, ConnectorAnswer>;
}

class AccountBank {
  /** Which key opens which account. */
  readonly keys = new Map<string, string>();
  readonly asked: AskedAccount[] = [];
  /** Of these the answers get lost, after the bank has done what was asked. */
  lost: readonly (keyof Connector)[] = [];
  readonly #books = new Map<string, Map<string, Authorization>>();

  /** Accounts that have authorized this payment. */
  accountsOf(paymentId: string): string[] {
    return [...this.#books].filter(([, book]) => book.has(paymentId)).map(([account]) => account);
  }

  async ask(method: keyof Connector, question: Question): Promise<ConnectorAnswer | null> {
    const { account = '', key = '' } = question.credentials ?? {};
    const { paymentId } = question;
    if ((this.keys.get(account) ?? '') !== key) throw new Error('the bank knows nobody by this key');
    this.asked.push({ method, paymentId, account });
    const answer = this.#answer(method, question, account);
    if (this.lost.includes(method)) throw new Error('the answer got lost');
    return answer;
  }

  #answer(
    method: keyof Connector,
    { id, paymentId, kind }: Question,
    account: string,
  ): ConnectorAnswer | null {
    const book = this.#books.get(account) ?? new Map<string, Authorization>();
    this.#books.set(account, book);
    const authorization = book.get(paymentId);
    if (method === 'authorize') {
      const made = authorization ?? { done: new Map([[paymentId, answerOf('approved')]]) };
      book.set(paymentId, made);
      return made.done.get(paymentId) ?? null;
    }
    if (method === 'inquire') return authorization?.done.get(kind === 'complete' ? paymentId : id) ?? null;
    if (authorization === undefined) return answerOf(kind === 'reverse' ? 'done' : 'declined');
    authorization.done.set(id, answerOf('done'));
    return answerOf('done');
  }
}

function answerOf(status: ConnectorAnswer['status']): ConnectorAnswer {
  const references = { retrievalReferenceNumber: '1', networkTransactionReference: null };
  return { status, declineCode: null, ...references, redirectUrl: null, bankToken: 'token' };
}

export const bank = new AccountBank();

async function certainly(method: keyof Connector, question: Question): Promise<ConnectorAnswer> {
  const answer = await bank.ask(method, question);
  if (answer === null) throw new Error('the bank said nothing');
  return answer;
}

const module: ConnectorModule = {
  version: CONNECTOR_VERSION,
  name: 'account-bank',
  capabilities: ['partial_capture', 'several_captures', 'partial_reversal', 'tokens', 'merchant_initiated'],
  credentialNames: ['account', 'key'],
  accountNames: ['account'],
  create: () => ({
    authorize: ({ operation }) => certainly('authorize', operation),
    complete: (question) => certainly('complete', question),
    capture: (question) => certainly('capture', question),
    reverse: (question) => certainly('reverse', question),
    refund: (question) => certainly('refund', question),
    inquire: (question) => bank.ask('inquire', question),
  }),
};
export default module;
