/** The most that a Fastify handler on this machine could do: it reads the same requests and does nothing. */
import Fastify from 'fastify';

const app = Fastify();
app.post('/v1/wallet/authorize', async () => ({}));
process.on('SIGTERM', () => process.exit(0));
process.stdout.write(`listens on ${await app.listen({ host: '127.0.0.1', port: 0 })}\n`);
