import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { findIssues, type Issue, isIssueId, type Observations } from '../../src/reports/issues.ts';

const NOW = Date.parse('2026-11-21T12:00:00Z');
const MINUTE = 60_000;
const ENDPOINT = '0193a1fe-8f3c-7cc1-9d2b-6f0c8f1f2a3b';
const QUIET: Observations = {
  now: NOW,
  recent: { succeeded: 0, declined: 0, failed: 0 },
  usual: { succeeded: 0, declined: 0, failed: 0 },
  declines: [],
  outstanding: { count: 0, oldest: null },
  bankOperations: [],
  expiring: { count: 0, soonest: null, since: null },
  triedCards: { attempts: 0, declined: 0, cards: 0, since: null },
  failingEndpoints: [],
};

function summaryOf(seen: Partial<Observations>): string[] {
  return findIssues({ ...QUIET, ...seen }).map(({ id, severity, count }) => `${severity} ${id} ${count}`);
}

test('nothing happened: nothing to see', () => assert.deepEqual(summaryOf({}), []));

describe('success_rate_low', () => {
  const rate = (succeeded: number, declined: number, failed: number, usual: [number, number]) =>
    summaryOf({
      recent: { succeeded, declined, failed },
      usual: { succeeded: usual[0], declined: usual[1], failed: 0 },
    });
  const cases: [string, string[], string[]][] = [
    ['as usual', rate(90, 10, 0, [900, 100]), []],
    ['30 points less', rate(60, 30, 10, [900, 100]), ['critical success_rate_low 40']],
    ['20 points less', rate(70, 20, 10, [900, 100]), ['warning success_rate_low 30']],
    ['not 10 points less', rate(811, 189, 0, [9_000, 1_000]), []],
    ['10 points less, of many', rate(790, 210, 0, [9_000, 1_000]), ['warning success_rate_low 210']],
    ['within what chance does to so few', rate(16, 4, 0, [900, 100]), []],
    ['19 are too few', rate(0, 19, 0, [900, 100]), []],
    ['20 are enough', rate(0, 20, 0, [900, 100]), ['critical success_rate_low 20']],
    ['not known what is usual', rate(0, 50, 0, [90, 9]), []],
    ['better than usual', rate(100, 0, 0, [500, 500]), []],
  ];
  for (const [name, found, expected] of cases) test(name, () => assert.deepEqual(found, expected));
});

describe('decline_spike', () => {
  const spike = (recent: number, usual: number, decided = 1_000, reason: string | null = 'card_declined') =>
    summaryOf({
      recent: { succeeded: decided - recent, declined: recent, failed: 0 },
      declines: [{ reason, recent, usual, since: NOW - 30 * MINUTE }],
    });
  const cases: [string, string[], string[]][] = [
    ['9 are too few', spike(9, 0), []],
    ['10 that never were', spike(10, 0), ['warning decline_spike.card_declined 10']],
    ['not three times as many', spike(299, 100 * 24), []],
    ['three times as many', spike(300, 100 * 24), ['warning decline_spike.card_declined 300']],
    ['within chance: 5 an hour is usual', spike(17, 5 * 24), []],
    ['18 where 5 are usual', spike(18, 5 * 24), ['warning decline_spike.card_declined 18']],
    ['half of all', spike(500, 0), ['critical decline_spike.card_declined 500']],
    ['without a reason', spike(20, 0, 1_000, null), ['warning decline_spike.none 20']],
  ];
  for (const [name, found, expected] of cases) test(name, () => assert.deepEqual(found, expected));
});

test('what is outstanding, unknown to the bank, or about to expire', () => {
  const outstanding = (minutes: number) =>
    summaryOf({ outstanding: { count: 3, oldest: NOW - minutes * MINUTE } });
  assert.deepEqual(outstanding(40), ['warning transactions_outstanding 3']);
  assert.deepEqual(outstanding(120), ['critical transactions_outstanding 3']);
  const operation = { transactionId: '0193a1fe-8f3c-7cc1-9d2b-6f0c8f1f2a3b', requestedAt: NOW - 10 * MINUTE };
  assert.deepEqual(summaryOf({ bankOperations: [operation, operation] }), [
    'critical bank_operations_unknown 2',
  ]);
  const expiring = (minutes: number) =>
    summaryOf({ expiring: { count: 2, soonest: NOW + minutes * MINUTE, since: NOW - MINUTE } });
  assert.deepEqual(expiring(121), ['warning holds_expiring 2']);
  assert.deepEqual(expiring(120), ['critical holds_expiring 2']);
});

describe('webhook_endpoint_failing', () => {
  const failing = (minutes: number, disabledReason: 'gone' | 'failing' | null = null) =>
    summaryOf({
      failingEndpoints: [
        {
          id: ENDPOINT,
          url: 'https://a.b/c',
          failingSince: NOW - minutes * MINUTE,
          disabledReason,
          pending: 7,
        },
      ],
    });
  const found = `webhook_endpoint_failing.${ENDPOINT} 7`;
  const cases: [string, string[], string[]][] = [
    ['14 minutes happen', failing(14), []],
    ['15 minutes', failing(15), [`warning ${found}`]],
    ['not yet 2 hours', failing(119), [`warning ${found}`]],
    ['2 hours', failing(120), [`critical ${found}`]],
    ['disabled by a 410 just now', failing(0, 'gone'), [`critical ${found}`]],
    ['disabled by failures', failing(5 * 24 * 60, 'failing'), [`critical ${found}`]],
  ];
  for (const [name, issues, expected] of cases) test(name, () => assert.deepEqual(issues, expected));
});

describe('card_testing', () => {
  const tried = (attempts: number, declined: number, cards: number) =>
    summaryOf({ triedCards: { attempts, declined, cards, since: declined === 0 ? null : NOW - MINUTE } });
  const cases: [string, string[], string[]][] = [
    ['nobody tried', tried(0, 0, 0), []],
    ['15 cards, half of all attempts', tried(40, 20, 15), ['warning card_testing 20']],
    ['14 cards', tried(40, 40, 14), []],
    ['most attempts pay', tried(41, 20, 20), []],
    ['60 cards', tried(70, 60, 60), ['critical card_testing 60']],
    ['one payer who mistypes', tried(100, 100, 1), []],
  ];
  for (const [name, issues, expected] of cases) test(name, () => assert.deepEqual(issues, expected));
});

test('critical ones come first; each has data, a beginning and evidence; every id may be muted', () => {
  const issues: readonly Issue[] = findIssues({
    ...QUIET,
    recent: { succeeded: 60, declined: 40, failed: 0 },
    usual: { succeeded: 900, declined: 100, failed: 0 },
    declines: [
      { reason: 'insufficient_funds', recent: 38, usual: 24, since: NOW - 50 * MINUTE },
      { reason: 'card_declined', recent: 2, usual: 24, since: NOW - 55 * MINUTE },
      { reason: 'card_expired', recent: 0, usual: 24, since: NOW },
    ],
    outstanding: { count: 1, oldest: NOW - 40 * MINUTE },
    bankOperations: [{ transactionId: ENDPOINT, requestedAt: NOW - 10 * MINUTE }],
    expiring: { count: 2, soonest: NOW + 500 * MINUTE, since: NOW - 940 * MINUTE },
    triedCards: { attempts: 30, declined: 20, cards: 18, since: NOW - 45 * MINUTE },
    failingEndpoints: [
      {
        ...{ id: ENDPOINT, url: 'https://a.b/c', disabledReason: null, pending: 3 },
        failingSince: NOW - 40 * MINUTE,
      },
    ],
  });
  assert.deepEqual(
    issues.map(({ severity }) => severity),
    ['critical', 'critical', 'warning', 'warning', 'warning', 'warning', 'warning'],
  );
  // None is the time of asking, for any kind: each is when the first of what it is about happened.
  assert.deepEqual(
    issues.map(({ kind, since }) => [kind, (NOW - since) / MINUTE]),
    [
      ['bank_operations_unknown', 10],
      ['success_rate_low', 55],
      ['decline_spike', 50],
      ['transactions_outstanding', 40],
      ['card_testing', 45],
      ['holds_expiring', 940],
      ['webhook_endpoint_failing', 40],
    ],
  );
  assert.deepEqual(issues[1]?.data, {
    succeeded: 60,
    decided: 100,
    usuallySucceeded: 900,
    usuallyDecided: 1_000,
  });
  assert.deepEqual(
    issues.map(({ evidence }) => evidence),
    [
      `query=${ENDPOINT}`,
      'type=payment&status=rejected,transaction.failed&createdFrom=2026-11-21T11:00:00.000Z',
      'type=payment&status=rejected,transaction.failed&failureCode=insufficient_funds&createdFrom=2026-11-21T11:00:00.000Z',
      'status=created,3d&createdTo=2026-11-21T11:30:00.000Z',
      'type=payment&paymentMethod=card&status=rejected&createdFrom=2026-11-21T11:15:00.000Z',
      'type=payment&status=authorized&expiresTo=2026-11-22T12:00:00.000Z',
      ENDPOINT,
    ],
  );
  assert.deepEqual(issues.at(-1)?.data, { url: 'https://a.b/c', oldestSeconds: 2_400 });
  for (const { id } of issues) assert.ok(isIssueId(id), id);
  for (const id of [
    '',
    'decline_spike',
    'decline_spike.',
    'decline_spike.a b',
    'webhook_endpoint_failing',
    'other',
  ])
    assert.ok(!isIssueId(id), id);
});
