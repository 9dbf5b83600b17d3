/** The page on which a customer approves or declines a payment. No script, nothing from elsewhere. */
import { createHash } from 'node:crypto';
import { formatMoney } from '@plexy-pay/money';
import { iso } from '../domain/time.ts';
import type { Transaction } from '../domain/transaction.ts';
import { escaped } from './noticePage.ts';

const STYLE = `
:root { color-scheme: light dark; --page: #f3f4f7; --card: #fff; --text: #16181d; --quiet: #5b6270;
  --line: #dfe2e8; --edge: #7d8594; --accent: #0b5cd6; --accent-text: #fff; }
@media (prefers-color-scheme: dark) { :root { --page: #101216; --card: #1a1d23; --text: #eceef2;
  --quiet: #a2a9b6; --line: #30353f; --edge: #7d8594; --accent: #6ea8ff; --accent-text: #0a1424; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; min-height: 100dvh; display: grid; place-items: center; padding: 16px;
  background: var(--page); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
main { width: 100%; max-width: 420px; min-width: 0; padding: 28px; background: var(--card);
  border: 1px solid var(--line); border-radius: 16px; }
h1 { margin: 0 0 4px; font-size: 20px; line-height: 1.3; }
p { margin: 0; color: var(--quiet); }
.amount { margin: 20px 0; color: var(--text); font-size: 34px; font-weight: 650; line-height: 1.15;
  letter-spacing: -0.02em; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.amount small { font-size: 16px; font-weight: 500; letter-spacing: 0; color: var(--quiet); }
dl { margin: 0 0 24px; }
dl div { display: flex; justify-content: space-between; gap: 16px; padding: 12px 0; border-top: 1px solid var(--line); }
dl div:last-child { border-bottom: 1px solid var(--line); }
dt { color: var(--quiet); flex: none; }
dd { margin: 0; min-width: 0; text-align: right; font-weight: 500; overflow-wrap: anywhere; }
form { display: grid; gap: 10px; }
button { width: 100%; min-height: 48px; padding: 12px 16px; border-radius: 10px; border: 1px solid var(--edge);
  background: transparent; color: inherit; font: inherit; font-weight: 600; cursor: pointer; }
button.approve { background: var(--accent); border-color: var(--accent); color: var(--accent-text); }
button:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; }
`;

/** No other site may show the page in a frame, and its forms lead nowhere but back here. */
const POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  // For the empty icon, which keeps browsers from asking for one.
  'img-src data:',
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join('; ');

export const PAGE_HEADERS = { 'content-security-policy': POLICY, 'x-frame-options': 'DENY' };

export type ConfirmationFields = Pick<Transaction, 'amount' | 'currency' | 'orderReference'>;

/** @param leftMs how long the customer may take; @param deadline when that is over */
export function confirmationPage(
  { amount, currency, orderReference }: ConfirmationFields,
  merchantName: string,
  leftMs: number,
  deadline: number,
): string {
  const money = formatMoney(amount, currency);
  // A symbol may stand for several currencies; a currency without one shows its code already.
  const code = money.includes(currency) ? '' : ` <small>${escaped(currency)}</small>`;
  const until = iso(deadline);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>Confirm your payment</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>Confirm your payment</h1>
<p>Check the shop and the amount before you approve.</p>
<p class="amount">${escaped(money)}${code}</p>
<dl>
<div><dt>Shop</dt><dd><bdi>${escaped(merchantName)}</bdi></dd></div>
<div><dt>Order</dt><dd><bdi>${escaped(orderReference)}</bdi></dd></div>
<div><dt>Time left</dt><dd>${timeLeft(leftMs)}<br><time datetime="${until}">until ${until.slice(11, 16)} UTC</time></dd></div>
</dl>
<form method="post">
<button class="approve" name="decision" value="approve">Approve</button>
<button name="decision" value="decline">Decline</button>
</form>
</main>
</body>
</html>
`;
}

function timeLeft(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes === 0) return 'less than a minute';
  return minutes === 1 ? '1 minute' : `${minutes} minutes`;
}
