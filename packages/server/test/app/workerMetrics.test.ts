/** The metrics of several workers as one page. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { WorkerMetrics } from '../../src/app/workerMetrics.ts';
import { createMetrics } from '../../src/http/metrics.ts';

describe('the metrics of several workers as one page', () => {
  test('sums what is counted, takes the worst of what is not, and forgets nothing of a worker that ended', async () => {
    const page = new WorkerMetrics();
    const workers = [createMetrics(), createMetrics()];
    for (const [i, metrics] of workers.entries()) {
      metrics.request('GET', '/a', 200, 0.01);
      metrics.queueDepth(3, 100);
      metrics.feedLag(i);
      metrics.feedListening(i === 0);
      metrics.webhookBacklog({ endpoints: [{ id: 'we_1', pending: 7 }], disabled: 2 });
    }
    const snapshots = await Promise.all(workers.map((metrics) => metrics.snapshot()));
    const lines = async (given: typeof snapshots): Promise<string[]> =>
      (await page.render(given, given.length))
        .split('\n')
        .filter((line) =>
          /^plexy_(workers|http.*_count|engine_queue|event_feed|webhook_(pending|endpoints))/.test(line),
        );
    const count = 'plexy_http_request_duration_seconds_count{method="GET",route="/a",status="200"}';
    const all = await lines(snapshots);
    for (const line of [
      `${count} 2`,
      'plexy_engine_queue_depth 6',
      'plexy_event_feed_lag_seconds 1',
      'plexy_event_feed_listening 0',
      'plexy_webhook_pending_deliveries{endpoint="we_1"} 7',
      'plexy_webhook_endpoints_disabled 2',
      'plexy_workers 2',
    ])
      assert.ok(all.includes(line), `${line} is not among ${all.join('\n')}`);
    const [first = [], second = []] = snapshots;
    page.keep(first);
    const left = await lines([second]);
    assert.ok(left.includes(`${count} 2`), left.join('\n'));
    assert.ok(left.includes('plexy_engine_queue_depth 3'));
  });
});
