/** What a start says once it listens. */
import type { Config } from './config.ts';

/** What the command line tool and the SDK take for granted. */
const DEFAULT_URL = 'http://127.0.0.1:8080';

/** One line in production; in a sandbox what one may do next. */
export async function greeting(config: Config, url: string): Promise<string> {
  if (config.mode === 'production') return `Plexy Pay listens on ${url}\n`;
  const { SEED_PASSWORD } = await import('../sandbox/fixtures.ts');
  return `
Plexy Pay sandbox
  Dashboard ${url}/dashboard     merchant@demo.test or operator@demo.test, password ${SEED_PASSWORD}
  API       ${url}/v1     key pr_test_demo
  Docs      ${url}/docs
  Operator  ${url}/v1/admin     key op_test_demo
  Webhooks  ${url === DEFAULT_URL ? '' : `PLEXY_URL=${url} `}npx plexy listen --forward-to http://localhost:3000/hook

Authorize a payment of 150.00 KZT:

  curl -sS ${url}/v1/wallet/authorize \\
    -H 'Authorization: pr_test_demo' \\
    -H 'Idempotency-Key: order-1' \\
    -H 'Content-Type: application/json' \\
    -d '{"amount":15000,"currency":"KZT","phoneNumber":"+77010000001","iin":"900101300017","orderReference":"ORDER-1"}'

`;
}
