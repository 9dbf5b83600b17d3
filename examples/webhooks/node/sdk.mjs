// npm install @plexy-pay/sdk: see packages/sdk/README.md
import { createServer } from 'node:http';
import { verify, WebhookVerificationError } from '@plexy-pay/sdk/webhooks';

const secret = process.env.WEBHOOK_SECRET;
if (!secret) throw new Error('set WEBHOOK_SECRET to the secret of the endpoint, whsec_…');

createServer(async (request, response) => {
  try {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const event = verify(Buffer.concat(chunks), request.headers, secret);
    console.log(event.name, event.data.id); // typed, and event.data.balance has every digit
    response.writeHead(204).end();
  } catch (error) {
    if (error instanceof WebhookVerificationError) return response.writeHead(400).end();
    console.error(error); // a mistake of this program: the webhook comes again
    response.writeHead(500).end();
  }
}).listen(process.env.PORT ?? 3000, '127.0.0.1');
