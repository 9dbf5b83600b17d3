// npm install @plexy-pay/sdk: see packages/sdk/README.md
import { createServer } from 'node:http';
import { verify } from '@plexy-pay/sdk/webhooks';

createServer(async (request, response) => {
  try {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const event = verify(Buffer.concat(chunks), request.headers, process.env.WEBHOOK_SECRET);
    console.log(event.name, event.data.id); // typed, and event.data.balance has every digit
    response.writeHead(204).end();
  } catch {
    response.writeHead(400).end();
  }
}).listen(process.env.PORT ?? 3000, '127.0.0.1');
