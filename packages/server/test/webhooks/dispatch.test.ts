/** What the dispatcher makes of a lane: attempts in its order, failures from one delivery to the next, and no longer than it may. */
import assert from 'node:assert/strict';
import { createSecretKey, randomUUID } from 'node:crypto';
import { describe, test } from 'node:test';
import type { Queryable } from '../../src/postgres/pool.ts';
import { TraceLookup } from '../../src/webhooks/attemptSpans.ts';
import {
  CLAIM_MS,
  Dispatcher,
  type Lane,
  type LaneOutcome,
  LEFT_ALONE_MS,
} from '../../src/webhooks/dispatch.ts';
import { formatOf } from '../../src/webhooks/formats.ts';
import type { Poster, PostResult } from '../../src/webhooks/post.ts';
import { RETRY_DELAYS_MS } from '../../src/webhooks/schedule.ts';
import { PER_ENDPOINT } from '../../src/webhooks/slots.ts';

const STANDARD = formatOf('standard') ?? assert.fail('it is the one of webhooks');

/** How each attempt of a dispatcher is answered, and how long that takes. */
interface TestAnswer {
  readonly statusCode: number;
  readonly latencyMs: number;
}

const NO_ONE_SEES = {
  traces: null,
  observe: { webhookAttempt: () => undefined },
  onError: (error: unknown): void => assert.fail(String(error)),
};

function dispatcherOf(
  answer: () => TestAnswer | Promise<TestAnswer>,
  traces: TraceLookup | null = null,
): Dispatcher {
  const post = async (): Promise<PostResult> => ({
    ...{ error: null, response: '', retryAfterMs: null },
    ...(await answer()),
  });
  // Of a poster it needs no more.
  return new Dispatcher({ ...NO_ONE_SEES, traces, poster: { post } as unknown as Poster });
}

/** What became of a lane whose deliveries are answered with these statuses, and how many were attempted. */
async function dispatch(
  statusCodes: readonly number[],
  lane: Partial<Lane> = {},
): Promise<{ outcome: LaneOutcome; posted: number }> {
  let posted = 0;
  const dispatcher = dispatcherOf(() => {
    const statusCode = statusCodes[posted] ?? 500;
    posted += 1;
    return { statusCode, latencyMs: 1 };
  });
  const outcome = await submit(dispatcher, randomUUID(), statusCodes.length, lane);
  return { outcome, posted };
}

/** Submits a lane of so many deliveries. */
async function submit(
  dispatcher: Dispatcher,
  endpointId: string,
  count: number,
  lane: Partial<Lane> = {},
): Promise<LaneOutcome> {
  const familyId = randomUUID();
  const target = {
    ...{ id: endpointId, merchantId: randomUUID(), version: 1, url: 'https://shop.example' },
    ...{ old: [], authorization: null, format: STANDARD },
    key: createSecretKey(Buffer.alloc(32)),
  };
  const deliveries = Array.from({ length: count }, (_, seq) => ({
    ...{ familyId, endpointId, transactionId: familyId, seq, name: 'transaction.charged' },
    ...{ eventAt: 0, attempts: 0, replay: false, callbackUrl: null, body: '{}' },
  }));
  const now = performance.now();
  return new Promise<LaneOutcome>((resolve) =>
    dispatcher.submit({
      ...{ familyId, endpointId, target, deliveries, now: Date.now(), claimedAt: now },
      ...{ failures: 0, onEnded: resolve },
      ...lane,
    }),
  );
}

describe('a lane', () => {
  test('counts failures of one delivery alone: a success begins anew', async () => {
    const { outcome } = await dispatch([200, 500], { failures: 2 });
    assert.deepEqual([outcome.finished, outcome.failures], [1, 1]);
    const [first = 0] = RETRY_DELAYS_MS;
    const due = outcome.dueInMs ?? 0;
    assert.ok(due >= first * 0.8 && due <= first * 1.2, `due in ${due} ms`);
  });

  test('is left with its failures, one more, while the same delivery fails', async () => {
    const { outcome, posted } = await dispatch([500, 200], { failures: 2 });
    assert.deepEqual([outcome.finished, outcome.failures, posted], [0, 3, 1]);
  });

  test('has delivered what was answered with 200 to 299, and nothing else', async () => {
    const statuses: [number, string][] = [
      [200, 'delivered'],
      [204, 'delivered'],
      [299, 'delivered'],
      [199, 'pending'],
      [300, 'pending'],
      [302, 'pending'],
      [304, 'pending'],
      [404, 'pending'],
    ];
    for (const [code, expected] of statuses) {
      const { outcome } = await dispatch([code]);
      assert.equal(outcome.attempts[0]?.status, expected, String(code));
      assert.equal(outcome.finished, expected === 'delivered' ? 1 : 0, String(code));
    }
  });

  test('whose time is over is attempted by nobody here', async () => {
    const { outcome, posted } = await dispatch([200, 200], { claimedAt: performance.now() - 10_001 });
    assert.equal(posted, 0);
    assert.deepEqual([outcome.attempts, outcome.finished, outcome.dueInMs], [[], 0, null]);
  });
});

test('a lane that cannot be sent, for no fault of its endpoint, is left at once, for a minute, with what was sent', async () => {
  const errors: unknown[] = [];
  let posted = 0;
  const post = async (): Promise<PostResult> => {
    posted += 1;
    if (posted > 1) throw new Error('the header is none');
    return { statusCode: 200, error: null, response: '', retryAfterMs: null, latencyMs: 1 };
  };
  const dispatcher = new Dispatcher({
    ...{ ...NO_ONE_SEES, onError: (error) => void errors.push(error) },
    poster: { post } as unknown as Poster,
  });
  const outcome = await submit(dispatcher, randomUUID(), 3, { failures: 2 });
  assert.deepEqual([outcome.attempts.length, outcome.finished, outcome.failures], [1, 1, 0]);
  assert.equal(outcome.dueInMs, LEFT_ALONE_MS);
  assert.match(String(errors), /the header is none/);
});

describe('an endpoint finds slots among those of quick ones', () => {
  /** How many slots it has, with nothing under way: those that slow ones share are fewer. */
  function isQuick(dispatcher: Dispatcher, endpointId: string): boolean {
    const slots = dispatcher.slots();
    let count = 0;
    while (slots.take({ merchantId: 'm', endpointId })) count += 1;
    return count > PER_ENDPOINT;
  }

  test('when it has answered within a second, and well, and not before', async () => {
    let answer = { statusCode: 200, latencyMs: 1_000 };
    const dispatcher = dispatcherOf(() => answer);
    const endpointId = randomUUID();
    assert.equal(isQuick(dispatcher, endpointId), false);
    for (const [statusCode, latencyMs, expected] of [
      [200, 1_000, true],
      [200, 1_001, false],
      [200, 5, true],
      [500, 5, false],
    ] as const) {
      answer = { statusCode, latencyMs };
      await submit(dispatcher, endpointId, 1);
      assert.equal(isQuick(dispatcher, endpointId), expected, `${statusCode} after ${latencyMs} ms`);
    }
  });

  test('until it has been silent for a second', async () => {
    let hangs = false;
    const dispatcher = dispatcherOf(() =>
      hangs ? new Promise<TestAnswer>(() => undefined) : { statusCode: 200, latencyMs: 1 },
    );
    const endpointId = randomUUID();
    await submit(dispatcher, endpointId, 1);
    hangs = true;
    void submit(dispatcher, endpointId, 1);
    assert.equal(isQuick(dispatcher, endpointId), true);
    await new Promise((resolve) => setTimeout(resolve, 1_050));
    assert.equal(isQuick(dispatcher, endpointId), false);
  });
});

describe('a trace that is not to be found out', () => {
  /** A database that answers when it is told to. */
  function silent(): { readonly traces: TraceLookup; readonly asked: () => number; answer(): void } {
    let asked = 0;
    const { promise, resolve } = Promise.withResolvers<{ rows: object[] }>();
    const query = (): Promise<{ rows: object[] }> => {
      asked += 1;
      return promise;
    };
    const traces = new TraceLookup({ query } as unknown as Queryable);
    return { traces, asked: () => asked, answer: () => resolve({ rows: [] }) };
  }
  const quick = (): TestAnswer => ({ statusCode: 200, latencyMs: 1 });

  test('holds no webhook up: the first attempt goes without it after a moment, the others at once', async () => {
    const { traces, asked, answer } = silent();
    const dispatcher = dispatcherOf(quick, traces);
    const startedAt = performance.now();
    const { finished } = await submit(dispatcher, randomUUID(), 100);
    assert.equal(finished, 100);
    // A third of a second each would be more than a lane may take.
    assert.ok(performance.now() - startedAt < CLAIM_MS);
    assert.equal(asked(), 1);
    answer();
    await new Promise(setImmediate);
    await submit(dispatcher, randomUUID(), 1);
    assert.equal(asked(), 2, 'once it answers, it is asked again');
  });

  test('begins no attempt after the claim is over', async () => {
    const { traces, answer } = silent();
    let posted = 0;
    const dispatcher = dispatcherOf(() => {
      posted += 1;
      return quick();
    }, traces);
    const claimedAt = performance.now() - CLAIM_MS + 100;
    const { attempts } = await submit(dispatcher, randomUUID(), 3, { claimedAt });
    assert.deepEqual([attempts.length, posted], [0, 0]);
    answer();
  });
});
