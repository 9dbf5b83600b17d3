import { createHash } from 'node:crypto';
import { formatMoney } from '@plexy-pay/money';
import type { StoredAuthorization } from '../store/rows.ts';

/** A whole HTML document. */
export type Page = string;

const style = `
:root { color-scheme: light dark; --page: #f3f4f7; --card: #fff; --text: #16181d; --quiet: #5b6270;
  --line: #dfe2e8; --edge: #7d8594; --accent: #0b5cd6; --accent-text: #fff; --shadow: 0 1px 2px #0f172a14, 0 12px 32px #0f172a14; }
@media (prefers-color-scheme: dark) { :root { --page: #101216; --card: #1a1d23; --text: #eceef2;
  --quiet: #a2a9b6; --line: #30353f; --edge: #7d8594; --accent: #6ea8ff; --accent-text: #0a1424; --shadow: none; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; min-height: 100dvh; display: grid; place-items: center; padding: 16px;
  background: var(--page); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
main { width: 100%; max-width: 420px; padding: 28px; background: var(--card); border: 1px solid var(--line);
  border-radius: 16px; box-shadow: var(--shadow); }
.bank { margin: 0 0 24px; display: flex; justify-content: space-between; gap: 12px; font-size: 14px;
  font-weight: 600; }
.bank span { color: var(--quiet); font-weight: 400; }
h1 { margin: 0 0 4px; font-size: 20px; line-height: 1.3; }
p { margin: 0; color: var(--quiet); }
.amount { margin: 20px 0; color: var(--text); font-size: 36px; font-weight: 650; line-height: 1.15;
  letter-spacing: -0.02em; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.amount small { font-size: 16px; font-weight: 500; letter-spacing: 0; color: var(--quiet); }
dl { margin: 0 0 24px; }
dl div { display: flex; justify-content: space-between; gap: 16px; padding: 12px 0;
  border-top: 1px solid var(--line); }
dl div:last-child { border-bottom: 1px solid var(--line); }
dt { color: var(--quiet); flex: none; }
dd { margin: 0; text-align: right; font-weight: 500; overflow-wrap: anywhere; min-width: 0; }
form { display: grid; gap: 10px; margin-bottom: 20px; }
button { width: 100%; min-height: 48px; padding: 12px 16px; border-radius: 10px; border: 1px solid var(--edge);
  background: transparent; color: inherit; font: inherit; font-weight: 600; cursor: pointer; }
button.approve { background: var(--accent); border-color: var(--accent); color: var(--accent-text); }
button:hover { filter: brightness(1.08); }
a { display: block; margin-top: 24px; padding: 12px 16px; border-radius: 10px; background: var(--accent);
  color: var(--accent-text); font-weight: 600; text-align: center; text-decoration: none; }
a:focus-visible, button:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; }
.hint { font-size: 14px; }
`;

/**
 * `form-action` also judges where a form's answer redirects to, hop by hop in Chromium, and a shop may
 * send its payer on to any address: so it names schemes, and the rest of the policy keeps scripts out.
 */
const policy = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`,
  "form-action 'self' https: http:",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join('; ');

/** On every answer of the page; `no-referrer` keeps the token in its address from the shop. */
export const pageHeaders = {
  'content-security-policy': policy,
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const;

export function challengePage(authorization: StoredAuthorization): Page {
  const { merchantName, amount, currency, cardBrand, cardLast4 } = authorization;
  const money = formatMoney(amount, currency);
  // A symbol may stand for several currencies; a currency without one shows its code already.
  const code = money.includes(currency) ? '' : ` <small>${escapeHtml(currency)}</small>`;
  return htmlDocument(
    'Confirm your payment',
    `<h1>Confirm your payment</h1>
<p>Check the shop and the amount before you approve.</p>
<p class="amount">${escapeHtml(money)}${code}</p>
<dl>
<div><dt>Shop</dt><dd><bdi>${escapeHtml(merchantName)}</bdi></dd></div>
<div><dt>Card</dt><dd>${escapeHtml(cardBrand)} <span aria-hidden="true">••••</span> <span>${escapeHtml(cardLast4)}</span></dd></div>
</dl>
<form method="post">
<button class="approve" name="decision" value="approve">Approve</button>
<button name="decision" value="decline">Decline</button>
</form>
<p class="hint">This is a test: no money moves. To leave the payment unanswered, close this page; it expires
15 minutes after it was started.</p>`,
  );
}

export function noticePage(title: string, text: string, shopUrl: string | null): Page {
  const link = shopUrl === null ? '' : `\n<a href="${escapeHtml(shopUrl)}">Back to the shop</a>`;
  return htmlDocument(title, `<h1>${escapeHtml(title)}</h1>\n<p>${escapeHtml(text)}</p>${link}`);
}

function htmlDocument(title: string, content: string): Page {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${escapeHtml(title)} · Simulated Bank</title>
<style>${style}</style>
</head>
<body>
<main>
<p class="bank">Simulated Bank <span>3-D Secure</span></p>
${content}
</main>
</body>
</html>
`;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? character);
}
