/** What the dispatcher makes of a lane: attempts in its order, failures from one delivery to the next, and no longer than it may. */
import assert from 'node:assert/strict';
import { createSecretKey, randomUUID } from 'node:crypto';
import { describe, test } from 'node:test';
import { Dispatcher, type Lane, type LaneOutcome } from '../../src/webhooks/dispatch.ts';
import type { Poster, PostResult } from '../../src/webhooks/post.ts';
import { RETRY_DELAYS_MS } from '../../src/webhooks/schedule.ts';

/** What became of a lane whose deliveries are answered with these statuses, and how many were attempted. */
async function dispatch(
  statusCodes: readonly number[],
  lane: Partial<Lane> = {},
): Promise<{ outcome: LaneOutcome; posted: number }> {
  let posted = 0;
  const post = async (): Promise<PostResult> => {
    const statusCode = statusCodes[posted] ?? 500;
    posted += 1;
    return { statusCode, error: null, response: '', latencyMs: 1, retryAfterMs: null };
  };
  const onError = (error: unknown): void => assert.fail(String(error));
  const dispatcher = new Dispatcher({
    // Of a poster it needs no more.
    poster: { post } as unknown as Poster,
    observe: { webhookAttempt: () => undefined },
    onError,
  });
  const [familyId, endpointId] = [randomUUID(), randomUUID()];
  const target = {
    ...{ id: endpointId, version: 1, url: 'https://shop.example', old: [], authorization: null },
    key: createSecretKey(Buffer.alloc(32)),
  };
  const deliveries = statusCodes.map((_, seq) => ({
    ...{ familyId, endpointId, transactionId: familyId, seq, name: 'transaction.charged' },
    ...{ eventAt: 0, attempts: 0, replay: false, body: '{}' },
  }));
  const now = performance.now();
  const outcome = await new Promise<LaneOutcome>((resolve) =>
    dispatcher.submit({
      ...{ familyId, endpointId, target, deliveries, now: Date.now(), claimedAt: now },
      ...{ failures: 0, deadline: { until: now + 10_000 }, onEnded: resolve },
      ...lane,
    }),
  );
  return { outcome, posted };
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
    const { outcome, posted } = await dispatch([200, 200], { deadline: { until: performance.now() - 1 } });
    assert.equal(posted, 0);
    assert.deepEqual([outcome.attempts, outcome.finished, outcome.dueInMs], [[], 0, null]);
  });
});
