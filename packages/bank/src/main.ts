import { readConfig } from './config.ts';
import { startBank } from './start.ts';

/** Ends with SIGTERM, and when stdin closes: the bank never outlives the server that started it. */
function untilToldToStop(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
    process.stdin.once('close', resolve);
    process.stdin.once('error', resolve);
    process.stdin.resume();
  });
}

const toldToStop = untilToldToStop();
try {
  const { port, stop } = await startBank(readConfig(process.env));
  console.log(JSON.stringify({ bank: 'listening', port }));
  await toldToStop;
  await stop();
  process.exit(0);
} catch (error) {
  // A refused connection to a name with several addresses has its reasons inside, and no message.
  const reason = error instanceof AggregateError ? error.errors.join('; ') : error;
  console.error(`bank: ${reason instanceof Error ? reason.message : reason}`);
  process.exit(1);
}
