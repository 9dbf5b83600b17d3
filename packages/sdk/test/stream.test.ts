/** The stream against a server of our own making: what is lost, when it is opened again, and from where. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { AuthenticationError, PlexyPay, type PlexyPayError, type StreamedEvent } from '@plexy-pay/sdk';

type Connection = (response: ServerResponse, request: IncomingMessage) => void;

/** A client of a server that treats each connection as the next of these says. */
async function clientOf(t: TestContext, connections: Connection[]): Promise<PlexyPay> {
  const server = createServer((request, response) => connections.shift()?.(response, request));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return new PlexyPay({ apiKey: 'pr_test_x', baseUrl: `http://127.0.0.1:${port}` });
}

function begin(response: ServerResponse, id: string): void {
  response
    .writeHead(200, { 'content-type': 'text/event-stream' })
    .write(`event: heartbeat\nid: ${id}\ndata:\n\n`);
}

function eventText(id: string, seq: number): string {
  return `id: ${id}\nevent: transaction.created\ndata: {"name":"transaction.created","data":{},"seq":${seq}}\n\n`;
}

function fail(response: ServerResponse, status: number): void {
  const body = { code: 3, message: 'm', source: 's', type: 'apiError', reason: 'any', details: [] };
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

test('a lost connection is opened again after the last event or heartbeat, as often as it takes', async (t) => {
  const resumed: unknown[] = [];
  const note = (request: IncomingMessage): void => {
    resumed.push([request.headers['last-event-id'], request.headers.authorization]);
  };
  const plexy = await clientOf(t, [
    // Cut off within an event: that one is not delivered, and comes again.
    (response, request) => {
      note(request);
      begin(response, 'a');
      response.write(eventText('b', 1) + eventText('c', 2).slice(0, 40));
      setTimeout(() => response.destroy(), 50);
    },
    (response) => fail(response, 503),
    (response) => response.destroy(),
    (response, request) => {
      note(request);
      begin(response, 'b');
      const text = eventText('c', 2);
      // In pieces, and from a heartbeat on when it ends.
      for (const piece of [text.slice(0, 7), text.slice(7, 60), text.slice(60)]) response.write(piece);
      setTimeout(() => response.end('event: heartbeat\nid: d\ndata:\n\n'), 50);
    },
    (response, request) => {
      note(request);
      begin(response, 'd');
      response.write(eventText('e', 3));
    },
  ]);
  const lost: string[] = [];
  let opened = 0;
  const events: StreamedEvent[] = [];
  const onLost = (error: PlexyPayError, delayMs: number): void => {
    lost.push(error.name);
    assert.ok(delayMs >= 250 && delayMs <= 8_000);
  };
  const onOpen = (): void => {
    opened += 1;
  };
  for await (const event of plexy.transactions.stream({ onLost, onOpen })) {
    events.push(event);
    if (events.length === 3) break;
  }
  assert.deepEqual(
    events.map(({ seq, lastEventId }) => [seq, lastEventId]),
    [
      [1, 'b'],
      [2, 'c'],
      [3, 'e'],
    ],
  );
  assert.deepEqual(resumed, [
    [undefined, 'pr_test_x'],
    ['b', 'pr_test_x'],
    ['d', 'pr_test_x'],
  ]);
  assert.deepEqual(lost, ['ConnectionError', 'ServerError', 'ConnectionError', 'ConnectionError']);
  assert.equal(opened, 3);
});

test('a key that is revoked ends it; so does the caller, at once, also between two attempts', async (t) => {
  const plexy = await clientOf(t, [
    (response) => {
      begin(response, 'a');
      response.end();
    },
    (response) => fail(response, 401),
    (response) => begin(response, 'a'),
    (response) => fail(response, 503),
  ]);
  await assert.rejects(plexy.transactions.stream().next(), AuthenticationError);
  for (let i = 0; i < 2; i += 1) {
    const controller = new AbortController();
    const next = plexy.transactions.stream({ signal: controller.signal }).next();
    setTimeout(() => controller.abort(new Error('enough')), 100);
    await assert.rejects(next, /enough/);
  }
});

test('a server that is silent for 40 s is left', async (t) => {
  const plexy = await clientOf(t, [(response) => begin(response, 'a')]);
  const opened = Promise.withResolvers<void>();
  const lost = Promise.withResolvers<PlexyPayError>();
  const controller = new AbortController();
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const options = { signal: controller.signal, onOpen: opened.resolve, onLost: lost.resolve };
  const next = plexy.transactions.stream(options).next();
  await opened.promise;
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  for (let i = 0; i < 50; i += 1) await turn();
  t.mock.timers.tick(40_001);
  assert.match((await lost.promise).message, /silent for 40 s/);
  controller.abort(new Error('enough'));
  await assert.rejects(next, /enough/);
});

test('a stream that was never open is given up, and says where it looked', async (t) => {
  const nowhere = new PlexyPay({ apiKey: 'pr_test_x', baseUrl: 'http://127.0.0.1:1', maxRetries: 1 });
  const lost: number[] = [];
  const next = nowhere.transactions.stream({ onLost: (_error, delayMs) => lost.push(delayMs) }).next();
  await assert.rejects(next, {
    name: 'ConnectionError',
    message: 'no connection to http://127.0.0.1:1',
  });
  assert.equal(lost.length, 1);
  const busy = await clientOf(t, [(response) => fail(response, 503)]);
  await assert.rejects(busy.transactions.stream({ maxRetries: 0 }).next(), { name: 'ServerError' });
});

test('what is no stream is an error', async (t) => {
  const plexy = await clientOf(t, [
    (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>'),
  ]);
  await assert.rejects(plexy.transactions.stream().next(), {
    name: 'UnexpectedAnswerError',
    message: /answered GET \/v1\/transactions\/stream with a 200 that is not Plexy Pay's/,
  });
});
