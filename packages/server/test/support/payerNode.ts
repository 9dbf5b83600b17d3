/**
 * A node with a door for payers of links, who have no API key: for tests that kill it. It speaks as main.ts does, and prints one
 * line with the address of the door: POST {"id", "method": "card" | "wallet", "attemptId"} pays a link.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readConfig } from '../../src/app/config.ts';
import { createLogger } from '../../src/app/logging.ts';
import { startServer } from '../../src/app/server.ts';
import { createPayerTools } from './links.ts';

const server = await startServer(readConfig(process.env), createLogger('fatal'));
const payer = createPayerTools(server.deps);
const door = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', async () => {
    const { id, method, ...options } = JSON.parse(Buffer.concat(chunks).toString());
    const paying = method === 'card' ? payer.byCard(id, options) : payer.byWallet(id, options);
    const [status, told] = await paying.then(
      (paid) => [200, paid] as const,
      (error: unknown) => [503, { kind: 'unknown', error: String(error) }] as const,
    );
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(told));
  });
});
door.listen(0, '127.0.0.1', () => {
  const { port } = door.address() as AddressInfo;
  console.log(JSON.stringify({ url: server.url, door: `http://127.0.0.1:${port}` }));
});
