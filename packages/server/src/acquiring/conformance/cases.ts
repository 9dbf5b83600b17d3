/** What is promised in `connector.ts`, one case a promise. */
import { randomUUID } from 'node:crypto';
import type { ConnectorAnswer, Notification, Notified, Question } from '../connector.ts';
import { isNotAsked } from '../connector.ts';
import { type RawAnswer, startProxy } from './proxy.ts';
import { AMOUNT, expectStatus, expectUnknown, Nonconformance, NotChecked, Trial } from './trial.ts';

export interface Case {
  readonly name: string;
  /** What a connector must do. */
  readonly promise: string;
  readonly check: (trial: Trial) => Promise<void>;
}

const PART = AMOUNT / 4n;

const DECISIONS: readonly Case[] = [
  {
    name: 'approve',
    promise: 'an approved card is `approved`, at once and when it is asked again',
    check: async (trial) => {
      const payment = trial.newPayment();
      const answer = expectStatus(
        await trial.within(trial.authorize(payment)),
        'approved',
        'the authorization',
      );
      if (answer.redirectUrl !== null) throw new Nonconformance('a redirectUrl is for a challenge only');
      expectStatus(await trial.within(trial.connector.inquire(payment)), 'approved', 'what is inquired');
    },
  },
  {
    name: 'decline',
    promise: 'a declined card is `declined`, with a code or null, and does not throw',
    check: async (trial) => {
      const payment = trial.newPayment();
      const ask = trial.within(trial.authorize(payment, trial.target.cards.declined));
      const answer = expectStatus(await ask, 'declined', 'the authorization');
      if (answer.declineCode !== null && typeof answer.declineCode !== 'string')
        throw new Nonconformance('the declineCode is neither text nor null');
      expectStatus(await trial.within(trial.connector.inquire(payment)), 'declined', 'what is inquired');
    },
  },
  ...[true, false].map(
    (approve): Case => ({
      name: approve ? 'challenge passed' : 'challenge failed',
      promise: `a challenge leads to the bank’s page, stays one until the payer has answered, and is then ${approve ? '`approved`' : '`declined`'}`,
      check: (trial) => checkChallenge(trial, approve),
    }),
  ),
];

async function checkChallenge(trial: Trial, approve: boolean): Promise<void> {
  const { cards, answerChallenge } = trial.target;
  if (cards.challenged === undefined || answerChallenge === undefined)
    throw new NotChecked('there is no card that is challenged');
  const payment = trial.newPayment();
  const first = await trial.within(trial.authorize(payment, cards.challenged));
  const { redirectUrl } = expectStatus(first, 'challenge', 'the authorization');
  if (redirectUrl === null || !/^https?:\/\//.test(redirectUrl))
    throw new Nonconformance('a challenge needs a redirectUrl of http or https');
  const question = trial.about(payment, 'complete');
  const complete = (): Promise<ConnectorAnswer> => trial.within(trial.connector.complete(question));
  expectStatus(await complete(), 'challenge', 'before the payer has answered it');
  await answerChallenge(redirectUrl, approve);
  expectStatus(await complete(), approve ? 'approved' : 'declined', 'after the payer has answered it');
  expectStatus(await complete(), approve ? 'approved' : 'declined', 'when it is asked once more, it');
}

const OPERATIONS: readonly Case[] = [
  {
    name: 'capture and refund',
    promise: 'what is captured and refunded is `done`; more than was captured is `declined`',
    check: async (trial) => {
      const payment = await trial.approved();
      const capture = trial.about(payment, 'capture');
      expectStatus(await trial.within(trial.connector.capture(capture)), 'done', 'the capture');
      expectStatus(
        await trial.within(trial.connector.inquire(capture)),
        'done',
        'the inquiry of the capture',
      );
      const refund = trial.about(payment, 'refund');
      expectStatus(await trial.within(trial.connector.refund(refund)), 'done', 'the refund');
      const more = await trial.within(trial.connector.refund(trial.about(payment, 'refund', PART)));
      expectStatus(more, 'declined', 'a refund of more than was captured');
    },
  },
  {
    name: 'release',
    promise: 'a hold that is released is `done`, and cannot be captured',
    check: async (trial) => {
      const payment = await trial.approved();
      const cancel = trial.about(payment, 'cancel');
      expectStatus(await trial.within(trial.connector.reverse(cancel)), 'done', 'the release');
      const capture = await trial.within(trial.connector.capture(trial.about(payment, 'capture')));
      expectStatus(capture, 'declined', 'a capture of what was released');
    },
  },
  {
    name: 'reverse what never came',
    promise: 'an authorization of unknown fate that the bank has not seen is reversed all the same: `done`',
    check: async (trial) => {
      const payment = trial.newPayment();
      const reversal = trial.about(payment, 'reverse');
      expectStatus(await trial.within(trial.connector.reverse(reversal)), 'done', 'the reversal');
    },
  },
];

const TIME_OUTS: readonly Case[] = [
  {
    name: 'time-out that worked',
    promise: 'an answer that does not come throws in time, and the inquiry then tells what the bank did',
    check: async (trial) => {
      const payment = trial.newPayment();
      const unheard = await trial.under({ kind: 'mute' }, () => trial.authorize(payment));
      expectUnknown(unheard, 'an authorization without an answer');
      expectStatus(await trial.within(trial.connector.inquire(payment)), 'approved', 'what is inquired');
      const capture = trial.about(payment, 'capture');
      const silent = await trial.under({ kind: 'mute' }, () => trial.connector.capture(capture));
      expectUnknown(silent, 'a capture without an answer');
      expectStatus(
        await trial.within(trial.connector.inquire(capture)),
        'done',
        'what is inquired of the capture',
      );
    },
  },
  {
    name: 'time-out that had not',
    promise: 'what the bank never got throws too, is unknown when inquired, and works when it is sent again',
    check: async (trial) => {
      const payment = trial.newPayment();
      const unheard = await trial.under({ kind: 'swallow' }, () => trial.authorize(payment));
      expectUnknown(unheard, 'an authorization that got lost');
      const known = await trial.within(trial.connector.inquire(payment));
      if (known !== null)
        throw new Nonconformance(`what the bank never got is ${known.status} when inquired, not null`);
      expectStatus(await trial.within(trial.authorize(payment)), 'approved', 'the same authorization again');
    },
  },
  {
    name: 'late answer',
    promise: 'an answer that comes after its time is not waited for, and changes nothing',
    check: async (trial) => {
      const payment = trial.newPayment();
      const delayMs = trial.timeoutMs * 2;
      const late = await trial.under({ kind: 'late', delayMs }, () => trial.authorize(payment));
      expectUnknown(late, 'an authorization whose answer is late');
      expectStatus(await trial.within(trial.connector.inquire(payment)), 'approved', 'what is inquired');
    },
  },
  {
    name: 'cut connection',
    promise: 'a connection that ends after the question came throws, and never as a NotAskedError',
    check: async (trial) => {
      for (const isDone of [true, false]) {
        const cut = await trial.under({ kind: 'cut', isDone }, () => trial.authorize(trial.newPayment()));
        expectUnknown(cut, 'an authorization whose connection is cut');
      }
    },
  },
  {
    name: 'bank that is not there',
    promise: 'without a connection it throws a NotAskedError: nothing reached the bank',
    check: async (trial) => {
      // Nothing listens on a port that has just been closed.
      const nowhere = new Trial(trial.target, trial.proxy, await closedUrl());
      const outcome = await nowhere.outcomeOf(nowhere.authorize(nowhere.newPayment()));
      if ('answer' in outcome)
        throw new Nonconformance(`an authorization of a bank that is not there is ${outcome.answer.status}`);
      if (!isNotAsked(outcome.error))
        throw new Nonconformance('it throws something else than a NotAskedError');
    },
  },
];

/** Where nobody listens. */
async function closedUrl(): Promise<string> {
  const proxy = await startProxy('http://127.0.0.1:1');
  await proxy.end();
  return proxy.url;
}

const INQUIRIES: readonly Case[] = [
  {
    name: 'inquiry of the unknown',
    promise: 'what the bank does not know is null, of payments and of other operations',
    check: async (trial) => {
      const payment = trial.newPayment();
      for (const question of [payment, trial.about(payment, 'capture')]) {
        const known = await trial.within(trial.connector.inquire(question));
        if (known !== null)
          throw new Nonconformance(`an unknown ${question.kind} is ${known.status}, not null`);
      }
    },
  },
  {
    name: 'inquiry without an answer',
    promise:
      'an inquiry that the bank does not answer, or answers with an error, throws: null would be a lie',
    check: async (trial) => {
      const payment = await trial.approved();
      const inquire = (): Promise<ConnectorAnswer | null> => trial.connector.inquire(payment);
      const answer = { status: 503, contentType: 'application/json', body: Buffer.from('{"error":"down"}') };
      expectUnknown(await trial.under({ kind: 'instead', answer }, inquire), 'an inquiry answered with 503');
      expectUnknown(await trial.under({ kind: 'swallow' }, inquire), 'an inquiry without an answer');
    },
  },
];

const REPETITIONS: readonly Case[] = [
  {
    name: 'repeated authorization',
    promise:
      'the same id again, also delivered twice at once, is the same authorization, with the same answer',
    check: async (trial) => {
      const payment = trial.newPayment();
      const twice = await trial.under({ kind: 'twice' }, () => trial.authorize(payment));
      if ('error' in twice) throw new Nonconformance('a question that was delivered twice throws');
      const first = expectStatus(twice.answer, 'approved', 'what was delivered twice');
      const again = expectStatus(await trial.within(trial.authorize(payment)), 'approved', 'the repetition');
      if (first.retrievalReferenceNumber !== again.retrievalReferenceNumber)
        throw new Nonconformance('the repetition has another reference number: it is another authorization');
    },
  },
  {
    name: 'repeated operation',
    promise: 'a capture, refund or release with the same id again is done once',
    check: async (trial) => {
      const payment = await trial.approved();
      const capture = trial.about(payment, 'capture');
      const refund = trial.about(payment, 'refund', PART);
      for (const time of ['the first time', 'again', 'once more']) {
        expectStatus(await trial.within(trial.connector.capture(capture)), 'done', `the capture, ${time},`);
      }
      for (const time of ['the first time', 'again', 'once more'])
        expectStatus(await trial.within(trial.connector.refund(refund)), 'done', `the refund, ${time},`);
      const rest = await trial.within(trial.connector.refund(trial.about(payment, 'refund', AMOUNT - PART)));
      expectStatus(rest, 'done', 'the refund of all that is left, if the one before was done once,');
    },
  },
];

/** What is no answer, whatever was asked. */
const GARBAGE: Readonly<Record<string, RawAnswer>> = {
  'no JSON': answerOf('application/json', '{"status":"appro\u0000\ufffd<html>'),
  'a page': answerOf('text/html', '<!doctype html><title>Sign in</title>'),
  nothing: answerOf('application/json', ''),
  'an empty object': answerOf('application/json', '{}'),
  'a list': answerOf('application/json', '[]'),
  null: answerOf('application/json', 'null'),
  'a word': answerOf('application/json', '"approved"'),
  'a status that there is not': answerOf('application/json', '{"status":"perhaps"}'),
};

function answerOf(contentType: string, text: string, status = 200): RawAnswer {
  return { status, contentType, body: Buffer.from(text) };
}

const LIES: readonly Case[] = [
  {
    name: 'garbage',
    promise: 'what is no answer throws, whatever was asked',
    check: async (trial) => {
      const payment = await trial.approved();
      for (const [name, answer] of Object.entries(GARBAGE))
        for (const [what, ask] of Object.entries(questionsOn(trial, payment)))
          expectUnknown(
            await trial.under({ kind: 'instead', answer }, ask),
            `${name} as the answer to ${what}`,
          );
    },
  },
  {
    name: 'error status',
    promise: 'an answer with an HTTP status of an error throws, whatever stands in it',
    check: async (trial) => {
      const payment = trial.newPayment();
      await trial.within(trial.authorize(payment));
      const said = trial.proxy.lastAnswer;
      if (said === null) throw new Nonconformance('it does not ask the bank at its baseUrl');
      const answer = { ...said, status: 502 };
      const outcome = await trial.under({ kind: 'answer', answer }, () => trial.authorize(payment));
      expectUnknown(outcome, 'an approval with the status 502');
    },
  },
  {
    name: 'contradictory answer',
    promise: 'an answer to another question, or of another amount, throws',
    check: checkContradictions,
  },
];

/** Every method, about a payment that the bank has approved. */
function questionsOn(trial: Trial, payment: Question): Record<string, () => Promise<ConnectorAnswer | null>> {
  const { connector } = trial;
  return {
    authorize: () => trial.authorize(payment),
    complete: () => connector.complete(trial.about(payment, 'complete')),
    capture: () => connector.capture(trial.about(payment, 'capture')),
    refund: () => connector.refund(trial.about(payment, 'refund')),
    reverse: () => connector.reverse(trial.about(payment, 'cancel')),
    inquire: () => connector.inquire(payment),
  };
}

/** What the bank has said of one question is the answer to another one. */
async function checkContradictions(trial: Trial): Promise<void> {
  const { connector, proxy } = trial;
  const other = await trial.approved();
  const approval = spoken(proxy.lastAnswer);
  await trial.within(connector.capture(trial.about(other, 'capture')));
  const captured = spoken(proxy.lastAnswer);
  const payment = await trial.approved();
  const fresh = trial.newPayment();
  const larger = { ...other, amount: AMOUNT * 2n };
  const cases: readonly (readonly [string, RawAnswer, () => Promise<ConnectorAnswer | null>])[] = [
    ['the approval of another payment, to an authorization,', approval, () => trial.authorize(fresh)],
    ['the approval of another payment, to an inquiry,', approval, () => connector.inquire(payment)],
    ['the approval of another amount', approval, () => trial.authorize(larger)],
    ['an approval, to a capture,', approval, () => connector.capture(trial.about(payment, 'capture'))],
    ['another capture’s answer', captured, () => connector.capture(trial.about(payment, 'capture'))],
    ['a capture’s answer, to an authorization,', captured, () => trial.authorize(fresh)],
  ];
  for (const [what, answer, ask] of cases)
    expectUnknown(await trial.under({ kind: 'instead', answer }, ask), what);
}

function spoken(answer: RawAnswer | null): RawAnswer {
  if (answer === null) throw new Nonconformance('it does not ask the bank at its baseUrl');
  return answer;
}

const CAPABLE: readonly Case[] = [
  {
    name: 'partial capture',
    promise: 'with `partial_capture` a part of a hold is captured, and no more can be refunded',
    check: async (trial) => {
      trial.needs('partial_capture');
      const payment = await trial.approved();
      const capture = await trial.within(trial.connector.capture(trial.about(payment, 'capture', PART)));
      expectStatus(capture, 'done', 'a capture of a part');
      const more = await trial.within(trial.connector.refund(trial.about(payment, 'refund', AMOUNT)));
      expectStatus(more, 'declined', 'a refund of more than that part');
      const all = await trial.within(trial.connector.refund(trial.about(payment, 'refund', PART)));
      expectStatus(all, 'done', 'a refund of that part');
    },
  },
  {
    name: 'several captures',
    promise:
      'with `several_captures` a capture that is not `final` leaves the rest held, for further ones or a release',
    check: async (trial) => {
      trial.needs('several_captures');
      const payment = await trial.approved();
      const part = (final: boolean): Question => ({ ...trial.about(payment, 'capture', PART), final });
      for (const which of ['first', 'second'])
        expectStatus(
          await trial.within(trial.connector.capture(part(false))),
          'done',
          `the ${which} capture`,
        );
      expectStatus(await trial.within(trial.connector.capture(part(true))), 'done', 'the last capture');
      expectStatus(await trial.within(trial.connector.capture(part(true))), 'declined', 'one after the last');
      const all = await trial.within(trial.connector.refund(trial.about(payment, 'refund', PART * 3n)));
      expectStatus(all, 'done', 'a refund of all three');
    },
  },
  {
    name: 'partial reversal',
    promise: 'with `partial_reversal` a part of a hold is released, and the rest can be captured',
    check: async (trial) => {
      trial.needs('partial_reversal');
      const payment = await trial.approved();
      const part = await trial.within(trial.connector.reverse(trial.about(payment, 'cancel', PART)));
      expectStatus(part, 'done', 'a release of a part');
      const rest = await trial.within(
        trial.connector.capture(trial.about(payment, 'capture', AMOUNT - PART)),
      );
      expectStatus(rest, 'done', 'a capture of the rest');
    },
  },
  {
    name: 'tokens',
    promise:
      'with `tokens` an approval has the bank’s token of the card, which charges it again; others do not',
    check: async (trial) => {
      trial.needs('tokens');
      const { bankToken } = await trial.within(trial.authorize(trial.newPayment()));
      if (bankToken === null || bankToken === '') throw new Nonconformance('an approval has no bankToken');
      const again = await trial.within(trial.authorize(trial.newPayment(), { token: bankToken, cvc: null }));
      expectStatus(again, 'approved', 'a payment by the token');
      const unknown = await trial.within(
        trial.authorize(trial.newPayment(), { token: `no-${randomUUID()}`, cvc: null }),
      );
      expectStatus(unknown, 'declined', 'a payment by a token that the bank has not given');
    },
  },
  {
    name: 'merchant-initiated',
    promise:
      'with `merchant_initiated` a card whose payer has agreed to it is charged without them; the bank is told the network’s reference of the first payment',
    check: checkMerchantInitiated,
  },
];

async function checkMerchantInitiated(trial: Trial): Promise<void> {
  trial.needs('tokens');
  trial.needs('merchant_initiated');
  const { approved } = trial.target.cards;
  const first = await trial.within(
    trial.authorize(trial.newPayment(), approved, { use: 'first', frequencyDays: 28, until: null }),
  );
  expectStatus(first, 'approved', 'a first payment');
  const { bankToken, networkTransactionReference } = first;
  if (bankToken === null || networkTransactionReference === null)
    throw new Nonconformance(
      'the approval of a first payment has no bankToken or no networkTransactionReference',
    );
  const onFile = { use: 'merchant', reason: 'subscription', networkTransactionReference } as const;
  const charge = trial.authorize(trial.newPayment(), { token: bankToken, cvc: null }, onFile);
  expectStatus(await trial.within(charge), 'approved', 'a charge without the payer');
  if (trial.proxy.lastQuestion?.includes(networkTransactionReference) !== true)
    throw new Nonconformance('the bank is not told the networkTransactionReference of the first payment');
  const own = await trial.within(
    trial.authorize(trial.newPayment(), { token: bankToken, cvc: approved.cvc }, { use: 'payer' }),
  );
  expectStatus(own, 'approved', 'a payment by a card on file, by its payer');
}

const NEWS: readonly Case[] = [
  {
    name: 'notifications',
    promise:
      'with `notifications` what the bank sends names its payment; what anybody else might send is null, and never throws',
    check: checkNotifications,
  },
];

async function checkNotifications(trial: Trial): Promise<void> {
  trial.needs('notifications');
  const { cards, answerChallenge, notifications } = trial.target;
  if (notifications === undefined || cards.challenged === undefined || answerChallenge === undefined)
    throw new NotChecked('there is nothing that listens to notifications, or no card that is challenged');
  const payment = trial.newPayment();
  const { redirectUrl } = await trial.within(trial.authorize(payment, cards.challenged));
  if (redirectUrl === null) throw new Nonconformance('a challenge needs a redirectUrl');
  await answerChallenge(redirectUrl, true);
  const sent = await trial.within(notifications.received(payment.paymentId));
  const named = notified(trial, sent);
  if (named?.paymentId !== payment.paymentId)
    throw new Nonconformance('what the bank has sent does not name the payment that it is about');
  const stranger = new Trial({ ...trial.target, secret: `not ${trial.target.secret}` }, trial.proxy);
  const flipped = Uint8Array.from(sent.body, (byte, i) => (i === sent.body.length >> 1 ? byte ^ 1 : byte));
  const text = (body: string): Uint8Array => new TextEncoder().encode(body);
  const forgeries: readonly (readonly [string, Notified | null])[] = [
    ['without its headers', notified(trial, { ...sent, headers: {} })],
    ['of which one bit is another', notified(trial, { ...sent, body: flipped })],
    ['with something behind it', notified(trial, { ...sent, body: text(`${Buffer.from(sent.body)} `) })],
    ['of a bank with another secret', notified(stranger, sent)],
    ...['', 'null', '[]', '{"status":"appro'].map(
      (body) =>
        [`of nothing but ${JSON.stringify(body)}`, notified(trial, { ...sent, body: text(body) })] as const,
    ),
  ];
  for (const [what, heard] of forgeries)
    if (heard !== null) throw new Nonconformance(`a notification ${what} is believed`);
}

/** @throws Nonconformance when the connector throws, or has no way to read one */
function notified(trial: Trial, notification: Notification): Notified | null {
  const { connector } = trial;
  if (connector.notified === undefined) throw new Nonconformance('it has no method notified');
  try {
    return connector.notified(notification);
  } catch {
    throw new Nonconformance('a notification makes it throw');
  }
}

const DISCRETION: readonly Case[] = [
  {
    name: 'nothing told in errors',
    promise: 'no error tells the number of the card, its cvc, the secret, or a merchant’s credentials',
    check: async (trial) => {
      const { cards, secret, credentials = {} } = trial.target;
      const card = 'number' in cards.approved ? [cards.approved.number] : [cards.approved.token];
      const hidden = [secret, ...card, ...Object.values(credentials)].filter((text) => text.length >= 6);
      const answer = answerOf('application/json', '{"status":"perhaps"}', 400);
      for (const fate of [{ kind: 'instead', answer } as const, { kind: 'cut', isDone: false } as const]) {
        const outcome = await trial.under(fate, () => trial.authorize(trial.newPayment()));
        if (!('error' in outcome)) throw new Nonconformance('an answer that is none does not throw');
        const told = textOf(outcome.error);
        if (hidden.some((text) => told.includes(text)))
          throw new Nonconformance('an error tells the card, the secret or credentials');
      }
    },
  },
];

/** All that an error would tell a log, its causes too. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = Object.getOwnPropertyNames(error)
    .filter((name) => name !== 'cause')
    .map((name) => {
      const value: unknown = Reflect.get(error, name);
      return typeof value === 'object' ? JSON.stringify(value) : String(value);
    });
  return [...own, error.cause === undefined ? '' : textOf(error.cause)].join('\n');
}

export const CASES: readonly Case[] = [
  ...DECISIONS,
  ...OPERATIONS,
  ...TIME_OUTS,
  ...INQUIRIES,
  ...REPETITIONS,
  ...LIES,
  ...CAPABLE,
  ...NEWS,
  ...DISCRETION,
];
