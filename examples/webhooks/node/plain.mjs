import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';

const key = Buffer.from(process.env.WEBHOOK_SECRET.replace('whsec_', ''), 'base64');
if (key.length === 0) throw new Error('WEBHOOK_SECRET must be whsec_…');

function verify(body, headers) {
  const { 'webhook-id': id, 'webhook-timestamp': time, 'webhook-signature': signatures = '' } = headers;
  if (!(Math.abs(Date.now() / 1000 - time) <= 300)) return false;
  const hmac = createHmac('sha256', key).update(`${id}.${time}.`).update(body);
  const expected = Buffer.from(`v1,${hmac.digest('base64')}`);
  return signatures.split(' ').some((signature) => {
    const given = Buffer.from(signature);
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
}

createServer(async (request, response) => {
  try {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks); // the bytes as they came
    if (!verify(body, request.headers)) return response.writeHead(400).end();
    const event = JSON.parse(body);
    console.log(event.name, event.data.id);
    response.writeHead(204).end();
  } catch {
    response.writeHead(400).end(); // cut off, or not JSON
  }
}).listen(process.env.PORT ?? 3000, '127.0.0.1');
