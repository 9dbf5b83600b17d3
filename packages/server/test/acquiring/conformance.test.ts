/** The kit for authors of connectors: both simulated banks pass, and whatever a connector does wrong is found. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { type RunningBank, startBank } from '../../../bank/src/start.ts';
import { CASES } from '../../src/acquiring/conformance/cases.ts';
import { checkConnector } from '../../src/acquiring/conformance/check.ts';
import type { ConformanceTarget } from '../../src/acquiring/conformance/target.ts';
import type {
  AuthorizationRequest,
  Connector,
  ConnectorAnswer,
  ConnectorModule,
  Notification,
  Question,
} from '../../src/acquiring/connector.ts';
import { NotAskedError } from '../../src/acquiring/connector.ts';
import { HTTP_CONNECTOR } from '../../src/acquiring/httpBank.ts';
import { eventually } from '../support/cards.ts';
import { createDatabase, stopDatabaseServer, type TestDatabase } from '../support/database.ts';

const SECRET = 'the secret of the tests of the kit';
const cardOf = (number: string) => ({ number, expiryMonth: 12, expiryYear: 2040, cvc: '123', holder: null });

/** Where the bank's notifications arrive. */
const notifications = new Map<string, Notification>();
const listener = createServer(async (request, response) => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const headers = request.headers as Notification['headers'];
  notifications.set(JSON.parse(body.toString()).authorizationId, { headers, body });
  response.writeHead(204).end();
});

let database: TestDatabase;
let bank: RunningBank;
before(async () => {
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  database = await createDatabase();
  bank = await startBank({
    ...{ port: 0, host: '127.0.0.1', databaseUrl: database.url, secret: SECRET, publicUrl: undefined },
  });
});
after(async () => {
  listener.close();
  await bank?.stop();
  await database?.drop();
  await stopDatabaseServer();
});

function targetOf(patch: Partial<ConformanceTarget> & { readonly path?: string } = {}): ConformanceTarget {
  const { path = '', ...rest } = patch;
  return {
    connector: HTTP_CONNECTOR,
    baseUrl: `http://127.0.0.1:${bank.port}${path}`,
    secret: SECRET,
    // A busy machine takes its time for what is right.
    timeoutMs: 2_000,
    cards: {
      approved: cardOf('4242424242424242'),
      declined: cardOf('4000000000000002'),
      challenged: cardOf('4000000000003220'),
    },
    answerChallenge: async (redirectUrl, approve) => {
      const body = new URLSearchParams({ decision: approve ? 'approve' : 'decline' });
      const answered = await fetch(redirectUrl, { method: 'POST', body, redirect: 'manual' });
      assert.equal(answered.status, 303);
    },
    notifications: {
      url: `http://127.0.0.1:${(listener.address() as AddressInfo).port}/`,
      received: (paymentId) => eventually('it arrives', async () => notifications.get(paymentId)),
    },
    ...rest,
  };
}

describe('the simulated banks do what connectors promise', () => {
  test('the first one, all of it', async () => {
    const results = await checkConnector(targetOf());
    assert.deepEqual(
      results.filter(({ result }) => result !== 'passed'),
      [],
    );
    assert.ok(results.length >= 24, `${results.length} cases`);
  });

  test('the plain one, with what it can do', async () => {
    const capabilities = ['tokens', 'merchant_initiated', 'notifications'] as const;
    const results = await checkConnector(targetOf({ path: '/plain', capabilities }));
    assert.deepEqual(
      results.filter(({ result }) => result !== 'passed').map(({ name, result }) => [name, result]),
      [
        ['partial capture', 'not checked'],
        ['several captures', 'not checked'],
        ['partial reversal', 'not checked'],
      ],
    );
  });

  test('but not what it cannot', async () => {
    const results = await checkConnector(targetOf({ path: '/plain' }));
    assert.deepEqual(
      results.filter(({ result }) => result === 'failed').map(({ name }) => name),
      ['partial capture', 'several captures', 'partial reversal'],
    );
  });
});

/** A connector that is wrong in one way. */
type Wrong = (right: Connector, settings: Parameters<ConnectorModule['create']>[0]) => Partial<Connector>;

function wrong(change: Wrong): ConnectorModule {
  return {
    ...HTTP_CONNECTOR,
    create: (settings) => {
      const right = HTTP_CONNECTOR.create(settings);
      return { ...right, ...change(right, settings) };
    },
  };
}

const APPROVED: ConnectorAnswer = {
  ...{
    status: 'approved',
    declineCode: null,
    retrievalReferenceNumber: '1',
    redirectUrl: null,
    bankToken: 't',
    networkTransactionReference: null,
  },
};
const DECLINED: ConnectorAnswer = { ...APPROVED, status: 'declined', bankToken: null };
const DONE: ConnectorAnswer = { ...APPROVED, status: 'done', bankToken: null };

/** The answer, or this one where there is none. */
const or =
  <A extends unknown[]>(ask: (...args: A) => Promise<ConnectorAnswer>, instead: ConnectorAnswer) =>
  (...args: A): Promise<ConnectorAnswer> =>
    ask(...args).catch(() => instead);

/** Answers what stands in the body, whatever it is about and whatever its status. */
function credulous(
  { baseUrl, secret, timeoutMs }: Parameters<ConnectorModule['create']>[0],
  checksStatus: boolean,
) {
  return async (method: string, path: string, body?: object): Promise<ConnectorAnswer> => {
    const response = await fetch(`${baseUrl()}/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
      signal: AbortSignal.timeout(timeoutMs),
      ...(body && { body: JSON.stringify(body) }),
    });
    if (checksStatus && !response.ok) throw new Error(`status ${response.status}`);
    const {
      status,
      rrn = null,
      cardToken = null,
      acsUrl = null,
      declineCode = null,
      networkReference = null,
    } = (await response.json()) as Record<string, string | null | undefined>;
    if (
      status === undefined ||
      status === null ||
      !['approved', 'declined', 'challenge', 'done'].includes(status)
    )
      throw new Error('no answer');
    return {
      status: status as ConnectorAnswer['status'],
      ...{ declineCode, retrievalReferenceNumber: rrn, redirectUrl: acsUrl, bankToken: cardToken },
      networkTransactionReference: networkReference,
    };
  };
}

function authorizationOf({
  operation,
  card,
  merchantName,
  returnUrl,
  orderReference,
}: AuthorizationRequest): object {
  const { id, merchantId, currency } = operation;
  const typed = Object.fromEntries(Object.entries(card).filter(([, value]) => value !== null));
  const about = { id, merchantId, merchantName, amount: Number(operation.amount), currency, orderReference };
  return { ...about, card: typed, threeDS: true, returnUrl };
}

const anew = (question: Question): Question => ({ ...question, id: randomUUID() });

/** What is wrong, how, and the cases that must find it. */
const WRONGS: readonly (readonly [string, Wrong, readonly string[]])[] = [
  ['declines what is approved', () => ({ authorize: async () => DECLINED }), ['approve']],
  [
    'has a page to go to for whom nobody asks',
    ({ authorize }) => ({
      authorize: async (request) => ({ ...(await authorize(request)), redirectUrl: 'https://bank.example/' }),
    }),
    ['approve'],
  ],
  [
    'approves what is declined',
    ({ authorize }) => ({
      authorize: async (request) => {
        const answer = await authorize(request);
        return answer.status === 'declined' ? APPROVED : answer;
      },
    }),
    ['decline'],
  ],
  [
    'throws what is declined',
    ({ authorize }) => ({
      authorize: async (request) => {
        const answer = await authorize(request);
        if (answer.status === 'declined') throw new Error('declined');
        return answer;
      },
    }),
    ['decline'],
  ],
  [
    'forgets where the payer authenticates',
    ({ authorize }) => ({
      authorize: async (request) => ({ ...(await authorize(request)), redirectUrl: null }),
    }),
    ['challenge passed', 'challenge failed'],
  ],
  [
    'believes the payer’s browser',
    () => ({ complete: async () => APPROVED }),
    ['challenge passed', 'challenge failed'],
  ],
  [
    'never learns how 3-D Secure ended',
    ({ authorize }) => ({
      authorize,
      complete: async () => ({ ...APPROVED, status: 'challenge', redirectUrl: 'https://b.example/' }),
    }),
    ['challenge passed', 'challenge failed'],
  ],
  [
    'says that nothing can be captured',
    () => ({ capture: async () => DECLINED }),
    ['capture and refund', 'partial capture', 'repeated operation'],
  ],
  [
    'refunds whatever is asked',
    () => ({ refund: async () => DONE }),
    ['capture and refund', 'partial capture'],
  ],
  ['releases nothing', () => ({ reverse: async () => DONE }), ['release']],
  [
    'does not reverse what the bank does not know',
    ({ reverse, inquire }) => ({
      reverse: async (question) => {
        const known = await inquire({ ...question, kind: 'authorize', id: question.paymentId });
        return known === null ? DECLINED : reverse(question);
      },
    }),
    ['reverse what never came'],
  ],
  [
    'takes an answer that does not come for a decline',
    ({ authorize }) => ({ authorize: or(authorize, DECLINED) }),
    [
      'time-out that worked',
      'time-out that had not',
      'late answer',
      'cut connection',
      'bank that is not there',
    ],
  ],
  [
    'takes a capture without an answer for done',
    ({ capture }) => ({ capture: or(capture, DONE) }),
    ['time-out that worked', 'garbage', 'contradictory answer'],
  ],
  [
    'waits for an answer however long it takes',
    (_right, settings) => ({
      authorize: HTTP_CONNECTOR.create({ ...settings, timeoutMs: settings.timeoutMs * 20 }).authorize,
    }),
    ['time-out that worked', 'time-out that had not', 'late answer'],
  ],
  [
    'says of every failure that the bank was not asked',
    ({ authorize }) => ({
      authorize: (request) =>
        authorize(request).catch((cause: unknown) => {
          throw new NotAskedError('not asked', { cause });
        }),
    }),
    ['time-out that worked', 'time-out that had not', 'late answer', 'cut connection'],
  ],
  [
    'does not say that the bank is not there',
    ({ authorize }) => ({
      authorize: (request) =>
        authorize(request).catch(() => {
          throw new Error('something went wrong');
        }),
    }),
    ['bank that is not there'],
  ],
  [
    'throws what the bank does not know',
    ({ inquire }) => ({
      inquire: async (question) => {
        const known = await inquire(question);
        if (known === null) throw new Error('not found');
        return known;
      },
    }),
    ['inquiry of the unknown', 'time-out that had not'],
  ],
  [
    'takes what the bank does not know for declined',
    ({ inquire }) => ({ inquire: async (question) => (await inquire(question)) ?? DECLINED }),
    ['inquiry of the unknown', 'time-out that had not'],
  ],
  [
    'takes an inquiry without an answer for one that the bank does not know',
    ({ inquire }) => ({ inquire: (question) => inquire(question).catch(() => null) }),
    ['inquiry without an answer', 'garbage'],
  ],
  [
    'gives each authorization an id of its own, whatever it is asked with',
    ({ authorize }) => ({
      authorize: (request) => {
        const id = randomUUID();
        return authorize({ ...request, operation: { ...request.operation, id, paymentId: id } });
      },
    }),
    ['repeated authorization', 'time-out that worked'],
  ],
  [
    'gives each refund an id of its own',
    ({ refund }) => ({ refund: (question) => refund(anew(question)) }),
    ['repeated operation'],
  ],
  [
    'gives each capture an id of its own',
    ({ capture }) => ({ capture: (question) => capture(anew(question)) }),
    ['repeated operation', 'time-out that worked'],
  ],
  [
    'takes garbage for an approval',
    ({ authorize }) => ({
      authorize: (request) =>
        authorize(request).catch((error: unknown) => {
          if (error instanceof Error && error.message.includes('no answer')) return APPROVED;
          throw error;
        }),
    }),
    ['garbage', 'contradictory answer'],
  ],
  [
    'does not look at the status of HTTP',
    (_right, settings) => {
      const call = credulous(settings, false);
      return { authorize: (request) => call('POST', '/authorizations', authorizationOf(request)) };
    },
    ['error status'],
  ],
  [
    'does not look what an answer is about',
    (_right, settings) => {
      const call = credulous(settings, true);
      return {
        authorize: (request) => call('POST', '/authorizations', authorizationOf(request)),
        capture: ({ id: operationId, paymentId, amount }) =>
          call('POST', `/authorizations/${paymentId}/captures`, { operationId, amount: Number(amount) }),
      };
    },
    ['contradictory answer'],
  ],
  [
    'has no tokens where it says that it has',
    ({ authorize }) => ({
      authorize: async (request) => ({ ...(await authorize(request)), bankToken: null }),
    }),
    ['tokens'],
  ],
  [
    'approves any token',
    ({ authorize }) => ({
      authorize: (request) => ('token' in request.card ? Promise.resolve(APPROVED) : authorize(request)),
    }),
    ['tokens'],
  ],
  [
    'does not tell the bank what a card is kept for',
    ({ authorize }) => ({ authorize: (request) => authorize({ ...request, onFile: null }) }),
    ['merchant-initiated'],
  ],
  [
    'does not tell the bank which payment was the first one',
    ({ authorize }) => ({
      authorize: (request) =>
        authorize(
          request.onFile?.use === 'merchant'
            ? { ...request, onFile: { ...request.onFile, networkTransactionReference: null } }
            : request,
        ),
    }),
    ['merchant-initiated'],
  ],
  [
    'charges a card for its merchant as if its payer were there',
    ({ authorize }) => ({
      authorize: (request) =>
        authorize(request.onFile?.use === 'merchant' ? { ...request, onFile: { use: 'payer' } } : request),
    }),
    ['merchant-initiated'],
  ],
  [
    'forgets what the network knows a payment by',
    ({ authorize }) => ({
      authorize: async (request) => ({ ...(await authorize(request)), networkTransactionReference: null }),
    }),
    ['merchant-initiated'],
  ],
  [
    'captures all where a part is asked for',
    ({ capture }) => ({ capture: (question) => capture({ ...question, amount: 10_000n }) }),
    ['partial capture'],
  ],
  [
    'ends the hold with each capture',
    ({ capture }) => ({ capture: (question) => capture({ ...question, final: true }) }),
    ['several captures'],
  ],
  [
    'ends the hold with none',
    ({ capture }) => ({ capture: (question) => capture({ ...question, final: false }) }),
    ['several captures'],
  ],
  [
    'releases all where a part is asked for',
    ({ reverse }) => ({ reverse: (question) => reverse({ ...question, amount: 10_000n }) }),
    ['partial reversal'],
  ],
  [
    'believes any notification',
    () => ({
      notified: ({ body }) => {
        try {
          const { authorizationId: paymentId } = JSON.parse(Buffer.from(body).toString());
          return { paymentId, operationId: null };
        } catch {
          return null;
        }
      },
    }),
    ['notifications'],
  ],
  [
    'does not look what a notification has been signed with',
    ({ notified }) => ({
      notified: (notification) =>
        notified?.(notification) ??
        (notification.headers['bank-signature'] === undefined ? null : { paymentId: 'x', operationId: null }),
    }),
    ['notifications'],
  ],
  [
    'throws a notification that is not the bank’s',
    ({ notified }) => ({
      notified: (notification) => {
        const news = notified?.(notification) ?? null;
        if (news === null) throw new Error('forged');
        return news;
      },
    }),
    ['notifications'],
  ],
  ['understands no notification', () => ({ notified: () => null }), ['notifications']],
  [
    'tells the card in its errors',
    ({ authorize }) => ({
      authorize: (request) =>
        authorize(request).catch((cause: unknown) => {
          throw new Error(`failed: ${JSON.stringify(request.card)}`, { cause });
        }),
    }),
    ['nothing told in errors'],
  ],
  [
    'tells the secret in the causes of its errors',
    ({ authorize }, { secret }) => ({
      authorize: (request) =>
        authorize(request).catch((error: unknown) => {
          throw new Error('failed', {
            cause: Object.assign(new Error('headers'), { secret, error: String(error) }),
          });
        }),
    }),
    ['nothing told in errors'],
  ],
];

describe('a connector that is wrong is found', () => {
  for (const [name, change, cases] of WRONGS)
    test(`when it ${name}`, async () => {
      // What it does right is found as well: a kit that fails everything finds nothing.
      const right = ['approve', 'decline', 'inquiry of the unknown'].filter((one) => !cases.includes(one));
      const target = targetOf({ connector: wrong(change), timeoutMs: 500 });
      const results = await checkConnector(target, undefined, (one) => [...cases, ...right].includes(one));
      const namesOf = (wanted: string): string[] =>
        results.filter(({ result }) => result === wanted).map(({ name: one }) => one);
      assert.deepEqual(
        namesOf('failed')
          .filter((one) => cases.includes(one))
          .sort(),
        [...cases].sort(),
      );
      assert.ok(
        namesOf('passed').some((one) => right.includes(one)),
        namesOf('failed').join(', '),
      );
    });

  test('each case is failed by some connector', () => {
    const found = new Set(WRONGS.flatMap(([, , cases]) => cases));
    assert.deepEqual([...found].sort(), CASES.map(({ name }) => name).sort());
  });

  for (const [name, patch, reason] of [
    ['is of another version', { version: 1 }, /version 1/],
    ['has a name that is none', { name: 'Bank A' }, /name/],
    ['can do what there is not', { capabilities: ['magic'] }, /capabilities/],
    ['has no names for credentials', { credentialNames: null }, /credentialNames/],
    ['tells accounts apart by what is no credential', { accountNames: ['color'] }, /accountNames/],
    ['makes nothing', { create: null }, /create/],
  ] as const)
    test(`when its module ${name}: nothing more is asked`, async () => {
      const connector = { ...HTTP_CONNECTOR, ...patch } as unknown as ConnectorModule;
      const results = await checkConnector(targetOf({ connector }));
      assert.deepEqual(
        results.map(({ name: one, result }) => [one, result]),
        [['module', 'failed']],
      );
      assert.match(results[0]?.reason ?? '', reason);
    });
});
