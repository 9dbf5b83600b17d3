/** Requests that are sent slowly end after 30 s, as documented: nobody holds connections for nothing. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { type Sandbox, startSandbox } from '../support/sandbox.ts';

let sandbox: Sandbox;
before(async () => {
  sandbox = await startSandbox();
});
after(() => sandbox.stop());

/** Sends this and then a byte a second. @returns how long the connection lasted, and what was answered */
async function sendSlowly(text: string, more: string): Promise<{ seconds: number; answer: string }> {
  const socket = net.connect(Number(new URL(sandbox.url).port), '127.0.0.1');
  socket.on('error', () => undefined);
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk;
  });
  const startedAt = performance.now();
  socket.write(text);
  const timer = setInterval(() => socket.write(more), 1_000);
  await once(socket, 'close');
  clearInterval(timer);
  return { seconds: (performance.now() - startedAt) / 1_000, answer };
}

test('headers, a body, or nothing at all, byte by byte', async () => {
  const body =
    'POST /v1/wallet/authorize HTTP/1.1\r\nhost: localhost\r\nauthorization: pr_test_demo\r\ncontent-length: 500\r\n';
  const kinds = await Promise.all([
    sendSlowly('GET /health HTTP/1.1\r\nhost: localhost\r\nx: ', 'y'),
    sendSlowly(`${body}content-type: application/json\r\n\r\n{`, ' '),
    sendSlowly('', ''),
  ]);
  for (const { seconds, answer } of kinds) {
    // Looked at once a second; on a machine that has much else to do, late.
    assert.ok(seconds > 29 && seconds < 45, `${seconds} s`);
    assert.match(answer, /^HTTP\/1\.1 408 Request Timeout\r\n[\s\S]*"reason":"request_timeout"/);
  }
});
